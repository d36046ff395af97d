"""EDN: the notation of Clojure, in which Jepsen, Knossos and Elle keep their histories.

A reader for the whole notation, without recursion, so that no input can exhaust the stack. Keywords become `Keyword`, a string
without its colon; symbols become strings; vectors, lists and sets become lists; maps become dicts; the tag of a
tagged literal is dropped and its value kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any

from windtunnel.base.messages import Value
from windtunnel.histories.malformed import DEPTH_MAX, MalformedHistory, excerpt


class Keyword(str):
    """`:ok` as the string "ok" that remembers that it was a keyword."""

    __slots__ = ()


_TOKEN = re.compile(
    r"""
      (?P<blank>[\s,]++|;[^\n]*+)
    | (?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+")
    | (?P<char>\\(?:newline|space|tab|return|formfeed|backspace|u[0-9a-fA-F]{4}|\S))
    | (?P<open>\#?\{|\(|\[)
    | (?P<close>[)\]}])
    | (?P<discard>\#_)
    | (?P<symbolic>\#\#-?[A-Za-z]++)
    | (?P<tag>\#:{0,2}[A-Za-z][^\s,()\[\]{}";]*+)
    | (?P<atom>[^\s,()\[\]{}";\\\#^][^\s,()\[\]{}";]*+)
    """,
    re.VERBOSE | re.DOTALL,
)
_CLOSES = {"(": ")", "[": "]", "{": "}", "#{": "}"}
_NUMBER = re.compile(r"([+-]?\d+)N?|([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)M?|([+-]?\d+)/(\d+)")
_CHARACTERS = {"newline": "\n", "space": " ", "tab": "\t", "return": "\r", "formfeed": "\f", "backspace": "\b"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "b": "\b", '"': '"', "\\": "\\", "/": "/"}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([0-7]{1,3})|(.))", re.DOTALL)
_CONSTANTS: dict[str, Any] = {"nil": None, "true": True, "false": False}
_SYMBOLIC = {"##Inf": float("inf"), "##-Inf": float("-inf"), "##NaN": float("nan")}
_DIGITS_MAX = 400


class _Open:
    """A form that has begun and not ended: a collection, or a prefix (`#_`, a tag) that waits for its value."""

    __slots__ = ("items", "kind", "line")

    def __init__(self, kind: str, line: int) -> None:
        self.kind = kind
        self.line = line
        self.items: list[Any] = []


_NOTHING = object()


def edn_rows(path: Path, text: str) -> Iterator[tuple[int, Value]]:
    """(line, value) of every top-level form, or of every element when the file is one vector or list.

    One at a time: only the element that is being read is held. Raises MalformedHistory.
    """
    name = str(path)
    stack: list[_Open] = []
    position, line, size = 0, 1, len(text)
    match_token = _TOKEN.match
    while position < size:
        match = match_token(text, position)
        if match is None:
            raise MalformedHistory(name, line, "EDN", excerpt(text[position : position + 80]))
        kind, token = match.lastgroup, match.group()
        position = match.end()
        if kind == "blank":
            line += token.count("\n")
            continue
        begun = line
        value: Any
        if kind == "open" or kind in ("discard", "tag"):
            stack.append(_Open(token if kind == "open" else str(kind), line))
            if len(stack) > DEPTH_MAX:
                raise MalformedHistory(name, line, f"values nested at most {DEPTH_MAX} deep", "deeper ones")
            continue
        if kind == "close":
            begun, value = _closed(name, line, token, stack)
        else:
            value = _scalar(name, line, str(kind), token)
            line += token.count("\n")
        while stack and stack[-1].kind in ("discard", "tag"):  # a prefix takes the one value that follows it
            prefix = stack.pop()
            begun = prefix.line
            if prefix.kind == "discard":
                value = _NOTHING
                break
        if value is _NOTHING:
            continue
        if not stack or (len(stack) == 1 and stack[0].kind in ("[", "(")):
            yield begun, value
        else:
            stack[-1].items.append(value)
    if stack:
        unfinished = f"the end of the file inside the `{stack[-1].kind}` of line {stack[-1].line}"
        raise MalformedHistory(name, line, f"`{_CLOSES.get(stack[-1].kind, 'a value')}`", unfinished)


def _closed(name: str, line: int, token: str, stack: list[_Open]) -> tuple[int, Any]:
    if not stack or _CLOSES.get(stack[-1].kind) != token:
        expected = f"`{_CLOSES.get(stack[-1].kind, 'a value')}` for line {stack[-1].line}" if stack else "a form"
        raise MalformedHistory(name, line, expected, f"`{token}`")
    form = stack.pop()
    if form.kind != "{":
        return form.line, form.items if stack or form.kind == "#{" else _NOTHING
    if len(form.items) % 2:
        raise MalformedHistory(name, form.line, "a map with a value for every key", f"{len(form.items)} forms")
    keys = [tuple(key) if isinstance(key, list) else key for key in form.items[::2]]
    try:
        return form.line, dict(zip(keys, form.items[1::2], strict=True))
    except TypeError:
        raise MalformedHistory(name, form.line, "simple keys in a map", "a collection as a key") from None


def _scalar(name: str, line: int, kind: str, token: str) -> Any:
    if kind == "string":
        if "\\" not in token:
            return token[1:-1]
        return _ESCAPE.sub(_unescaped, token[1:-1])
    if kind == "char":
        word = token[1:]
        return _CHARACTERS.get(word) or (_character(word[1:]) if len(word) == 5 and word[0] == "u" else word)
    if kind == "symbolic":
        return _SYMBOLIC.get(token)
    if token[0] == ":":
        if len(token) == 1:
            raise MalformedHistory(name, line, "a keyword", "`:`")
        return Keyword(token[1:])
    if token in _CONSTANTS:
        return _CONSTANTS[token]
    if token[0].isdigit() or (token[0] in "+-" and token[1:2].isdigit()):
        return _number(name, line, token)
    return token


def _number(name: str, line: int, token: str) -> float | int:
    match = _NUMBER.fullmatch(token)
    if match is None or len(token) > _DIGITS_MAX:
        raise MalformedHistory(name, line, "a number", excerpt(token))
    if match[1]:
        return int(match[1])
    if match[2]:
        return float(match[2])
    try:
        return int(match[3]) / int(match[4])
    except ArithmeticError:
        raise MalformedHistory(name, line, "a number", excerpt(token)) from None


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        return _character(match[1])
    if match[2]:
        return chr(int(match[2], 8))
    return _ESCAPES.get(match[3], match[3])


def _character(digits: str) -> str:
    code = int(digits, 16)
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)  # half a surrogate pair is no text


def edn_text(value: Value) -> str:
    """A JSON value as EDN. Keys of maps that are strings stay strings; only `Keyword` becomes a keyword."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Keyword):
        return f":{value}"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
        return f'"{escaped}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{edn_text(key)} {edn_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(edn_text(item) for item in value) + "]"
    if isinstance(value, float) and not isfinite(value):
        return "##NaN" if value != value else "##Inf" if value > 0 else "##-Inf"  # noqa: PLR0124 - NaN differs from itself
    return repr(value)
