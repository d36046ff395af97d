"""Something to do when a module has been imported: much of what is to be hooked is not there when the hooks are installed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class Arrivals:
    """A finder that lets the others find, and calls `arrived(name)` after the import of a module in `awaited`."""

    def __init__(self, arrived: Callable[[str], None]) -> None:
        self.awaited: set[str] = set()
        self._arrived = arrived

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """As `importlib.abc.MetaPathFinder.find_spec`."""
        if name not in self.awaited:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader, self)  # type: ignore[assignment]
                return spec
        return None

    def arrive(self, name: str) -> None:
        """The module `name` has been imported."""
        if name in self.awaited:
            self.awaited.discard(name)
            self._arrived(name)


class _Loader:
    """The loader of an awaited module, until that is loaded."""

    def __init__(self, loader: Any, arrivals: Arrivals) -> None:
        self._loader = loader
        self._arrivals = arrivals

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the loader's."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """As the loader's; then the module is like any other, and whoever awaited it is told."""
        self._loader.exec_module(module)
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._arrivals.arrive(module.__name__)
