"""The simulated world: one clock, one heap, one seed.

`World` and `Host` put unmodified asyncio programs on simulated machines; `buggify`, `always`, `sometimes` and `eventually` may
stand in production code, where they cost a function call. Importing this package imports none of that: names load when used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # what `typing` would say, without its import
if TYPE_CHECKING:
    from windtunnel.base.errors import Escaped
    from windtunnel.sim.life import current_host
    from windtunnel.sim.machines.findings import Finding, HostDown, LeakWarning, RunFailed
    from windtunnel.sim.machines.host import Host
    from windtunnel.sim.machines.points import always, buggify, eventually, sometimes
    from windtunnel.sim.machines.trial import Outcome, trial
    from windtunnel.sim.machines.world import World

__all__ = [
    "Escaped",
    "Finding",
    "Host",
    "HostDown",
    "LeakWarning",
    "Outcome",
    "RunFailed",
    "World",
    "always",
    "buggify",
    "current_host",
    "eventually",
    "sometimes",
    "trial",
]

_HOMES = {
    "Escaped": "windtunnel.base.errors",
    "Finding": "windtunnel.sim.machines.findings",
    "Host": "windtunnel.sim.machines.host",
    "HostDown": "windtunnel.sim.machines.findings",
    "LeakWarning": "windtunnel.sim.machines.findings",
    "Outcome": "windtunnel.sim.machines.trial",
    "RunFailed": "windtunnel.sim.machines.findings",
    "World": "windtunnel.sim.machines.world",
    "always": "windtunnel.sim.machines.points",
    "buggify": "windtunnel.sim.machines.points",
    "current_host": "windtunnel.sim.life",
    "eventually": "windtunnel.sim.machines.points",
    "sometimes": "windtunnel.sim.machines.points",
    "trial": "windtunnel.sim.machines.trial",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only the first use of a name pays for it

    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
