"""What code under test may say about itself: `buggify`, `always`, `sometimes`, `eventually`.

They may stand in production code: outside a simulation `buggify` is False, `always` is an assertion, `sometimes` does nothing and
`eventually` waits in real time. This module imports nothing but what knows whether a simulation is on.

Sources: FoundationDB's `BUGGIFY` (Zhou et al., "FoundationDB: A Distributed Unbundled Transactional Key Value Store", 2021,
section 4.1) for the two coins, one per point and run, one per pass; the SDK of Antithesis for the three assertions.
"""

from __future__ import annotations

from windtunnel.sim.life import current_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

POLLS = 200  # of `eventually` in the time allowed
POLL_MAX_S = 0.1


def buggify(name: str, probability: float = 0.05) -> bool:
    """Whether to misbehave here, on purpose: rarely, from the seed, and never outside a simulation.

    name: of the point, one for each place in the code. In each run a point is either off, or true with `probability` each time.
    """
    host = current_host()
    return False if host is None else host.world.points.fires(name, probability)


def always(condition: object, name: str, **details: object) -> None:
    """Assert `condition`. In a simulation its failure ends the run even if the exception is swallowed. Raises AssertionError."""
    if condition:
        return
    text = ", ".join(f"{key}={value!r}" for key, value in details.items())
    error = AssertionError(f"{name}: {text}" if text else name)
    host = current_host()
    if host is not None:
        host.world.broken("always", str(error), error)
    raise error


def sometimes(condition: object, name: str) -> None:
    """Note whether `condition` was ever true: a campaign in which it never was has not tested what it is about."""
    host = current_host()
    if host is not None:
        host.world.points.saw(name, bool(condition))


async def eventually(predicate: Callable[[], object | Awaitable[object]], name: str, *, within_s: float) -> None:
    """Return once `predicate()` is true; it may be a coroutine function. Raises AssertionError after `within_s` seconds.

    In a simulation the seconds count from the end of the planned faults, if there are any, and a failure ends the run.
    """
    from asyncio import get_running_loop, sleep  # noqa: PLC0415 - production code that never waits does not pay for asyncio
    from inspect import isawaitable  # noqa: PLC0415

    host = current_host()
    now = get_running_loop().time
    quiet_in_s = 0.0 if host is None else max(0.0, host.world.quiet_at_s - host.world.now)
    deadline = now() + quiet_in_s + within_s
    while True:
        held = predicate()
        if isawaitable(held):
            held = await held
        if held:
            return
        left = deadline - now()
        if left <= 0.0:
            break
        await sleep(min(left, POLL_MAX_S, within_s / POLLS))
    error = AssertionError(f"{name}: not within {within_s:g} s")
    if host is not None:
        host.world.broken("eventually", str(error), error)
    raise error
