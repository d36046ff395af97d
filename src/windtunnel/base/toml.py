"""Values as TOML: the standard library reads it and does not write it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(table: Mapping[str, Any]) -> str:
    """`table` as a TOML document: scalars and lists first, then its tables, then its arrays of tables.

    TOML has no null: entries that are None are left out. Raises TypeError for a value that TOML cannot say.
    """
    return "\n".join(_table(table, ())).strip("\n") + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    entries = {key: value for key, value in table.items() if value is not None}
    plain = [key for key, value in entries.items() if not isinstance(value, Mapping) and not _is_tables(value)]
    lines = [f"{_key(key)} = {_value(entries[key])}" for key in plain]
    for key, value in entries.items():
        name = ".".join(_key(part) for part in (*path, key))
        if isinstance(value, Mapping):
            lines += ["", f"[{name}]", *_table(value, (*path, key))]
        elif _is_tables(value):
            for row in value:
                lines += ["", f"[[{name}]]", *(f"{_key(k)} = {_value(v)}" for k, v in row.items() if v is not None)]
    return lines


def _is_tables(value: Any) -> bool:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return False
    return bool(value) and all(isinstance(item, Mapping) for item in value)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)  # Python's inf, nan and 1e-06 are TOML's too
        case str():
            return _string(value)
        case Mapping():
            return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None) + " }"
        case Sequence():
            return "[" + ", ".join(_value(item) for item in value if item is not None) + "]"
    raise TypeError(f"TOML has no {type(value).__name__}: {value!r}")


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _string(text: str) -> str:
    """A basic string; what does not print is written as its number."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else _by_number(ord(c)) for c in escaped) + '"'


def _by_number(code: int) -> str:
    return f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"
