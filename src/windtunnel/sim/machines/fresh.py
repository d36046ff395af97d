"""Packages that each life of a host imports anew, so that a restarted program does not find the globals of its former life.

Mechanism. While code of a life with `fresh` packages imports, the entries of these packages in `sys.modules` are those of that
life; before and after they are everybody else's. An import cannot be interrupted, so no other host ever sees the exchange. The
functions of such a module refer to the globals of their own copy for ever, wherever they are called from.

What it does not do: an object that was imported before, at the top of a test file, is of the common copy; code that looks into
`sys.modules` itself, or unpickles, outside an import, sees the common copies. C extensions cannot be had twice and are shared.
"""

from __future__ import annotations

import builtins
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from windtunnel.base.errors import UsageError
from windtunnel.sim.life import current_host

if TYPE_CHECKING:
    from windtunnel.sim.machines.host import Host


def check_main(name: str, main: Any) -> None:
    """Raises UsageError for a main that cannot be one."""
    if main is None or isinstance(main, str) or callable(main):
        return
    made = ""
    if inspect.iscoroutine(main):
        main.close()
        made = "; give the function and do not call it, for each start of the host needs a coroutine of its own"
    raise UsageError(f"main of host {name!r}: expected a function that returns a coroutine; got {main!r}{made}")


def main_of(host: Host, main: Any) -> Callable[[], Any]:
    """The main function of a host for its present life: a fresh one, if it is of a fresh package. Raises UsageError."""
    if isinstance(main, str):
        module, colon, path = main.partition(":")
        if not colon:
            raise UsageError(f"expected a main of the form package.module:function; got {main!r}")
    else:
        module, path = getattr(main, "__module__", None) or "", getattr(main, "__qualname__", "<")
        if "<" in path or not _is_fresh(module, host.fresh):
            return main  # type: ignore[no-any-return]
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise UsageError(f"main {main!r} of host {host.name!r}: {module} has no {path!r}") from None
    return found  # type: ignore[no-any-return]


@contextmanager
def importing() -> Iterator[None]:
    """Within it, imports of hosts with fresh packages have copies of their own."""
    statement, function = builtins.__import__, importlib.import_module

    def import_(
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 - the signature of `__import__`
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        host = current_host()
        if host is None or not host.fresh or not _concerns(name, globals, level, host.fresh):
            return statement(name, globals, locals, fromlist or (), level)
        with _own_modules(host):
            return statement(name, globals, locals, fromlist or (), level)

    def import_module(name: str, package: str | None = None) -> ModuleType:
        host = current_host()
        absolute = name.lstrip(".") if package is None else f"{package}.{name.lstrip('.')}" if name.startswith(".") else name
        if host is None or not host.fresh or not _is_fresh(absolute, host.fresh):
            return function(name, package)
        with _own_modules(host):
            return function(name, package)

    builtins.__import__ = import_
    importlib.import_module = import_module
    try:
        yield
    finally:
        builtins.__import__ = statement
        importlib.import_module = function


_holder: Host | None = None  # the host whose copies are in `sys.modules`; imports run to their end, so there is one at most


@contextmanager
def _own_modules(host: Host) -> Iterator[None]:
    """The host's copies are in `sys.modules`."""
    global _holder  # noqa: PLW0603 - as `sys.modules` itself
    if _holder is host:  # an import within an import
        yield
        return
    common = _taken(host.fresh)
    sys.modules.update(host.modules)
    _holder = host
    try:
        yield
    finally:
        _holder = None
        host.modules = _taken(host.fresh)
        sys.modules.update(common)


def checked(fresh: Sequence[str]) -> tuple[str, ...]:
    """Names of top-level packages. Raises UsageError for others: a parent would keep an attribute of whoever imported last."""
    if isinstance(fresh, str) or any("." in name or not name for name in fresh):
        raise UsageError(f'expected fresh to be names of top-level packages, such as ("shop",); got {fresh!r}')
    return tuple(fresh)


def _taken(fresh: Sequence[str]) -> dict[str, ModuleType]:
    """Remove the packages from `sys.modules`, and return them."""
    names = [name for name in sys.modules if _is_fresh(name, fresh)]
    return {name: sys.modules.pop(name) for name in names}


def _is_fresh(name: str, fresh: Sequence[str]) -> bool:
    return name.partition(".")[0] in fresh


def _concerns(name: str, globals_: Mapping[str, object] | None, level: int, fresh: Sequence[str]) -> bool:
    """Whether an import statement is about a fresh package: by its name, or relative to a module of one."""
    return _is_fresh(str((globals_ or {}).get("__package__") or "") if level else name, fresh)
