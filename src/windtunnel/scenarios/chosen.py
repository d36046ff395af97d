"""What a person chose, turned into what a system takes: options by name, with the type of their default."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.base.system import System


def options_of(system: System, chosen: Mapping[str, Any]) -> Any:
    """The options of `system` with `chosen` ones replaced. Raises UsageError for an unknown name or a value of another type."""
    defaults = {f.name: getattr(system.options(), f.name) for f in dataclasses.fields(system.options)}
    values = {}
    for name, value in chosen.items():
        if name not in defaults:
            raise unknown(f"option of {system.name}", name, defaults)
        values[name] = _like(defaults[name], value, f"option {name}")
    return system.options(**values)


def _like(default: Any, value: Any, what: str) -> Any:
    """`value`, perhaps from a command line, as the type of `default`."""
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[str(value).lower()]
        if isinstance(default, int):
            return int(value)
        if isinstance(default, float):
            return float(value)
        if isinstance(default, tuple):
            parts = value.split(",") if isinstance(value, str) else value
            assert len(parts) == len(default)
            return tuple(_like(d, p, what) for d, p in zip(default, parts, strict=True))
    except (ValueError, KeyError, TypeError, AssertionError):
        raise UsageError(f"{what}: expected a value like {default!r}; got {value!r}") from None
    return value if default is None else type(default)(value)
