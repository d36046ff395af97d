"""The one error of every reader: a file that is not the history it should be, with the place where it stops being one."""

from __future__ import annotations

from windtunnel.base.errors import UsageError

DEPTH_MAX = 100
"""How deep values may be nested: deeper ones are damage or malice, and would exhaust stacks later."""


class MalformedHistory(UsageError):  # noqa: N818 - reads as what it names
    """`path:line: expected ..., got ...`. `line` counts from 1; it is where a person should look first."""

    def __init__(self, path: str, line: int, expected: str, got: str) -> None:
        super().__init__(f"{path}:{line}: expected {expected}, got {got}")
        self.path = path
        self.line = line


def excerpt(text: str | bytes, limit: int = 60) -> str:
    """What came, quoted for a message: one line, at most `limit` characters of it, control characters escaped."""
    head = text[: limit + 1]
    if isinstance(head, bytes):
        head = head.decode("utf-8", "backslashreplace")
    shown = head.encode("unicode_escape").decode("ascii") if not head.isprintable() else head
    return f"`{shown[:limit]}…`" if len(shown) > limit or len(text) > limit else f"`{shown}`"
