"""What a run does for the first time, done once, where the seeds are forked from.

A child that imports a module or compiles a pattern leaves nothing behind: the next child does it again. So the quiet run says
what it imported and compiled, and the parent does the same before the seeds are forked. None of it is state that a seed could
depend on: what a module is after its import it is in every run.

Imports that fail are the other half: a library that asks for an optional one asks again with each request, and each time every
directory of the path is searched. What the quiet run looked for in vain, later runs do not look for.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

_absent: set[str] = set()  # what quiet runs looked for in vain; children inherit it


@dataclass(slots=True)
class Warmth:
    """Modules by name, and patterns with their flags, in the order in which they came; names that are no module's."""

    modules: list[str] = field(default_factory=list)
    patterns: list[tuple[str | bytes, int]] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    def __sub__(self, before: Warmth) -> Warmth:
        """What is new since `before`."""
        modules, patterns = set(before.modules), set(before.patterns)
        return Warmth(
            [name for name in self.modules if name not in modules],
            [pattern for pattern in self.patterns if pattern not in patterns],
        )

    def spread(self) -> None:
        """Do the same here."""
        _absent.update(self.absent)
        for name in self.modules:
            with contextlib.suppress(Exception):  # it may be made in another way; the children make it again then
                importlib.import_module(name)
        for pattern, flags in self.patterns:
            with contextlib.suppress(re.error, ValueError):
                re.compile(pattern, flags)


def warmth() -> Warmth:
    """What this process has now."""
    cache: dict[Any, Any] = getattr(re, "_cache", {})  # as the compiled ones are kept; without it each child compiles its own
    known = [key for key in cache if isinstance(key, tuple) and len(key) == 3]
    patterns = [(pattern, int(flags)) for _, pattern, flags in known if isinstance(pattern, str | bytes)]
    return Warmth(list(sys.modules), patterns)


class _Finder:
    """Stands in for the finder of modules on the path. missed: top-level names that it looked for in vain."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """As `PathFinder.find_spec`."""
        if path is None and name in _absent:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None and path is None:
            self.missed.append(name)
        return spec

    def invalidate_caches(self) -> None:
        """Whoever calls this has made a module: everything is looked for again."""
        _absent.clear()
        PathFinder.invalidate_caches()

    def __getattr__(self, name: str) -> Any:
        return getattr(PathFinder, name)  # distributions are found through it too


@contextlib.contextmanager
def looking() -> Iterator[list[str]]:
    """What is known to be absent is not looked for in here; gives the list of what else was looked for in vain."""
    finder = _Finder()
    places = [i for i, entry in enumerate(sys.meta_path) if entry is PathFinder]
    for place in places:
        sys.meta_path[place] = finder
    try:
        yield finder.missed
    finally:
        sys.meta_path[:] = [PathFinder if entry is finder else entry for entry in sys.meta_path]
