"""The S3 interface to a store: requests in, responses out.

Source: the Amazon S3 API reference, https://docs.aws.amazon.com/AmazonS3/latest/API/.
Keeps:   buckets; objects: PUT, GET with ranges, HEAD, DELETE, copies, many deletions at once; ListObjects and ListObjectsV2 with
         prefix, delimiter and pages; uploads in parts; conditions on entity tags and times, for reading and for writing;
         entity tags, Content-MD5, CRC32 and SHA checksums that clients send, chunks as the SDKs encode them; paths with the
         bucket first.
Omits:   versions, access control, tags, lifecycle, encryption, regions, virtual hosts.
Departs: signatures are accepted unread: anybody may do anything.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
import time
import zlib
from collections.abc import Callable
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET

from windtunnel.base.errors import StorageError
from windtunnel.batteries.http import BadRequest, Request, Response, chunk_size
from windtunnel.batteries.objects.listing import document, error_document, listing, uploads_listing
from windtunnel.batteries.objects.store import Bucket, Entry, Store

KEY_BYTES_MAX = 1024
PART_BYTES_MIN = 5 << 20  # all but the last
PARTS_MAX = 10000
DELETIONS_MAX = 1000

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_KEPT = ("content-type", "cache-control", "content-disposition", "content-language", "expires")


class Refused(Exception):  # noqa: N818 - what the interface calls an error response
    """An error response. code: the word of S3 for it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def _refuse(status: int, code: str, message: str) -> NoReturn:
    raise Refused(status, code, message)


