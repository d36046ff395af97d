"""Cost, latency and availability of a deployment in several regions, by strategy."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from windtunnel.quant.calculator import Calculator, Input, Values
from windtunnel.quant.diagrams import Gate, Part
from windtunnel.quant.errors import QuantError
from windtunnel.quant.reliability import unavailability, with_common_causes
from windtunnel.quant.result import Chart, Output, Result
from windtunnel.quant.units import DAY_S, MONTH_S, YEAR_S, parse

STRATEGIES = ("single", "active-passive", "active-active", "follow-the-sun")


@dataclass(frozen=True, slots=True)
class Map:
    """Regions, the first one the primary; the share of users near each; round trips between them, seconds."""

    names: tuple[str, ...]
    users: dict[str, float]
    rtt: dict[frozenset[str], float]
    local: float

    def to(self, here: str, there: str) -> float:
        """From a user near `here` to the region `there` and back."""
        return self.local if here == there else self.local + self.rtt[frozenset((here, there))]

    def from_all(self, there: str) -> float:
        """The mean over all users."""
        return sum(share * self.to(name, there) for name, share in self.users.items())


def read_map(values: Values) -> Map:
    """The regions. Raises QuantError when shares do not add up or a round trip is missing."""
    users: dict[str, float] = {}
    for item in filter(None, (piece.strip() for piece in values["users"].split(","))):
        name, equals, share = (piece.strip() for piece in item.partition("="))
        if not equals or name in users or "-" in name:
            raise QuantError(f"users: expected REGION=SHARE, each region once, no dash in its name, such as us=50%; got {item!r}")
        users[name] = parse(share, "fraction")
    total = sum(users.values())
    if not users or min(users.values()) < 0.0 or abs(total - 1.0) > 1e-6:
        raise QuantError(f"users: expected shares that add up to 100 %; got {100 * total:g} %")
    rtt: dict[frozenset[str], float] = {}
    for item in filter(None, (piece.strip() for piece in values["rtt"].split(","))):
        pair, _equals, time = (piece.strip() for piece in item.partition("="))
        ends = frozenset(pair.split("-"))
        if len(ends) != 2 or not ends <= set(users):
            raise QuantError(f"rtt: expected A-B=TIME with two regions of {', '.join(users)}; got {item!r}")
        rtt[ends] = parse(time, "s")
    missing = [f"{a}-{b}" for a, b in combinations(users, 2) if frozenset((a, b)) not in rtt]
    if missing:
        raise QuantError(f"rtt: expected a round trip for every pair of regions; missing: {', '.join(missing)}")
    return Map(tuple(users), users, rtt, values["local"])


def used(strategy: str, regions: int) -> int:
    """How many regions a strategy runs in."""
    return 1 if strategy == "single" else min(2, regions) if strategy == "active-passive" else regions


def down_share(values: Values, strategy: str, regions: int) -> float:
    """Unavailability: any one of the regions is enough, but for common causes and for the time of moving over."""
    q = values["outages"] * values["repair"] / YEAR_S
    q /= 1.0 + q
    count = used(strategy, regions)
    if count == 1:
        return float(q)
    gate = Gate(1, tuple(Part(f"region.{i}") for i in range(count)))
    block, chances = with_common_causes(gate, {f"region.{i}": q for i in range(count)}, values["beta"])
    # Each outage of a region stops those it serves: all users (one active region) or its part of them, until they are moved.
    moved = values["outages"] / YEAR_S * (values["switch"] * values["failover"] + (1.0 - values["switch"]) * values["repair"])
    return float(min(1.0, unavailability(block, chances) + (1.0 - values["beta"]) * moved))


def latencies(strategy: str, where: Map) -> tuple[float, float]:
    """(read, write), means over the users: reads and writes go to the active region, or to the nearest one."""
    primary = where.names[0]
    if strategy in ("single", "active-passive"):
        return where.from_all(primary), where.from_all(primary)
    near = where.local
    if strategy == "active-active":
        return near, near
    # The primary of the hour is where it is day: its users are near, each region's turn in proportion to its users.
    return near, sum(where.users[name] * where.from_all(name) for name in where.names)


def solve(values: Values) -> Result:
    """One strategy in full, and all four side by side."""
    where = read_map(values)
    regions = len(where.names)
    strategy = values["strategy"]
    if strategy != "single" and regions < 2:
        raise QuantError(f"users: expected at least two regions for {strategy}; got {regions}")
    costs = {name: _cost(values, name, regions) for name in STRATEGIES}
    machines, egress = costs[strategy]
    down = down_share(values, strategy, regions)
    read, write = latencies(strategy, where)
    rto = values["repair"] if strategy == "single" else values["failover"]
    rpo = values["backup"] if strategy == "single" else values["lag"]
    met = {"RTO": rto <= values["rto"], "RPO": rpo <= values["rpo"]}
    outputs = [
        Output("cost", "machines and traffic between regions", machines + egress, "$/month"),
        Output("egress", "of which traffic between regions", egress, "$/month"),
        Output("availability", "share of time that it serves", 1.0 - down, "fraction"),
        Output("downtime-year", "downtime in a year", down * YEAR_S, "s"),
        Output("read", "mean round trip of a read", read, "s"),
        Output("write", "mean round trip of a write", write, "s"),
        Output("rto", "time to serve again after the loss of a region", rto, "s"),
        Output("rpo", "what such a loss may undo", rpo, "s"),
        Output("met", "objectives", ", ".join(f"{name} {'met' if good else 'missed'}" for name, good in met.items())),
        Output("residency", "regions that hold a copy of the data", ", ".join(where.names[: used(strategy, regions)])),
    ]
    possible = [name for name in STRATEGIES if name == "single" or regions > 1]
    bars = Chart("bar", "cost by strategy", "strategy", "cost", [], "", "$/month")
    bars.series.append(("cost", list(possible), [sum(costs[name]) for name in possible]))
    downs = Chart("bar", "downtime in a year by strategy", "strategy", "downtime", [], "", "s")
    downs.series.append(("downtime", list(possible), [down_share(values, name, regions) * YEAR_S for name in possible]))
    notes = ["Availability is computed from outages, repair, the common share and failovers; no strategy has one by its name."]
    if strategy == "active-active":
        notes.append("Writes at the nearest region conflict: two regions may change one key within the lag.")
    return Result(outputs, [bars, downs], notes)


def _cost(values: Values, strategy: str, regions: int) -> tuple[float, float]:
    """(machines, traffic between regions), dollars a month."""
    count = used(strategy, regions)
    size = 1.0 + values["standby"] * (count - 1)
    if strategy == "active-active" and count > 1:
        size = count / (count - 1.0)  # what is left after the loss of one carries everything
    gigabytes = values["writes"] * values["write-size"] * MONTH_S / 1e9
    return size * values["region-cost"], gigabytes * (count - 1) * values["egress-price"]


CALCULATOR = Calculator(
    name="multi-region",
    title="Deployment in several regions",
    group="money",
    inputs=(
        Input("strategy", "strategy", "", 0, 0, "active-passive", "choice", STRATEGIES),
        Input(
            "users",
            "regions and their users, the primary first",
            "",
            0,
            0,
            "us=50%, eu=30%, asia=20%",
            "text",
            what="us=50%, eu=50%",
        ),
        Input("rtt", "round trips between them", "", 0, 0, "us-eu=90ms, us-asia=160ms, eu-asia=210ms", "text", what="us-eu=90ms"),
        Input("local", "round trip of a user to the nearest region", "s", 0.0, 10.0, 0.02),
        Input("region-cost", "a region that carries everything", "$/month", 0.0, 1e9, 20000.0),
        Input("standby", "size of a standby region", "fraction", 0.0, 1.0, 0.3),
        Input("writes", "writes", "1/s", 0.0, 1e9, 500.0),
        Input("write-size", "bytes that a write replicates", "B", 0.0, 1e12, 2000.0),
        Input("egress-price", "price of a gigabyte between regions", "$", 0.0, 1000.0, 0.02),
        Input("outages", "outages of a region in a year", "", 0.0, 1000.0, 2.0),
        Input("repair", "length of such an outage", "s", 0.0, YEAR_S, 4 * 3600.0),
        Input(
            "beta",
            "share of outages that hit all regions",
            "fraction",
            0.0,
            1.0,
            0.05,
            what="deploys, certificates, DNS, control planes",
        ),
        Input("failover", "time to detect and move over", "s", 0.0, YEAR_S, 300.0),
        Input("switch", "share of failovers that work", "fraction", 0.0, 1.0, 0.95),
        Input("lag", "lag of the replication", "s", 0.0, YEAR_S, 5.0),
        Input("backup", "time between backups", "s", 0.0, YEAR_S, DAY_S),
        Input("rto", "objective: time to serve again", "s", 0.0, YEAR_S, 900.0),
        Input("rpo", "objective: what may be lost", "s", 0.0, YEAR_S, 60.0),
    ),
    formula=(
        "down = beta q + ((1 - beta) q)^n + outages (1 - beta) (switch * failover + (1 - switch) repair), q = outages * repair\n"
        "active-active: n/(n - 1) of the machines;  standby: 1 + s (n - 1);  traffic: writes * size * (copies - 1)"
    ),
    source="Fleming 1974 (common causes) by the availability calculator; prices are inputs",
    assumptions=(
        "every region that is up can take all users",
        "an outage of a serving region costs its users the failover time; downtime is weighted by users",
        "follow-the-sun moves the primary to where it is day, in proportion to users",
    ),
    solve=solve,
    main="cost",
    rows=("QUAN-09",),
)
