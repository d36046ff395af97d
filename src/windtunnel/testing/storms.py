"""The faults of one seed: drawn before the run, carried out in it, told in words afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from windtunnel.base.streams import Stream
from windtunnel.base.world import Link
from windtunnel.faults import Plan, draw
from windtunnel.faults.nemesis import Nemesis
from windtunnel.faults.plan import ALL, LEADER, OTHERS
from windtunnel.faults.profiles import intensities

TEST = "test"
"""The host that the test itself runs on."""

HORIZON_S = (0.05, 600.0)
"""Bounds of the time over which faults are drawn when nobody said."""

STRETCH = 2.0
"""How much longer than a quiet run one under faults is expected to take: clients wait for timeouts and try again."""


def horizon_s(quiet_s: float) -> float:
    """Virtual seconds over which faults are drawn for a test that takes `quiet_s` without them."""
    low, high = HORIZON_S
    return min(high, max(low, STRETCH * quiet_s))


def drawn(seed: int, faults: Sequence[str], nodes: tuple[str, ...], for_s: float) -> Plan:
    """The plan of a seed: a function of its arguments alone. A single host is partitioned from its clients."""
    if not faults or not nodes:
        return Plan()
    wanted = intensities(faults)
    if len(nodes) > 1 or "partition" not in wanted:
        return draw(faults, nodes, for_s, Stream(seed, "faults"))
    # Each kind draws from a stream of its own, so that drawing them apart changes nothing.
    rest = [f"{kind}:{intensity}" for kind, intensity in wanted.items() if kind != "partition"]
    cuts = draw([f"partition:{wanted['partition']}"], (*nodes, OTHERS), for_s, Stream(seed, "faults"))
    return Plan((*cuts.faults, *draw(rest, nodes, for_s, Stream(seed, "faults")).faults))


class Storm:
    """One plan on one simulated world; `rows` are the faults that have begun, as a report lists them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rows: list[dict[str, Any]] = []

    def begin(self, world: Any) -> None:
        """Schedule every step, before the test starts."""
        if not self.plan.faults:
            return
        nemesis = Nemesis(_Present(world, self.plan), self.plan)
        self.rows = nemesis.rows
        world.quiet_at_s = max(world.quiet_at_s, self.plan.end_s)
        for step in self.plan.steps():
            world.kernel.call_at(step.at_s, nemesis.act, step)


class _Present:
    """The world as a plan drawn for another run may see it.

    A plan may name hosts that this run has not made, or not yet: what is done to them has no effect. Clients are among the others
    from whom a host is cut off, and nothing else befalls them; nothing at all befalls the host of the test itself.
    """

    def __init__(self, world: Any, plan: Plan) -> None:
        self._world = world
        self._named = tuple(dict.fromkeys(name for fault in plan.faults for name in named(fault.args)))

    @property
    def nodes(self) -> tuple[str, ...]:
        hosts = [name for name in self._world.hosts if name != TEST]
        return tuple(dict.fromkeys([*hosts, *self._named]))

    def leader(self) -> str | None:
        return self._world.leader()  # type: ignore[no-any-return]

    def running(self, node: str) -> bool:
        return node in self._world.nodes and bool(self._world.running(node))

    def cut(self, links: Iterable[Link], *, hold: bool = False) -> None:
        here = self._world.hosts
        self._world.cut([(src, dst) for src, dst in links if src in here and dst in here], hold=hold)

    def heal(self) -> None:
        self._world.heal()

    def crash(self, node: str) -> None:
        self._on(node, self._world.crash)

    def restart(self, node: str) -> None:
        self._on(node, self._world.restart)

    def pause(self, node: str) -> None:
        self._on(node, self._world.pause)

    def resume(self, node: str) -> None:
        self._on(node, self._world.resume)

    def skew(self, node: str, *, offset_s: float = 0.0, drift: float = 0.0) -> None:
        self._on(node, lambda name: self._world.skew(name, offset_s=offset_s, drift=drift))

    def weather(self, *, drop: float = 0.0, duplicate: float = 0.0, slow_s: float = 0.0) -> None:
        self._world.weather(drop=drop, duplicate=duplicate, slow_s=slow_s)

    def disk(self, node: str, mode: Literal["ok", "slow", "full", "corrupt"], *, sync_s: float = 0.0) -> None:
        self._on(node, lambda name: self._world.disk(name, mode, sync_s=sync_s))

    def _on(self, node: str, verb: Callable[[str], Any]) -> None:
        if node in self._world.nodes:
            verb(node)


def named(args: Mapping[str, Any]) -> list[str]:
    """Every host that the arguments of a fault name; words such as "others" are none."""
    names = [*args.get("nodes", ()), *args.get("to", ())]
    for group in args.get("groups", ()):
        names += group
    return [name for name in names if name not in (LEADER, OTHERS, ALL)]


def words(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each fault of a plan: when, how long, what."""
    lines = []
    for row in rows:
        until_s = row.get("until_s")
        span = f"t={row['at_s']:.3f} s for ever" if until_s is None else f"t={row['at_s']:.3f}..{until_s:.3f} s"
        lines.append(f"{span}  {row['text']}")
    return lines
