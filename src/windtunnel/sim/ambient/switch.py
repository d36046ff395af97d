"""When the hooks answer: in an active simulation, in its thread, for code of a simulated host. Otherwise they are not there.

Two steps. `install` redirects the functions of this process, once; `activate` and `deactivate` say whether a simulation is on.
What is redirected asks `acting()` for the host whose code calls; where there is none, the original is called.

`WINDTUNNEL_HOOKS=patched` forces the fallback, `=native` makes a missing compiled module an error.
"""

from __future__ import annotations

import os
from threading import get_ident
from types import TracebackType
from typing import Any, Literal

from windtunnel.base.errors import UsageError
from windtunnel.sim.ambient import generators, zone
from windtunnel.sim.life import current_host

__all__ = ["HOOKS", "acting", "activate", "deactivate", "install", "installed", "outside", "uninstall"]

_WISH = os.environ.get("WINDTUNNEL_HOOKS", "")
if _WISH not in ("", "native", "patched"):
    raise UsageError(f"expected WINDTUNNEL_HOOKS to be native or patched; got {_WISH!r}")

HOOKS: Literal["native", "patched"]
"""How builtins are redirected in this process."""

native: Any = None
if _WISH != "patched":
    try:
        from windtunnel.sim.ambient import _hooks as native  # type: ignore[no-redef,attr-defined,unused-ignore]
    except ImportError as error:
        if _WISH:
            raise UsageError(
                "the native hooks were not built; install a C compiler and Cython, then `pip install -e .`"
            ) from error
HOOKS = "patched" if native is None else "native"

_on = False
_thread = 0
_former: list[tuple[bool, int]] = []


def _acting() -> Any:
    """The host whose code runs in an active simulation, in its thread; else None."""
    return current_host() if _on and get_ident() == _thread else None


acting = _acting if native is None else native.acting


def _switch(on: bool, thread: int) -> tuple[bool, int]:  # noqa: FBT001 - the signature of the native one
    global _on, _thread
    former = (_on, _thread)
    _on, _thread = on, thread
    return former


switch = _switch if native is None else native.switch


def install() -> None:
    """Redirect the functions of this process; no effect when it was done. The first call takes some ten milliseconds."""
    from windtunnel.sim.ambient import catalogue  # noqa: PLC0415 - it imports what it redirects

    catalogue.install()


def uninstall() -> None:
    """Take every redirection back. Raises AssertionError inside an active simulation."""
    from windtunnel.sim.ambient import catalogue  # noqa: PLC0415

    assert not _former, "a simulation is active"
    catalogue.uninstall()


def activate(kernel: Any = None, thread: int | None = None) -> None:
    """From now on hosts have their own surroundings. `thread`: where they run, this one by default.

    kernel: the run that begins, or goes on; generators that nobody seeded are seeded from it.
    """
    install()
    if not _former:
        zone.enter()
        generators.enter(kernel)
    _former.append(switch(True, get_ident() if thread is None else thread))


def deactivate() -> None:
    """Undo the last `activate`."""
    switch(*_former.pop())
    if not _former:
        generators.leave()
        zone.leave()


class installed:  # noqa: N801 - reads as a verb: `with installed(kernel):`
    """`activate(kernel)` for the block; may be nested."""

    __slots__ = ("_kernel",)

    def __init__(self, kernel: Any = None) -> None:
        self._kernel = kernel

    def __enter__(self) -> None:
        activate(self._kernel)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        deactivate()


class outside:  # noqa: N801 - reads as an adverb: `with outside():`
    """The block sees the real world although it runs in a host's context: handlers of real signals, reports, debuggers."""

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        self._before = switch(False, get_ident())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        switch(*self._before)
