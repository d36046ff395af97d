"""Make a history whose verdicts are known: a simulated database, its clients, and faults planted by name.

    made = generate("list-append", level="snapshot-isolation", plants=("write-skew",), operations=10_000, seed=7)
    made.history, made.known.holds, made.known.fails, made.planted

The same arguments make the same history, byte for byte, on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from windtunnel.base.errors import UsageError, unknown
from windtunnel.base.messages import Value
from windtunnel.base.streams import Stream
from windtunnel.generators import databases, objects, transactions
from windtunnel.generators.known import Known, known
from windtunnel.generators.object_plants import OBJECTS
from windtunnel.generators.plants import LISTS, REGISTERS, TRANSACTIONS, Plant, Step, play
from windtunnel.generators.service import Flaw
from windtunnel.generators.services import SERVICES, Kind
from windtunnel.generators.timeline import Timeline
from windtunnel.histories import History

OPERATIONS, CLIENTS, KEYS, LOST = 1000, 5, 4, 0.01
"""Operations of the traffic, clients, keys in use at a time, chance that an answer never comes."""

_Words: TypeAlias = "Callable[[Step, str], tuple[str, Value, Value]]"


@dataclass(frozen=True, slots=True)
class Interface:
    """What can be generated. levels: each with the rungs that it keeps. plants: faults by name."""

    levels: Mapping[str, tuple[str, ...]]
    plants: Mapping[str, Plant | Flaw]


def _of_transactions(name: str, plants: Sequence[Plant]) -> Interface:
    levels = {level: tuple(f"{name}@{kept}" for kept in keeps) for level, keeps in transactions.LEVELS.items()}
    return Interface(levels, {plant.name: plant for plant in plants})


INTERFACES: Final[Mapping[str, Interface]] = {
    "kv": Interface(databases.LEVELS, {plant.name: plant for plant in REGISTERS}),
    "list-append": _of_transactions("list-append", (*TRANSACTIONS, *LISTS)),
    "rw-register": _of_transactions("rw-register", TRANSACTIONS),
    **{name: Interface(kind.levels, {plant.name: plant for plant in OBJECTS[name]}) for name, kind in objects.OBJECTS.items()},
    **{name: Interface(kind.service.levels, {flaw.name: flaw for flaw in kind.flaws}) for name, kind in SERVICES.items()},
}
"""By name; each is also a ladder of checkers.ladder."""


@dataclass(frozen=True, slots=True)
class Generated:
    """A history and what is known of it. planted: (name of the fault, indices of its operations), in the order asked for."""

    interface: str
    level: str
    seed: int
    history: History
    known: Known
    planted: tuple[tuple[str, tuple[int, ...]], ...]

    def to_json(self) -> dict[str, Any]:
        """What stands beside the history: the sidecar."""
        return {
            "interface": self.interface,
            "level": self.level,
            "seed": self.seed,
            "operations": self.history.counts(),
            **self.known.to_json(),
            "planted": [{"fault": name, "operations": list(indices)} for name, indices in self.planted],
        }


def generate(
    interface: str,
    level: str,
    plants: Sequence[str] = (),
    *,
    seed: int = 0,
    operations: int = OPERATIONS,
    clients: int = CLIENTS,
    keys: int = KEYS,
    lost: float = LOST,
) -> Generated:
    """Make a history.

    interface: of INTERFACES. level: of the simulated database. plants: names of faults, one script each; a name may come more
    than once. operations: of the traffic, without the scripts. clients: concurrent ones. keys: in use at a time. lost: chance
    that an operation gets no answer. Raises UsageError for what there is not.
    """
    if interface not in INTERFACES:
        raise unknown("interface", interface, INTERFACES)
    chosen = INTERFACES[interface]
    if level not in chosen.levels:
        raise unknown(f"level of {interface}", level, chosen.levels)
    for name in plants:
        if name not in chosen.plants:
            raise unknown(f"fault of {interface}", name, chosen.plants)
    if operations < 0 or clients < 1 or keys < 1 or not 0 <= lost <= 1:
        raise UsageError("expected operations >= 0, clients >= 1, keys >= 1 and a chance from 0 to 1")
    timeline = Timeline(Stream(seed, f"generate/{interface}/{level}"), operations)
    scripted = [chosen.plants[name] for name in plants]
    if interface in SERVICES:
        history, planted = _served(SERVICES[interface], level, timeline, (clients, keys, lost), scripted)
    else:
        crowd, closing = _clients(interface, level, timeline, clients, keys, lost)
        words = _words(interface)
        scripts = [play(plant, timeline, f"p{n}", words) for n, plant in enumerate(scripted) if isinstance(plant, Plant)]
        history = timeline.run(crowd, scripts)
        if closing is not None:
            history = timeline.run([closing()], [])
        planted = _planted(history, plants)
    prefix = f"{interface}@" if interface in ("list-append", "rw-register") else ""
    settled = known(
        interface,
        chosen.levels[level],
        [([prefix + rung for rung in plant.keeps], [prefix + rung for rung in plant.breaks]) for plant in scripted],
    )
    return Generated(interface, level, seed, history, settled, planted)


def _served(
    kind: Kind, level: str, timeline: Timeline, crowd: tuple[int, int, float], flaws: Sequence[Plant | Flaw]
) -> tuple[History, tuple[tuple[str, tuple[int, ...]], ...]]:
    """A history of a service, and the operations of each fault. crowd: clients, keys, chance of no answer."""
    clients, keys, lost = crowd
    service = kind.service(level, timeline, keys, len(flaws))
    acts = [flaw.act(service, number) for number, flaw in enumerate(flaws) if isinstance(flaw, Flaw)]
    timeline.run([service.client(lost) for _ in range(clients)], acts)
    history = timeline.run([service.closing()], [])
    return history, tuple((flaw.name, tuple(service.planted[number])) for number, flaw in enumerate(flaws))


def _clients(
    interface: str, level: str, timeline: Timeline, clients: int, keys: int, lost: float
) -> tuple[list[Iterator[None]], Callable[[], Iterator[None]] | None]:
    if interface in objects.OBJECTS:
        bench = objects.Bench(interface, level, timeline)
        return [bench.client(keys, lost) for _ in range(clients)], bench.closing
    if interface == "kv":
        store = databases.Store(level, timeline)
        return [store.client(keys, lost) for _ in range(clients)], None
    database = transactions.Database(level, timeline, lists=interface == "list-append")
    return [database.client(keys, lost) for _ in range(clients)], None


def _words(interface: str) -> _Words:
    """How a step of a script is said at an interface: a function that knows the name of the script's keys."""
    if interface == "list-append":
        return lambda step, name: _transaction(step, name, lists=True)
    if interface in ("rw-register", "multi-register"):
        return lambda step, name: _transaction(step, name, lists=False)
    return lambda step, _: (step.f, step.value, step.result)


def _transaction(step: Step, name: str, *, lists: bool) -> tuple[str, Value, Value]:
    asked: list[Value] = []
    answered: list[Value] = []
    for f, key, values in step.micros:
        if f == "w":
            micro: list[Value] = ["append" if lists else "w", name + key, values[0]]
            asked.append(micro)
            answered.append(micro)
        else:
            asked.append(["r", name + key, None])
            seen: Value = list(values) if lists else (values[-1] if values else None)
            answered.append(["r", name + key, seen])
    return "txn", asked, answered


def _planted(history: History, plants: Sequence[str]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Which operations belong to which script: those about keys of its name."""
    found: list[list[int]] = [[] for _ in plants]
    for operation in history:
        asked: Any = operation.value
        named = asked[0][1] if operation.f == "txn" else operation.key
        if isinstance(named, str) and named.startswith("p"):
            found[int(named[1:].rstrip("xyz"))].append(operation.index)
    return tuple((name, tuple(indices)) for name, indices in zip(plants, found, strict=True))
