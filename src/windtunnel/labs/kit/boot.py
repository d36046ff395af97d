"""A learner's program on a host that may crash: each life begins with the module as it is after its import.

A process that restarts has lost its variables. In a simulation all hosts share one interpreter, so a dictionary at the top of a
module would live through a crash that it should not live through, and a program that keeps there what belongs on the disk would
pass. A host whose main is `program(lab, "serve")` finds a new copy of the module each time it boots.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Coroutine
from types import ModuleType
from typing import Any

from windtunnel.base.errors import UsageError


def copy_of(module: ModuleType) -> ModuleType:
    """The same file, executed again: its own globals, its own classes. Raises UsageError for a module that has no file."""
    file = getattr(module, "__file__", None)
    if not file:
        raise UsageError(f"expected a module that was loaded from a file; got {module.__name__}")
    spec = importlib.util.spec_from_file_location(module.__name__, file)
    assert spec is not None, "a file with the suffix .py"
    assert spec.loader is not None, "and so it can be loaded"
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    return copy


def program(module: ModuleType, function: str, *args: Any, **keywords: Any) -> Callable[[], Coroutine[Any, Any, Any]]:
    """A main for `world.host`: calls `function` of a new copy of `module`. Raises UsageError if there is no such function."""
    if not callable(getattr(module, function, None)):
        raise UsageError(f"expected a function `{function}` in {module.__file__}; it has none")

    def main() -> Coroutine[Any, Any, Any]:
        result: Coroutine[Any, Any, Any] = getattr(copy_of(module), function)(*args, **keywords)
        return result

    return main
