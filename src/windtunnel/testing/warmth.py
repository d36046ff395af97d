"""What a run does for the first time, done once, where the seeds are forked from.

A child that imports a module or compiles a pattern leaves nothing behind: the next child does it again. So the quiet run says
what it imported and compiled, and the parent does the same before the seeds are forked. None of it is state that a seed could
depend on: what a module is after its import it is in every run.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Warmth:
    """Modules by name, and patterns with their flags, in the order in which they came."""

    modules: list[str] = field(default_factory=list)
    patterns: list[tuple[str | bytes, int]] = field(default_factory=list)

    def __sub__(self, before: Warmth) -> Warmth:
        """What is new since `before`."""
        modules, patterns = set(before.modules), set(before.patterns)
        return Warmth(
            [name for name in self.modules if name not in modules],
            [pattern for pattern in self.patterns if pattern not in patterns],
        )

    def spread(self) -> None:
        """Do the same here."""
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
