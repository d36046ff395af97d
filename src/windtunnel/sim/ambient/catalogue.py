"""Everything that is redirected, and the order in which that is done and undone."""

from __future__ import annotations

import sys

from windtunnel.sim.ambient import draws, generators, identity, patches, switch, threads
from windtunnel.sim.ambient.blocking import BLOCKING
from windtunnel.sim.ambient.clocks import CLOCKS
from windtunnel.sim.ambient.draws import DRAWS
from windtunnel.sim.ambient.hooking import Hook, Hooking
from windtunnel.sim.ambient.identity import IDENTITY
from windtunnel.sim.ambient.imports import Arrivals
from windtunnel.sim.ambient.lookups import LOOKUPS
from windtunnel.sim.ambient.signals import SIGNALS
from windtunnel.sim.ambient.threads import THREADS

_ANYIO = "anyio._backends._asyncio"

_hooking = Hooking()
_hooks: dict[str, list[Hook]] = {}
for _hook in [*CLOCKS, *DRAWS, *IDENTITY, *SIGNALS, *THREADS, *BLOCKING, *LOOKUPS]:
    _hooks.setdefault(_hook.module, []).append(_hook)


def _arrived(name: str) -> None:
    if name == _ANYIO:
        threads.take_anyio(_hooking)
    else:
        _hooking.apply(_hooks[name])


_arrivals = Arrivals(_arrived)
_installed = False


def install() -> None:
    """Redirect what has been imported; the rest when it is. No effect when it was done."""
    global _installed  # noqa: PLW0603 - the process has one set of builtins
    if _installed:
        return
    _installed = True
    generators.watch()
    generators.find()
    draws.take_hidden(_hooking)
    identity.take_environ()
    if switch.native is None:
        patches.take_datetime(_hooking)
    present = [name for name in _hooks if name in sys.modules]
    _hooking.apply([hook for name in present for hook in _hooks[name]])
    if _ANYIO in sys.modules:
        threads.take_anyio(_hooking)
    _arrivals.awaited = {name for name in [*_hooks, _ANYIO] if name not in sys.modules}
    sys.meta_path.insert(0, _arrivals)


def uninstall() -> None:
    """Take every redirection back. No effect when none was made."""
    global _installed  # noqa: PLW0603
    if not _installed:
        return
    _installed = False
    sys.meta_path.remove(_arrivals)
    _hooking.undo()
    identity.give_environ_back()
    draws.give_hidden_back()
    generators.unwatch()


def unreached() -> list[str]:
    """What could not be redirected in this process: names of functions and methods."""
    return sorted(_hooking.unreached)
