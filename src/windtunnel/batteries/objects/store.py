"""Where an object store keeps its objects: files that survive a power cut, and an index in memory.

An object is one file: a line of JSON (key, entity tag, headers), then the contents. It is written beside, synced, renamed, and
its directory is synced, before the caller hears of it; so a crash leaves the old object or the new one, whole, and what was
acknowledged is never lost. The file's name is a hash of the key, for keys may be longer than names. The parts of an upload are
files of the same kind. At the start every file is read once to build the index.
"""

from __future__ import annotations

import bisect
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from windtunnel.base.errors import StorageError
from windtunnel.batteries.durable import make_directory, replace_file, sync_directory

OBJECT, UPLOAD, PART = "o", "u", "p"  # first letters of the names of files


@dataclass(frozen=True, slots=True)
class Entry:
    """An object in the index. etag: without quotes; headers: what is given back with it; modified_s: seconds since 1970."""

    key: str
    etag: str
    size: int
    modified_s: float
    headers: dict[str, str]
    path: Path


@dataclass(slots=True)
class Upload:
    """An upload in parts that is not complete."""

    key: str
    headers: dict[str, str]
    path: Path
    parts: dict[int, Entry] = field(default_factory=dict)


class Bucket:
    """One bucket: objects by key, and the keys in order."""

    def __init__(self, path: Path, created_s: float) -> None:
        self.path = path
        self.created_s = created_s
        self.objects: dict[str, Entry] = {}
        self.uploads: dict[str, Upload] = {}
        self._keys: list[bytes] = []  # the order of S3 is that of UTF-8 bytes

    # --- Objects ---

    def get(self, key: str) -> Entry | None:
        """The object of that key."""
        return self.objects.get(key)

    def read(self, entry: Entry) -> bytes:
        """The contents. Raises StorageError when they are not what was written."""
        _, body = _read(entry.path)
        return body

    def put(self, key: str, body: bytes, headers: dict[str, str], now_s: float, etag: str | None = None) -> Entry:
        """Store an object, durably. Raises OSError; then nothing has changed."""
        entry = self._write(self._file(OBJECT, key), key, body, headers, now_s, etag)
        if key not in self.objects:
            bisect.insort(self._keys, _order(key))
        self.objects[key] = entry
        return entry

    def delete(self, key: str) -> None:
        """Remove an object, durably. Raises OSError."""
        entry = self.objects.get(key)
        if entry is not None:
            entry.path.unlink()
            sync_directory(self.path)
            del self.objects[key]
            del self._keys[bisect.bisect_left(self._keys, _order(key))]

    def keys(self, prefix: str = "", after: str = "") -> list[str]:
        """Keys with a prefix that come after `after`, in order."""
        low = bisect.bisect_left(self._keys, _order(prefix))
        if after:
            low = max(low, bisect.bisect_right(self._keys, _order(after)))
        found = []
        for raw in self._keys[low:]:
            if not raw.startswith(_order(prefix)):
                break
            found.append(raw.decode("utf-8", "surrogateescape"))
        return found

    # --- Uploads ---

    def begin(self, key: str, headers: dict[str, str], now_s: float) -> str:
        """Start an upload; returns its id."""
        upload_id = secrets.token_hex(16)
        path = self.path / f"{UPLOAD}{upload_id}"
        self._write(path, key, b"", headers, now_s)
        self.uploads[upload_id] = Upload(key, headers, path)
        return upload_id

    def put_part(self, upload_id: str, number: int, body: bytes, now_s: float) -> Entry:
        """Store a part, durably."""
        path = self.path / f"{PART}{upload_id}-{number:05}"
        part = self._write(path, f"{number}", body, {}, now_s)
        self.uploads[upload_id].parts[number] = part
        return part

    def complete(self, upload_id: str, numbers: list[int], now_s: float) -> Entry:
        """Make one object of parts; the rest of the upload is removed."""
        upload = self.uploads[upload_id]
        parts = [upload.parts[number] for number in numbers]
        digest = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in parts), usedforsecurity=False).hexdigest()
        body = b"".join(self.read(part) for part in parts)
        entry = self.put(upload.key, body, upload.headers, now_s, f"{digest}-{len(parts)}")
        self.abort(upload_id)
        return entry

    def abort(self, upload_id: str) -> None:
        """Forget an upload."""
        upload = self.uploads.pop(upload_id)
        for path in (upload.path, *(part.path for part in upload.parts.values())):
            path.unlink()
        sync_directory(self.path)

    # --- Inside ---

    def load(self) -> None:
        """Build the index from the files. Raises StorageError for a damaged one."""
        names = sorted(path.name for path in self.path.iterdir())
        parts: dict[str, Entry] = {}
        for name in names:
            path = self.path / name
            if name.endswith(".tmp"):
                path.unlink()  # was being written when the power went; nobody was told of it
                continue
            if name[:1] not in {OBJECT, UPLOAD, PART}:
                continue
            about, body = _read(path)
            entry = Entry(about["key"], about["etag"], len(body), about["modified_s"], about["headers"], path)
            if name[0] == OBJECT:
                self.objects[entry.key] = entry
            elif name[0] == UPLOAD:
                self.uploads[name[1:]] = Upload(entry.key, entry.headers, path)
            else:
                parts[name] = entry
        for name, entry in parts.items():
            upload_id, _, number = name[1:].rpartition("-")
            if upload_id in self.uploads:
                self.uploads[upload_id].parts[int(number)] = entry
            else:
                entry.path.unlink()  # of an upload that was completed or aborted just before the power went
        self._keys = sorted(_order(key) for key in self.objects)

    def _file(self, kind: str, key: str) -> Path:
        return self.path / (kind + hashlib.sha256(_order(key)).hexdigest())

    def _write(self, path: Path, key: str, body: bytes, headers: dict[str, str], now_s: float, etag: str | None = None) -> Entry:
        digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
        etag = digest if etag is None else etag
        about = {"key": key, "etag": etag, "modified_s": now_s, "headers": headers, "size": len(body), "md5": digest}
        replace_file(path, json.dumps(about).encode() + b"\n" + body)
        return Entry(key, etag, len(body), now_s, headers, path)


class Store:
    """Buckets under one directory. Raises StorageError, when it is opened, for damaged files."""

    def __init__(self, directory: Path) -> None:
        make_directory(directory)
        self._directory = directory
        self.buckets: dict[str, Bucket] = {}
        for path in sorted(directory.iterdir()):
            if path.is_dir():
                bucket = self.buckets[path.name] = Bucket(path, path.stat().st_mtime)
                bucket.load()

    def create(self, name: str, now_s: float) -> Bucket:
        """A new bucket, durably."""
        path = self._directory / name
        path.mkdir()
        sync_directory(self._directory)
        bucket = self.buckets[name] = Bucket(path, now_s)
        return bucket

    def remove(self, name: str) -> None:
        """Remove an empty bucket, durably."""
        bucket = self.buckets[name]
        for upload_id in list(bucket.uploads):
            bucket.abort(upload_id)
        bucket.path.rmdir()
        sync_directory(self._directory)
        del self.buckets[name]


def _order(key: str) -> bytes:
    return key.encode("utf-8", "surrogateescape")


def _read(path: Path) -> tuple[dict[str, Any], bytes]:
    data = path.read_bytes()
    head, newline, body = data.partition(b"\n")
    try:
        about = json.loads(head)
        digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
        whole = bool(newline) and about["size"] == len(body) and about["md5"] == digest
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise StorageError(f"{path}: not what was written")
    return about, body
