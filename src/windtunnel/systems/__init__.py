"""The catalogue: every module under this package that ends in `SYSTEM = System(...)`, found by looking.

A system is named as its module, with dashes: `two-phase-commit` is `commit/two_phase_commit.py`, `raft` is the package
`consensus/raft`. Names come from the file names; a system is imported only when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from importlib.resources import files
from importlib.resources.abc import Traversable

from windtunnel.base.errors import unknown
from windtunnel.base.system import System

__all__ = ["find", "names"]

_MARK = b"\nSYSTEM = System("


def names() -> tuple[str, ...]:
    """The names of all systems, sorted."""
    return tuple(sorted(_modules()))


def find(name: str) -> System:
    """The system `name`. Raises UsageError, with the nearest name, when there is none."""
    modules = _modules()
    if name not in modules:
        raise unknown("system", name, sorted(modules))
    system: System = import_module(modules[name]).SYSTEM
    assert system.name == name, f"{modules[name]} calls its system {system.name!r}"
    return system


def _modules() -> dict[str, str]:
    """Dotted module by system name."""
    found: dict[str, str] = {}
    for family in files(__name__).iterdir():
        if family.is_dir() and not family.name.startswith(("_", ".")):
            _scan(family, f"{__name__}.{family.name}", found)
    return found


def _scan(folder: Traversable, package: str, found: dict[str, str]) -> None:
    for item in folder.iterdir():
        module = item.name.removesuffix(".py")
        source = item / "__init__.py" if item.is_dir() else item
        if module.startswith(("_", ".")) or not source.name.endswith(".py") or not source.is_file():
            continue
        if _MARK in source.read_bytes():
            found[module.replace("_", "-")] = f"{package}.{module}"
