"""A scenario: everything that was chosen for a run, as a value that can be written down and run again.

`scenario.toml` in a store directory is exactly this. Two runs of one scenario in the simulator are the same run.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.base.toml import toml_text

POLICIES = ("fifo", "random", "pct")
WORLDS = ("sim", "live", "stage")
LATENCIES = ("constant", "uniform", "exponential", "lognormal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """System, world, workload, faults, checker and seed: the only place where they meet.

    for_s: seconds of traffic; faults end by 0.8 of it. settle_s: seconds granted after it for what must come about
    eventually. faults: profile names, from which a plan is drawn with the seed; plan: an explicit one (rows) instead. without:
    safeguards switched off. script: name of a directed scenario, which replaces traffic and faults. rate_per_s: operations
    per second over all clients (open, Poisson arrivals), or 0, the default: each client invokes when its last operation has
    ended, after a think time of mean think_s (closed). Open arrivals pile up during an outage, and a history with hundreds of
    operations in flight at once takes checkers exponentially longer. budget_s: wall seconds the checker may take; then the
    verdict is unknown. parent: of a branch, the run that it was forked from (`run`, `fingerprint`) and the moment (`at_s`).

    Of the simulated world alone: latency: distribution of each link and its two parameters in seconds (constant a; uniform a
    to b; exponential a + Exp(b); lognormal median a, sigma b). bandwidth_bytes_per_s: of each link, with a queue; 0 is
    endless. in_order: links do not reorder. service_s: processor time that each delivery costs a node with that many cores.
    """

    system: str
    seed: int
    world: str = "sim"
    size: int | None = None
    for_s: float = 60.0
    settle_s: float = 15.0
    faults: tuple[str, ...] = ()
    plan: tuple[Mapping[str, Any], ...] | None = None
    without: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    script: str | None = None
    clients: int = 5
    rate_per_s: float = 0.0
    think_s: float = 0.03
    operations_max: int | None = None
    keys: int = 5
    zipf: float = 0.0
    mix: Mapping[str, float] | None = None
    retry_s: float = 0.5
    timeout_s: float = 5.0
    latency: tuple[str, float, float] = ("uniform", 0.001, 0.010)
    bandwidth_bytes_per_s: float = 0.0
    in_order: bool = False
    cores: int = 1
    service_s: float = 0.0
    policy: str = "fifo"
    properties: bool = True
    budget_s: float = 30.0
    parent: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Raises UsageError for values that no run could have."""
        for name in ("for_s", "settle_s", "rate_per_s", "think_s", "zipf", "retry_s", "timeout_s", "budget_s"):
            value = getattr(self, name)
            _expect(_is_number(value), f"{name} is a number of seconds, or a rate; got {value!r}")
        kind, *numbers = self.latency
        _expect(
            kind in LATENCIES and len(numbers) == 2 and all(_is_number(number) and number >= 0 for number in numbers),
            f"latency is one of {', '.join(LATENCIES)} with two numbers of at least 0; got {self.latency!r}",
        )
        for name in ("bandwidth_bytes_per_s", "service_s"):
            value = getattr(self, name)
            _expect(_is_number(value) and value >= 0, f"{name} is a number of at least 0; got {value!r}")
        _expect(_is_whole(self.cores) and self.cores >= 1, f"cores is a whole number of at least 1; got {self.cores!r}")
        simulated = (self.latency, self.bandwidth_bytes_per_s, self.in_order, self.service_s)
        usual = (("uniform", 0.001, 0.010), 0.0, False, 0.0)
        _expect(self.world != "live" or simulated == usual, "latency, bandwidth, order and processors are real in a live run")
        for name in ("seed", "clients", "keys"):
            _expect(_is_whole(getattr(self, name)), f"{name} is a whole number; got {getattr(self, name)!r}")
        _expect(self.size is None or _is_whole(self.size), f"size is a whole number of nodes; got {self.size!r}")
        _expect(self.world in WORLDS, f"world is one of {', '.join(WORLDS)}; got {self.world!r}")
        _expect(self.policy in POLICIES, f"policy is one of {', '.join(POLICIES)}; got {self.policy!r}")
        _expect(0 <= self.seed < 1 << 63, f"a seed is a whole number from 0 to 2**63 - 1; got {self.seed}")
        _expect(self.for_s > 0, f"a run lasts longer than 0 s; got {self.for_s}")
        _expect(self.clients >= 1, f"at least one client; got {self.clients}")
        _expect(self.rate_per_s >= 0, f"a rate is not negative; got {self.rate_per_s}")
        _expect(self.keys >= 1, f"at least one key; got {self.keys}")
        _expect(self.size is None or self.size >= 1, f"at least one node; got {self.size}")

    def with_changes(self, **changes: Any) -> Scenario:
        """The same scenario with some choices changed."""
        return replace(self, **changes)

    def to_toml(self) -> str:
        """The scenario as TOML; choices left at their default are written too, so that the file stands alone."""
        return toml_text(asdict(self))

    def to_json(self) -> dict[str, Any]:
        """The scenario as JSON values."""
        return {k: v for k, v in asdict(self).items() if v is not None}


def scenario_from(row: Mapping[str, Any], where: str = "scenario") -> Scenario:
    """A scenario from parsed TOML or JSON. Raises UsageError for unknown names and wrong types."""
    known = {f.name for f in fields(Scenario)}
    for name in row:
        if name not in known:
            raise UsageError(f"{where}: {unknown('entry', name, sorted(known))}")
    _expect("system" in row and "seed" in row, f"{where}: expected at least `system` and `seed`")
    values = dict(row)
    for name in ("faults", "without", "plan", "latency"):
        if values.get(name) is not None:
            values[name] = tuple(values[name])
    try:
        return Scenario(**values)
    except TypeError as error:
        raise UsageError(f"{where}: {error}") from None


def read_scenario(text: str, where: str) -> Scenario:
    """A scenario from the text of a TOML file named `where`."""
    try:
        return scenario_from(tomllib.loads(text), where)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where}: not TOML: {error}") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _expect(fact: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not fact:
        raise UsageError(otherwise)
