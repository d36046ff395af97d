"""What a person chose, turned into what a run takes: options, a fault plan, clients. The same for every world."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.base.messages import NodeId
from windtunnel.base.outbox import Outbox
from windtunnel.base.system import System
from windtunnel.faults import Plan, draw
from windtunnel.histories import Recorder
from windtunnel.scenarios.spec import Scenario
from windtunnel.traffic import Client, Closed, Open, Workload


def options_of(system: System, chosen: Mapping[str, Any]) -> Any:
    """The options of `system` with `chosen` ones replaced. Raises UsageError for an unknown name or a value of another type."""
    defaults = {f.name: getattr(system.options(), f.name) for f in dataclasses.fields(system.options)}
    values = {}
    for name, value in chosen.items():
        if name not in defaults:
            raise unknown(f"option of {system.name}", name, defaults)
        values[name] = _like(defaults[name], value, f"option {name}")
    return system.options(**values)


def plan_of(scenario: Scenario, system: System, nodes: tuple[NodeId, ...], stream: Any) -> Plan:
    """The explicit plan of the scenario, or one drawn from its profiles."""
    if scenario.plan is not None:
        return Plan.from_rows(scenario.plan, "scenario")
    known = system.leader is not None
    return draw(scenario.faults, nodes, scenario.for_s, stream, leader_known=known, admitted=system.faults)


def client_maker(
    name: NodeId,
    scenario: Scenario,
    entry: Sequence[NodeId],
    recorder: Recorder,
    asked: Workload,
    stream: Any,
    number: int,
) -> Callable[[Outbox], Client]:
    """What makes client `number` (from 0) of a scenario, once a world has an outbox for it."""
    arrivals = Open(scenario.rate_per_s / scenario.clients) if scenario.rate_per_s else Closed(scenario.think_s)
    limit = scenario.operations_max
    share = None if limit is None else limit // scenario.clients + (number < limit % scenario.clients)
    times = (scenario.retry_s, scenario.timeout_s)
    return lambda out: Client(name, entry, out, recorder, asked, stream, arrivals, *times, limit=share)


def shed_note(clients: Sequence[Client]) -> list[str]:
    """A note for the report when open arrivals found every session of their client busy."""
    shed = sum(client.shed for client in clients)
    return [f"{shed} arrivals were shed: every session of their client was busy"] if shed else []


def _like(default: Any, value: Any, what: str) -> Any:
    """`value`, perhaps from a command line, as the type of `default`."""
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[str(value).lower()]
        if isinstance(default, int):
            return int(value)
        if isinstance(default, float):
            return float(value)
        if isinstance(default, tuple):
            parts = value.split(",") if isinstance(value, str) else value
            assert len(parts) == len(default)
            return tuple(_like(d, p, what) for d, p in zip(default, parts, strict=True))
    except (ValueError, KeyError, TypeError, AssertionError):
        raise UsageError(f"{what}: expected a value like {default!r}; got {value!r}") from None
    return value if default is None else type(default)(value)
