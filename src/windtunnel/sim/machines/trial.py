"""A trial: one seed, in this process, from a fresh world to an outcome that can be pickled, or written as JSON, and compared."""

from __future__ import annotations

import time
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from windtunnel.sim.machines.findings import Finding, LeakWarning, RunFailed
from windtunnel.sim.machines.world import World

Test: TypeAlias = Callable[[World], Awaitable[Any]]
"""A coroutine function of the world."""

_WAITING = ("deadlock", "limit")
_AGAIN_MAX_S = 30.0  # real seconds that a run may have taken to be run again for a better report


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one seed.

    finding: what is wrong, None when valid. raised: the class of the exception of a test that raised, as "module.Class", or "".
    fingerprint: 64 bits of everything that happened. index: (events, fingerprint) every so many events. seen: how often each
    `sometimes` was true. fired: how often each buggify point that was on fired. log: (at_s, host, source, text), oldest first.
    nodes: the hosts that faults can be aimed at. sim_s, wall_s: virtual and real seconds.
    """

    seed: int
    policy: str
    verdict: Literal["valid", "failed"]
    finding: Finding | None = None
    raised: str = ""
    fingerprint: int = 0
    index: list[tuple[int, int]] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    fired: dict[str, int] = field(default_factory=dict)
    leaks: list[str] = field(default_factory=list)
    log: list[tuple[float, str, str, str]] = field(default_factory=list)
    nodes: tuple[str, ...] = ()
    steps: int = 0
    sim_s: float = 0.0
    wall_s: float = 0.0

    def to_row(self) -> dict[str, Any]:
        """JSON values; the fingerprint as 16 hexadecimal digits, for JavaScript has no 64-bit numbers."""
        row = asdict(self)
        row["fingerprint"] = f"{self.fingerprint:016x}"
        row["index"] = [[events, f"{digest:016x}"] for events, digest in self.index]
        return row


def trial(
    test: Test, seed: int, *, policy: str = "fifo", before: Callable[[World], object] | None = None, **options: Any
) -> Outcome:
    """Run `test(world)` under one seed; whatever goes wrong is in the outcome. Nothing is forked.

    before: called with the world before it runs, to schedule faults. options: of `World`. A run that ends in waiting is repeated
    with a clock on every task, so that its report can say since when; that one counts if it ends the same way.
    """
    outcome = _once(test, seed, policy, before, options)
    finding = outcome.finding
    waits = finding is not None and finding.kind in _WAITING
    if waits and "since" not in options and outcome.wall_s < _AGAIN_MAX_S:
        again = _once(test, seed, policy, before, {**options, "since": True})
        if again.finding is not None and again.fingerprint == outcome.fingerprint:
            return again
    return outcome


def _once(test: Test, seed: int, policy: str, before: Callable[[World], object] | None, options: dict[str, Any]) -> Outcome:
    began = time.perf_counter()
    world = World(seed, policy=policy, **options)
    if before is not None:
        before(world)
    raised = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakWarning)
        try:
            world.run(test, world)
        except RunFailed:
            pass
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - the test's own, `pytest.fail` too; `world.finding` has it
            raised = f"{type(error).__module__}.{type(error).__qualname__}"
    kernel = world.kernel
    return Outcome(
        seed=seed,
        policy=policy,
        verdict="valid" if world.finding is None else "failed",
        finding=world.finding,
        raised=raised,
        fingerprint=kernel.fingerprint,
        index=list(kernel.index),
        seen=dict(world.points.seen),
        fired=dict(world.points.fired),
        leaks=list(world.leaks),
        log=[tuple(row) for row in world.log],  # type: ignore[misc]
        nodes=world.nodes,
        steps=kernel.events,
        sim_s=kernel.now,
        wall_s=time.perf_counter() - began,
    )