class ObjectStore:
    """Answers requests from the store in `directory`."""

    def __init__(self, directory: str | Path, *, clock: Callable[[], float] = time.time) -> None:
        self.store = Store(Path(directory))
        self._clock = clock

    def __call__(self, request: Request) -> Response:
        """The response to a request; errors are documents with a code."""
        try:
            response = self._route(request)
        except Refused as refused:
            response = _error(refused.status, refused.code, str(refused), request.path)
        except StorageError as error:
            response = _error(500, "InternalError", str(error), request.path)
        except OSError as error:
            response = _error(500, "InternalError", f"the disk refused: {error.strerror}", request.path)
        response.headers.setdefault("x-amz-request-id", secrets.token_hex(8).upper())
        response.headers.setdefault("Server", "windtunnel")
        return response

    def _route(self, request: Request) -> Response:
        name, _, key = request.path.removeprefix("/").partition("/")
        if not name:
            return self._buckets(request)
        if not key:
            return self._bucket(request, name)
        if len(key.encode("utf-8", "surrogateescape")) > KEY_BYTES_MAX:
            _refuse(400, "KeyTooLongError", "Your key is too long")
        bucket = self._known(name)
        if "uploadId" in request.query or "uploads" in request.query:
            return self._upload(request, bucket, key)
        match request.method:
            case "GET" | "HEAD":
                return self._get(request, bucket, key)
            case "PUT":
                return self._put(request, bucket, key)
            case "DELETE":
                _check_write(request, bucket.get(key))
                bucket.delete(key)
                return Response(204)
        _refuse(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")

    # --- Buckets ---

    def _known(self, name: str) -> Bucket:
        bucket = self.store.buckets.get(name)
        if bucket is None:
            _refuse(404, "NoSuchBucket", "The specified bucket does not exist")
        return bucket

    def _buckets(self, request: Request) -> Response:
        if request.method != "GET":
            _refuse(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
        found = [{"Name": name, "CreationDate": stamp(bucket.created_s)} for name, bucket in self.store.buckets.items()]
        owner = {"ID": "windtunnel", "DisplayName": "windtunnel"}
        return _xml(document("ListAllMyBucketsResult", {"Owner": owner, "Buckets": {"Bucket": found}}))

    def _bucket(self, request: Request, name: str) -> Response:
        match request.method:
            case "PUT":
                if not _BUCKET.fullmatch(name) or ".." in name:
                    _refuse(400, "InvalidBucketName", "The specified bucket is not valid.")
                if name in self.store.buckets:
                    _refuse(409, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded.")
                self.store.create(name, self._clock())
                return Response(200, headers={"Location": f"/{name}"})
            case "HEAD":
                self._known(name)
                return Response(200)
            case "DELETE":
                if self._known(name).objects:
                    _refuse(409, "BucketNotEmpty", "The bucket you tried to delete is not empty")
                self.store.remove(name)
                return Response(204)
            case "GET":
                bucket = self._known(name)
                if "location" in request.query:
                    return _xml(document("LocationConstraint", {}))
                if "uploads" in request.query:
                    return _xml(uploads_listing(name, bucket))
                return _xml(listing(name, bucket, request.query))
            case "POST" if "delete" in request.query:
                return self._delete_many(request, self._known(name))
        _refuse(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")

    def _delete_many(self, request: Request, bucket: Bucket) -> Response:
        root = _parsed(body_of(request), "Delete")
        keys = [item.findtext("{*}Key") or "" for item in root.findall("{*}Object")]
        if not 0 < len(keys) <= DELETIONS_MAX:
            _refuse(400, "MalformedXML", "The XML you provided was not well-formed")
        for key in keys:
            bucket.delete(key)
        quiet = (root.findtext("{*}Quiet") or "").lower() == "true"
        return _xml(document("DeleteResult", {"Deleted": [] if quiet else [{"Key": key} for key in keys]}))

    # --- Objects ---

    def _get(self, request: Request, bucket: Bucket, key: str) -> Response:
        entry = bucket.get(key)
        if entry is None:
            _refuse(404, "NoSuchKey", "The specified key does not exist.")
        headers = _described(entry)
        unchanged = _check_read(request, entry)
        if unchanged:
            return Response(304, headers=headers)
        span = _span(request.headers.get("range", ""), entry.size)
        headers["Accept-Ranges"] = "bytes"
        if request.method == "HEAD" and span is None:
            return Response(200, headers=headers, length=entry.size)
        body = bucket.read(entry)
        if span is None:
            return Response(200, body, headers)
        headers["Content-Range"] = f"bytes {span[0]}-{span[1] - 1}/{entry.size}"
        return Response(206, body[span[0] : span[1]], headers)

    def _put(self, request: Request, bucket: Bucket, key: str) -> Response:
        source = request.headers.get("x-amz-copy-source")
        if source is not None:
            return self._copy(request, bucket, key, source)
        body = body_of(request)
        _check_write(request, bucket.get(key))
        entry = bucket.put(key, body, _headers(request), self._clock())
        return Response(200, headers={"ETag": f'"{entry.etag}"', **_checksums(request)})

    def _copy(self, request: Request, bucket: Bucket, key: str, source: str) -> Response:
        name, _, source_key = unquote(source.removeprefix("/")).partition("/")
        from_bucket = self._known(name)
        entry = from_bucket.get(source_key)
        if entry is None:
            _refuse(404, "NoSuchKey", "The specified key does not exist.")
        if _conditions_fail(request, entry, "x-amz-copy-source-"):
            _refuse(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
        _check_write(request, bucket.get(key))
        replaces = request.headers.get("x-amz-metadata-directive", "COPY").upper() == "REPLACE"
        headers = _headers(request) if replaces else entry.headers
        copied = bucket.put(key, from_bucket.read(entry), headers, self._clock())
        fields = {"ETag": f'"{copied.etag}"', "LastModified": stamp(copied.modified_s)}
        return _xml(document("CopyObjectResult", fields))

    # --- Uploads in parts ---

    def _upload(self, request: Request, bucket: Bucket, key: str) -> Response:
        name = request.path.removeprefix("/").partition("/")[0]
        if request.method == "POST" and "uploads" in request.query:
            upload_id = bucket.begin(key, _headers(request), self._clock())
            return _xml(document("InitiateMultipartUploadResult", {"Bucket": name, "Key": key, "UploadId": upload_id}))
        upload_id = request.query.get("uploadId", "")
        upload = bucket.uploads.get(upload_id)
        if upload is None or upload.key != key:
            _refuse(404, "NoSuchUpload", "The specified multipart upload does not exist.")
        match request.method:
            case "PUT":
                number = request.query.get("partNumber", "")
                if not re.fullmatch(r"[0-9]{1,5}", number) or not 1 <= int(number) <= PARTS_MAX:
                    _refuse(400, "InvalidArgument", f"Part number must be an integer between 1 and {PARTS_MAX}, inclusive")
                part = bucket.put_part(upload_id, int(number), body_of(request), self._clock())
                return Response(200, headers={"ETag": f'"{part.etag}"', **_checksums(request)})
            case "POST":
                return self._complete(request, bucket, name, upload_id)
            case "DELETE":
                bucket.abort(upload_id)
                return Response(204)
            case "GET":
                parts = [
                    {"PartNumber": n, "ETag": f'"{p.etag}"', "Size": p.size, "LastModified": stamp(p.modified_s)}
                    for n, p in sorted(upload.parts.items())
                ]
                fields = {"Bucket": name, "Key": key, "UploadId": upload_id, "IsTruncated": "false", "Part": parts}
                return _xml(document("ListPartsResult", fields))
        _refuse(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")

    def _complete(self, request: Request, bucket: Bucket, name: str, upload_id: str) -> Response:
        upload = bucket.uploads[upload_id]
        asked: list[tuple[int, str]] = []
        for part in _parsed(body_of(request), "CompleteMultipartUpload").findall("{*}Part"):
            number = part.findtext("{*}PartNumber") or ""
            if not number.isdigit():
                _refuse(400, "MalformedXML", "The XML you provided was not well-formed")
            asked.append((int(number), (part.findtext("{*}ETag") or "").strip('"')))
        if not asked:
            _refuse(400, "MalformedXML", "You must specify at least one part")
        numbers = [number for number, _ in asked]
        if numbers != sorted(set(numbers)):
            _refuse(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
        if any(number not in upload.parts or upload.parts[number].etag != etag for number, etag in asked):
            _refuse(400, "InvalidPart", "One or more of the specified parts could not be found.")
        if any(upload.parts[number].size < PART_BYTES_MIN for number in numbers[:-1]):
            _refuse(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
        _check_write(request, bucket.get(upload.key))
        entry = bucket.complete(upload_id, numbers, self._clock())
        location = f"/{name}/{quote(entry.key)}"
        fields = {"Location": location, "Bucket": name, "Key": entry.key, "ETag": f'"{entry.etag}"'}
        return _xml(document("CompleteMultipartUploadResult", fields))


# --- Bodies ---


def body_of(request: Request) -> bytes:
    """The contents that a request carries, checked against every checksum that came with them. Raises Refused."""
    body = request.body
    trailers: dict[str, str] = {}
    streaming = request.headers.get("x-amz-content-sha256", "").startswith("STREAMING-")
    if streaming or "aws-chunked" in request.headers.get("content-encoding", ""):
        body, trailers = decode_chunks(body)
    told = {**request.headers, **trailers}
    for header, (digest, code) in _DIGESTS.items():
        if header in told:
            try:
                expected = base64.b64decode(told[header], validate=True)
            except (binascii.Error, ValueError):
                _refuse(400, "InvalidDigest", f"The value of {header} is not valid.")
            if digest(body) != expected:
                _refuse(400, code, f"The {header} you specified did not match what we received.")
    plain = request.headers.get("x-amz-content-sha256", "")
    if re.fullmatch(r"[0-9a-f]{64}", plain) and hashlib.sha256(request.body).hexdigest() != plain:
        _refuse(400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
    return body


_DIGESTS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "content-md5": (lambda body: hashlib.md5(body, usedforsecurity=False).digest(), "BadDigest"),
    "x-amz-checksum-crc32": (lambda body: zlib.crc32(body).to_bytes(4, "big"), "BadDigest"),
    "x-amz-checksum-sha1": (lambda body: hashlib.sha1(body, usedforsecurity=False).digest(), "BadDigest"),
    "x-amz-checksum-sha256": (lambda body: hashlib.sha256(body).digest(), "BadDigest"),
}


def decode_chunks(data: bytes) -> tuple[bytes, dict[str, str]]:
    """The contents and the trailers of a body in the SDKs' own chunks. Raises Refused."""
    parts: list[bytes] = []
    at = 0
    while True:
        end = data.find(b"\r\n", at)
        try:
            size = chunk_size(data[at:end] if end >= 0 else b"")
        except BadRequest:
            _refuse(400, "IncompleteBody", "The request body is not in chunks as its headers say.")
        at = end + 2
        if size == 0:
            break
        if data[at + size : at + size + 2] != b"\r\n":
            _refuse(400, "IncompleteBody", "The request body terminated unexpectedly")
        parts.append(data[at : at + size])
        at += size + 2
    trailers: dict[str, str] = {}
    for line in data[at:].split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            trailers[name.decode("latin-1").strip().lower()] = value.decode("latin-1").strip()
    return b"".join(parts), trailers


def _checksums(request: Request) -> dict[str, str]:
    """Checksums that were sent in headers, given back as S3 does."""
    return {name: value for name, value in request.headers.items() if name.startswith("x-amz-checksum-") and name in _DIGESTS}


def _headers(request: Request) -> dict[str, str]:
    kept = {name: request.headers[name] for name in _KEPT if name in request.headers}
    coding = [word.strip() for word in request.headers.get("content-encoding", "").split(",")]
    coding = [word for word in coding if word and word != "aws-chunked"]
    if coding:
        kept["content-encoding"] = ",".join(coding)
    return kept | {name: value for name, value in request.headers.items() if name.startswith("x-amz-meta-")}


def _parsed(body: bytes, name: str) -> ET.Element:
    try:
        root = ET.fromstring(body)  # noqa: S314 - see the import
    except (ET.ParseError, ValueError, LookupError):
        _refuse(400, "MalformedXML", "The XML you provided was not well-formed")
    if root.tag.rpartition("}")[2] != name:
        _refuse(400, "MalformedXML", f"The document is no {name}")
    return root


# --- Conditions ---


def _tags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]


def _seconds(header: str) -> float | None:
    try:
        return parsedate_to_datetime(header).timestamp()
    except (ValueError, TypeError):
        return None  # as if it were not there


def _conditions_fail(request: Request, entry: Entry, prefix: str = "") -> bool:
    """If-Match, or in its absence If-Unmodified-Since; and for copies also the other two."""
    given = request.headers
    if f"{prefix}if-match" in given:
        if not {"*", entry.etag} & set(_tags(given[f"{prefix}if-match"])):
            return True
    elif (since := _seconds(given.get(f"{prefix}if-unmodified-since", ""))) is not None and int(entry.modified_s) > since:
        return True
    return bool(prefix) and _unchanged(request, entry, prefix)


def _unchanged(request: Request, entry: Entry, prefix: str = "") -> bool:
    given = request.headers
    if f"{prefix}if-none-match" in given:
        return bool({"*", entry.etag} & set(_tags(given[f"{prefix}if-none-match"])))
    since = _seconds(given.get(f"{prefix}if-modified-since", ""))
    return since is not None and int(entry.modified_s) <= since


def _check_read(request: Request, entry: Entry) -> bool:
    """Whether the client has it already (304). Raises Refused (412)."""
    if _conditions_fail(request, entry):
        _refuse(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
    return _unchanged(request, entry)


def _check_write(request: Request, entry: Entry | None) -> None:
    """Conditions of writing and deleting: the object is as the client thinks. Raises Refused (412, 404)."""
    match_, none = request.headers.get("if-match"), request.headers.get("if-none-match")
    if match_ is not None:
        if entry is None:
            _refuse(404, "NoSuchKey", "The specified key does not exist.")
        if not {"*", entry.etag} & set(_tags(match_)):
            _refuse(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
    if none is not None and entry is not None and {"*", entry.etag} & set(_tags(none)):
        _refuse(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")


def _span(header: str, size: int) -> tuple[int, int] | None:
    """The part that a Range asks for, end excluded; None for all of it, and for what is no range. Raises Refused (416)."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        start, end = max(size - int(match[2]), 0), size
        bad = int(match[2]) == 0 or size == 0
    else:
        start = int(match[1])
        end = min(int(match[2]) + 1, size) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
        bad = start >= size
    if bad:
        _refuse(416, "InvalidRange", "The requested range is not satisfiable")
    return start, end


# --- Responses ---


def stamp(seconds: float) -> str:
    """A time as the documents of S3 write it."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(seconds)))
    return f"{whole}.{int(seconds % 1 * 1000):03}Z"


def _described(entry: Entry) -> dict[str, str]:
    shown = {"ETag": f'"{entry.etag}"', "Last-Modified": formatdate(int(entry.modified_s), usegmt=True), **entry.headers}
    shown.setdefault("content-type", "binary/octet-stream")
    return shown


def _xml(body: bytes, status: int = 200) -> Response:
    return Response(status, body, {"Content-Type": "application/xml"})


def _error(status: int, code: str, message: str, resource: Any) -> Response:
    return _xml(error_document(code, message, str(resource)), status)
