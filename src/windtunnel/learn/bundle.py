"""All that a learner has, as one JSON file: to move to another machine, to hand in, to keep.

The evidence goes as it stands in the log, with its hashes; on the other side it is appended with the hash that it had
(`origin`), and what is known there already is left out. Keys do not travel.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import uuid
from pathlib import Path
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.learn.home import home_of, made, set_settings, settings
from windtunnel.learn.progress import Journal, canonical, record_of

FORMAT = "windtunnel-progress/1"
BYTES_MAX = 64 << 20
NOTES = "notes.jsonl"


def learner_id(home: Path | str | None = None) -> str:
    """The learner's identifier in exports: a UUID, drawn once. It says nothing about them."""
    chosen = settings(home).get("learner")
    if isinstance(chosen, str):
        return chosen
    fresh = str(uuid.uuid4())
    set_settings({"learner": fresh}, home)
    return fresh


def add_note(item: str, text: str, home: Path | str | None = None, *, at: str = "") -> dict[str, str]:
    """Put a note next to an item. Raises UsageError for an empty one."""
    if not text.strip():
        raise UsageError("a note needs a text")
    row = {"at": at or dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"), "item": item, "text": text}
    _append(made(home_of(home)) / NOTES, [row])
    return row


def notes(home: Path | str | None = None) -> list[dict[str, str]]:
    """All notes, oldest first. Lines that are no notes are passed over; the file is left as it is."""
    try:
        lines = (home_of(home) / NOTES).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"cannot read {home_of(home) / NOTES}: {error.strerror}") from None
    return [row for line in lines if (row := _note(line)) is not None]


def _note(line: str) -> dict[str, str] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if _is_note(row) else None


def _is_note(row: Any) -> bool:
    return isinstance(row, dict) and set(row) == {"at", "item", "text"} and all(isinstance(v, str) for v in row.values())


def _append(file: Path, rows: list[dict[str, str]]) -> None:
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        os.write(descriptor, (b"\n" if torn else b"") + b"".join(canonical(row) + b"\n" for row in rows))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def exported(home: Path | str | None = None) -> dict[str, Any]:
    """Evidence, problems of the log, notes, and the choices of a learner."""
    progress = Journal(home).read()
    return {
        "format": FORMAT,
        "head": progress.head,
        "evidence": [e.to_json() for e in progress.evidence],
        "problems": [p.to_json() for p in progress.problems],
        "notes": notes(home),
        "settings": settings(home),
    }


def imported(data: bytes, home: Path | str | None = None) -> dict[str, int]:
    """Take what an export has. Returns how many records and notes came.

    Raises UsageError, and takes nothing, for a file that is no export or that has records whose hash does not fit.
    """
    if len(data) > BYTES_MAX:
        raise UsageError(f"expected an export of at most {BYTES_MAX >> 20} MB; got {len(data) >> 20} MB")
    try:
        bundle = json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError("expected an export (`windtunnel progress --export FILE`); got a file that is not JSON") from None
    if not isinstance(bundle, dict) or bundle.get("format") != FORMAT:
        raise UsageError(f"expected an export with `format` {FORMAT!r} (`windtunnel progress --export FILE`)")
    rows, fresh_notes = bundle.get("evidence", []), bundle.get("notes", [])
    if not isinstance(rows, list) or not isinstance(fresh_notes, list) or not all(map(_is_note, fresh_notes)):
        raise UsageError("expected lists of evidence and of notes in the export")
    records = []
    for i, row in enumerate(rows, 1):
        record, what = record_of(row) if isinstance(row, dict) else (None, "is not a record")
        if record is None:
            raise UsageError(f"record {i} of the export {what}; nothing was taken")
        records.append(record)
    came = Journal(home).take(records)
    known = notes(home)
    new_notes = [note for note in fresh_notes if note not in known]
    if new_notes:
        _append(made(home_of(home)) / NOTES, new_notes)
    chosen = bundle.get("settings")
    if isinstance(chosen, dict) and not settings(home):
        set_settings({k: v for k, v in chosen.items() if isinstance(v, str | int | float | bool)}, home)
    return {"evidence": came, "notes": len(new_notes)}
