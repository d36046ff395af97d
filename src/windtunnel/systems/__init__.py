"""The catalogue: every module under this package that ends in `SYSTEM = System(...)`, found by looking.

A system is named as its module, with dashes: `two-phase-commit` is `commit/two_phase_commit.py`, `raft` is the package
`consensus/raft`. Names come from the file names; a system is imported only when it is asked for. Where a name is asked for,
the path of somebody's own Python file will do as well: `windtunnel run ./my_system.py`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from windtunnel.base.errors import UsageError, unknown
from windtunnel.base.system import System

__all__ = ["find", "names"]

_MARK = b"\nSYSTEM = System("


def names() -> tuple[str, ...]:
    """The names of all systems, sorted."""
    return tuple(sorted(_modules()))


def find(name: str) -> System:
    """The system `name`, or the one in the Python file `name`. Raises UsageError, with the nearest name, when there is none."""
    if name.endswith(".py"):
        return _in_file(Path(name))
    modules = _modules()
    if name not in modules:
        raise unknown("system", name, sorted(modules))
    system: System = import_module(modules[name]).SYSTEM
    assert system.name == name, f"{modules[name]} calls its system {system.name!r}"
    return system


def _in_file(path: Path) -> System:
    if not path.is_file():
        raise UsageError(f"no file {path}: expected a Python file that ends in SYSTEM = System(...), or the name of a system")
    place = path.resolve()
    name = f"windtunnel_system_{place.stem}"
    loaded = sys.modules.get(name)
    if loaded is None or loaded.__file__ != str(place):
        spec = spec_from_file_location(name, place)
        assert spec is not None, "a .py file has a loader"
        assert spec.loader is not None, "a .py file has a loader"
        loaded = module_from_spec(spec)
        sys.modules[name] = loaded  # dataclasses and msgspec look their module up by name
        try:
            spec.loader.exec_module(loaded)
        except Exception as error:
            del sys.modules[name]
            raise UsageError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    system = getattr(loaded, "SYSTEM", None)
    if not isinstance(system, System):
        raise UsageError(f"{path} has no SYSTEM = System(...); docs/how-to/write-a-system.md shows one")
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
