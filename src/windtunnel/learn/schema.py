"""Tables of TOML, checked field by field: what is missing, unknown or of the wrong type is said by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from windtunnel.base.errors import UsageError, unknown

REQUIRED = object()
"""The default of a field that must be there."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a table. A `float` may be written as a whole number. `item` is the type of the items of a list."""

    name: str
    kind: type
    default: Any = REQUIRED
    item: type | None = None
    among: tuple[str, ...] = ()


def read(table: Mapping[str, Any], fields: Sequence[Field], where: str) -> dict[str, Any]:
    """The values of all fields. Raises UsageError that says where, which field, what was expected and what came."""
    names = [field.name for field in fields]
    for name in table:
        if name not in names:
            raise UsageError(f"{where}: {unknown('field', name, names)}")
    return {field.name: _value(table, field, where) for field in fields}


def _value(table: Mapping[str, Any], field: Field, where: str) -> Any:
    if field.name not in table:
        if field.default is REQUIRED:
            raise UsageError(f"{where}: {field.name} is missing")
        return field.default
    value = table[field.name]
    if not _is(value, field.kind):
        raise UsageError(f"{where}: {field.name}: expected {_called(field.kind)}; got {value!r}")
    if field.kind is str and not value.strip():
        raise UsageError(f"{where}: {field.name} is empty")
    if field.item is not None and not all(_is(item, field.item) for item in value):
        raise UsageError(f"{where}: {field.name}: expected a list of {_called(field.item)} items; got {value!r}")
    if field.among and value not in field.among:
        raise UsageError(f"{where}: {field.name}: expected one of {', '.join(field.among)}; got {value!r}")
    return float(value) if field.kind is float else value


def _is(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _called(kind: type) -> str:
    return {str: "text", int: "whole number", float: "number", list: "list", dict: "table", bool: "true or false"}[kind]
