"""The XML documents of S3: lists of objects and of uploads, results, errors."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from windtunnel.batteries.objects.store import Bucket, Entry

KEYS_MAX = 1000
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def document(name: str, fields: Mapping[str, Any]) -> bytes:
    """A document; values are texts, mappings, or lists of either."""
    inner = "".join(_element(key, value) for key, value in fields.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{NAMESPACE}">{inner}</{name}>'.encode()


def error_document(code: str, message: str, resource: str) -> bytes:
    """An error, which has no namespace."""
    inner = _element("Code", code) + _element("Message", message) + _element("Resource", resource)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()


def _element(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return f"<{name}>{''.join(_element(key, inner) for key, inner in value.items())}</{name}>"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "".join(_element(name, one) for one in value)
    return f"<{name}>{_text(str(value))}</{name}>"


def _text(value: str) -> str:
    """Text that XML can hold: other characters become question marks, for clients ask for URL encoding where they matter."""
    plain = value.encode("utf-8", "replace").decode()
    return escape("".join(c if c >= " " or c in "\t\n" else "?" for c in plain)).replace("\r", "&#13;")


def listing(name: str, bucket: Bucket, query: Mapping[str, str]) -> bytes:
    """ListObjectsV2, or ListObjects without `list-type=2`. Keys with the delimiter behind the prefix are rolled into prefixes."""
    second = query.get("list-type") == "2"
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    size = int(query["max-keys"]) if query.get("max-keys", "").isdigit() else KEYS_MAX
    size = min(size, KEYS_MAX)
    token = query.get("continuation-token", "") if second else ""
    after = _after(token) if token else query.get("start-after" if second else "marker", "")
    entries, prefixes, last, more = _page(bucket, prefix, delimiter, after, size)
    shown = (lambda text: quote(text, errors="surrogateescape")) if query.get("encoding-type") == "url" else str
    fields: dict[str, Any] = {"Name": name, "Prefix": shown(prefix), "MaxKeys": size}
    if delimiter:
        fields["Delimiter"] = shown(delimiter)
    if "encoding-type" in query:
        fields["EncodingType"] = query["encoding-type"]
    fields["IsTruncated"] = "true" if more else "false"
    if second:
        fields["KeyCount"] = len(entries) + len(prefixes)
        if token:
            fields["ContinuationToken"] = token
        if "start-after" in query:
            fields["StartAfter"] = shown(query["start-after"])
        if more:
            fields["NextContinuationToken"] = base64.urlsafe_b64encode(last.encode("utf-8", "surrogateescape")).decode()
    else:
        fields["Marker"] = shown(after)
        if more:
            fields["NextMarker"] = shown(last)
    fields["Contents"] = [_row(entry, shown(entry.key)) for entry in entries]
    fields["CommonPrefixes"] = [{"Prefix": shown(one)} for one in prefixes]
    return document("ListBucketResult", fields)


def _after(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return token


def _page(bucket: Bucket, prefix: str, delimiter: str, after: str, size: int) -> tuple[list[Entry], list[str], str, bool]:
    """Up to `size` objects and common prefixes behind `after`; the last of them; whether there are more."""
    entries: list[Entry] = []
    prefixes: list[str] = []
    last = after
    for key in bucket.keys(prefix, after):
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        rolled = key[: end + len(delimiter)] if end >= 0 else ""
        if rolled and (rolled == after or (prefixes and prefixes[-1] == rolled)):
            continue  # counted already, on this page or the one before
        if len(entries) + len(prefixes) >= size:
            return entries, prefixes, last, size > 0
        if rolled:
            prefixes.append(rolled)
            last = rolled
        else:
            entries.append(bucket.objects[key])
            last = key
    return entries, prefixes, last, False


def _row(entry: Entry, key: str) -> dict[str, Any]:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(int(entry.modified_s)))
    return {"Key": key, "LastModified": stamp, "ETag": f'"{entry.etag}"', "Size": entry.size, "StorageClass": "STANDARD"}


def uploads_listing(name: str, bucket: Bucket) -> bytes:
    """ListMultipartUploads, in one page."""
    rows = [{"Key": upload.key, "UploadId": upload_id} for upload_id, upload in bucket.uploads.items()]
    return document("ListMultipartUploadsResult", {"Bucket": name, "IsTruncated": "false", "Upload": rows})
