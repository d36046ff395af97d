"""JSONL histories: one event a line, the format that windtunnel writes.

    {"index": 0, "time": 1.042, "process": 3, "type": "invoke", "f": "write", "key": "x", "value": 7}
    {"index": 1, "time": 1.057, "process": 3, "type": "ok", "f": "write", "key": "x", "value": null}

`value` of an invocation is the argument, of an `ok` the result; `error` says why something is `fail` or `info`.
`index` and `time` (seconds) may be missing; where they are given they may not run backwards.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec

from windtunnel.base.errors import UsageError
from windtunnel.histories.malformed import DEPTH_MAX, MalformedHistory, excerpt
from windtunnel.histories.operations import History
from windtunnel.histories.pairing import AnyPairing, Pairing, T_co
from windtunnel.histories.sources import BYTES_MAX, decode, raw_lines

_TYPES = ("invoke", "ok", "fail", "info")


def read_jsonl(path: Path, bytes_max: int = BYTES_MAX) -> History:
    """Read a history. Events of the process "nemesis" are skipped. Raises MalformedHistory."""
    return paired(path, bytes_max, Pairing(str(path)))


class _Event(msgspec.Struct):
    """A line as it should be."""

    process: int | str
    type: Literal["invoke", "ok", "fail", "info"]
    f: str
    key: Any = None
    value: Any = None
    error: Any = None
    index: Any = None
    time: Any = None


def paired(path: Path, bytes_max: int, pairing: AnyPairing[T_co]) -> T_co:
    """Read it into a pairing of operations, or of columns."""
    decode_event = msgspec.json.Decoder(_Event).decode
    decoder = msgspec.json.Decoder()
    last_index: tuple[int, int] | None = None
    last_time: tuple[int, float] | None = None
    for line, raw in raw_lines(path, bytes_max):
        try:
            event = decode_event(raw)
        except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
            text = decode(path, raw, line).strip()
            if not text:
                continue
            event = _Event(**{name: value for name, value in _row(path, line, text, decoder).items() if name in _FIELDS})
        time_s = event.time
        if raw.count(b"[") + raw.count(b"{") > DEPTH_MAX or not (time_s is None or _is_time(time_s)):
            _row(path, line, decode(path, raw, line), decoder)  # says what is wrong
        if type(event.index) is int:
            last_index = _rising(path, line, "index", event.index, last_index, strictly=True)
        if time_s is not None:
            last_time = _rising(path, line, "time", time_s, last_time, strictly=False)
        if event.process == "nemesis":
            pairing.skip()
        elif event.type == "invoke":
            pairing.invoke(line, event.process, event.f, event.key, event.value, time_s)
        else:
            error = event.error
            shown = error if error is None or isinstance(error, str) else repr(error)
            pairing.complete(line, event.type, event.process, event.f, event.value, shown, time_s)
    return pairing.history()


_FIELDS = frozenset(_Event.__struct_fields__)


def _row(path: Path, line: int, text: str, decoder: msgspec.json.Decoder[Any]) -> dict[str, Any]:
    try:
        row = decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        if isinstance(error, RecursionError):
            raise MalformedHistory(str(path), line, f"values nested at most {DEPTH_MAX} deep", "deeper ones") from None
        raise MalformedHistory(str(path), line, "one JSON object", f"{excerpt(text)} ({error})") from None
    if text.count("[") + text.count("{") > DEPTH_MAX and _too_deep(row):
        raise MalformedHistory(str(path), line, f"values nested at most {DEPTH_MAX} deep", "deeper ones")
    if not isinstance(row, dict):
        raise MalformedHistory(str(path), line, 'an event such as {"process": 3, "type": "invoke", "f": "read"}', excerpt(text))
    for field, types in (("process", (int, str)), ("type", str), ("f", str)):
        if not isinstance(row.get(field), types) or isinstance(row[field], bool):
            raise MalformedHistory(str(path), line, f'an event with "{field}"', excerpt(text))
    if row["type"] not in _TYPES:
        raise MalformedHistory(str(path), line, f'"type" to be one of {", ".join(_TYPES)}', excerpt(row["type"]))
    time_s = row.get("time")
    if time_s is not None and not _is_time(time_s):
        raise MalformedHistory(str(path), line, '"time" in seconds', excerpt(str(time_s)))
    return row


def _is_time(time_s: Any) -> bool:
    return isinstance(time_s, (int, float)) and not isinstance(time_s, bool) and abs(time_s) <= 1e15


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [
            inner
            for item in level
            if isinstance(item, (list, dict))
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True


def _rising(path: Path, line: int, name: str, now: float, last: tuple[int, Any] | None, *, strictly: bool) -> tuple[int, Any]:
    if last is not None and (now < last[1] or (strictly and now == last[1])):
        expected = f"{name} {'above' if strictly else 'of at least'} {last[1]!r}, which line {last[0]} has"
        raise MalformedHistory(str(path), line, expected, repr(now))
    return (line, now)


def event_rows(history: History) -> Iterable[dict[str, Any]]:
    """The events of a history as JSON-able rows, in order."""
    for index, (kind, operation) in enumerate(history.events()):
        opened = kind == "invoke"
        row: dict[str, Any] = {
            "index": index,
            "time": operation.invoked_s if opened else operation.completed_s,
            "process": operation.process,
            "type": kind,
            "f": operation.f,
            "key": operation.key,
            "value": operation.value if opened else operation.result,
        }
        if not history.timed:
            del row["time"]
        if not opened and operation.error is not None:
            row["error"] = operation.error
        yield row


def write_jsonl(history: History, path: Path | str) -> None:
    """Write a history; the file appears whole or not at all. Raises UsageError when the place cannot be written."""
    encode = msgspec.json.encode
    write_atomically(Path(path), (encode(row) + b"\n" for row in event_rows(history)))


def write_atomically(path: Path, chunks: Iterable[bytes]) -> None:
    """Write to a temporary neighbour, sync it, rename it. Raises UsageError when the disk or the folder refuses."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb", buffering=2**16) as stream:
            stream.writelines(chunks)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
