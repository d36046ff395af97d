"""The Maelstrom protocol: one JSON object a line, `{"src": ..., "dest": ..., "body": {"type": ...}}`.

Source: the protocol document of jepsen-io/maelstrom (EPL-1.0), read for facts. What real programs get wrong without harm is
tolerated: several objects on a line, empty lines, `null` where an id would be. What is no message is told, with its text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from windtunnel.base.errors import OperationError

TIMEOUT, NOT_SUPPORTED, UNAVAILABLE, MALFORMED, CRASH, ABORT = 0, 10, 11, 12, 13, 14
NO_KEY, KEY_EXISTS, PRECONDITION, CONFLICT = 20, 21, 22, 30

ERRORS = {
    TIMEOUT: ("timeout", False),
    1: ("node-not-found", True),
    NOT_SUPPORTED: ("not-supported", True),
    UNAVAILABLE: ("temporarily-unavailable", True),
    MALFORMED: ("malformed-request", True),
    CRASH: ("crash", False),
    ABORT: ("abort", True),
    NO_KEY: ("key-does-not-exist", True),
    KEY_EXISTS: ("key-already-exists", True),
    PRECONDITION: ("precondition-failed", True),
    CONFLICT: ("txn-conflict", True),
}
"""Name by code, and whether the operation certainly did not happen."""


class RpcError(OperationError):
    """A request got an error for an answer, or none in time. definite: it certainly did not happen."""

    def __init__(self, code: int, text: str = "") -> None:
        name, definite = ERRORS.get(code, ("user error", False))
        super().__init__(f"error {code}, {name}" + (f": {text}" if text else ""))
        self.code = code
        self.definite = definite


@dataclass(frozen=True, slots=True)
class Message:
    """One message. body: with `type`, and `msg_id` or `in_reply_to` where they are."""

    src: str
    dest: str
    body: dict[str, Any]

    def line(self) -> bytes:
        """As it is written to a program's stdin."""
        row = {"src": self.src, "dest": self.dest, "body": self.body}
        return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    @property
    def reply_to(self) -> int | None:
        """The number of the request that this answers."""
        number = self.body.get("in_reply_to")
        return number if isinstance(number, int) and not isinstance(number, bool) else None


class Garbage(ValueError):  # noqa: N818 - what was said
    """A line of a program's stdout that is no message; the text says why."""


def parsed(line: bytes) -> list[Message]:
    """The messages of one line: none of an empty one, two if a program wrote two at once. Raises Garbage."""
    try:
        text = line.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise Garbage(f"it is not UTF-8: {line[:80]!r}") from None
    decoder = json.JSONDecoder()
    messages = []
    while text:
        try:
            row, end = decoder.raw_decode(text)
        except (ValueError, RecursionError):
            raise Garbage(f"it is not JSON: {text[:80]!r}") from None
        messages.append(_message(row, text[:end]))
        text = text[end:].lstrip()
    return messages


def _message(row: Any, text: str) -> Message:
    if not isinstance(row, dict) or not isinstance(row.get("body"), dict):
        raise Garbage(f"it is no message with src, dest and body: {text[:80]!r}")
    src, dest, body = row.get("src"), row.get("dest"), row["body"]
    if not isinstance(dest, str):
        raise Garbage(f"its dest is no text: {text[:80]!r}")
    if not isinstance(body.get("type"), str):
        raise Garbage(f"its body has no type: {text[:80]!r}")
    return Message(src if isinstance(src, str) else "", dest, body)
