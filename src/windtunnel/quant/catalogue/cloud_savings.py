"""Savings on a fleet in the cloud, each dollar saved once: size, schedule, commitment, spot."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import fsum

from windtunnel.quant.agreement import exact
from windtunnel.quant.calculator import Calculator, Evidence, Input, Values
from windtunnel.quant.errors import QuantError
from windtunnel.quant.result import Chart, Output, Result
from windtunnel.quant.units import parse

WEB, BATCH = "web: 20 * $140/month cpu 12%", "batch: 10 * $300/month cpu 55% hours 8x7 interruptible"
EXAMPLE = f"{WEB}; {BATCH}; dev: 15 * $100/month cpu 10% hours 10x5"
WEEK_HOURS = 168
EFFORT_DAYS = {"size": 2.0, "schedule": 1.0, "reserve": 0.5, "spot": 5.0}
"""Days of work for a group: guesses of ours, to order the plan by; they change no amount."""
_GROUP = re.compile(
    r"([\w-]+)\s*:\s*(\d+)\s*\*\s*(\$[\d.,k]+\s*/\s*\w+)\s+cpu\s+([\d.]+%)(?:\s+hours\s+(\d+)x(\d+))?(\s+interruptible)?"
)


@dataclass(frozen=True, slots=True)
class Group:
    """Alike instances. price: dollars a month of one, all hours. cpu: peak use while on. hours, days: needed, of a week."""

    name: str
    count: int
    price: float
    cpu: float
    hours: int
    days: int
    interruptible: bool

    @property
    def on(self) -> float:
        """The share of the week in which it is needed."""
        return self.hours * self.days / WEEK_HOURS


def read_fleet(text: str) -> list[Group]:
    """The groups of a text. Raises QuantError that shows the group."""
    groups = []
    for piece in filter(None, (part.strip() for part in text.split(";"))):
        match = _GROUP.fullmatch(piece)
        if match is None:
            raise QuantError(f"fleet: expected NAME: N * $PRICE/month cpu 12% [hours 10x5] [interruptible]; got {piece!r}")
        cpu, hours, days = parse(match[4], "fraction"), int(match[5] or 24), int(match[6] or 7)
        if not (0.0 < cpu <= 1.0 and 1 <= hours <= 24 and 1 <= days <= 7):
            raise QuantError(f"fleet: {match[1]}: expected cpu up to 100 %, hours 1 to 24, days 1 to 7; got {piece!r}")
        price = parse(match[3].replace(" ", ""), "$/month")
        groups.append(Group(match[1], int(match[2]), price, cpu, hours, days, bool(match[7])))
    if not groups:
        raise QuantError("fleet: expected at least one group; got none")
    return groups


def halvings(cpu: float, target: float) -> int:
    """How often the size can be halved so that the peak stays at or below the target."""
    count = 0
    while cpu * 2 ** (count + 1) <= target:
        count += 1
    return count


def plan(group: Group, values: Values) -> list[tuple[str, float]]:
    """The measures of a group in their order, with what each still saves of what the earlier ones left, dollars a month."""
    bill = group.count * group.price
    steps = []
    sized = bill / 2 ** halvings(group.cpu, values["target"])
    steps.append(("size", bill - sized))
    scheduled = sized * group.on
    reserved = sized * (1.0 - values["reserve"])  # a commitment is paid for all hours
    if group.interruptible and scheduled * (1.0 - values["spot"]) <= reserved:
        steps += [("schedule", sized - scheduled), ("spot", scheduled * values["spot"])]
    elif reserved < scheduled:
        steps.append(("reserve", sized - reserved))
    else:
        steps.append(("schedule", sized - scheduled))
    return [(name, saved) for name, saved in steps if saved > 0.0]


def naive(group: Group, values: Values) -> float:
    """What one counts who applies every measure to the whole bill and adds up."""
    bill = group.count * group.price
    saved = bill * (1.0 - 1.0 / 2 ** halvings(group.cpu, values["target"])) + bill * (1.0 - group.on)
    return float(saved + bill * values["reserve"] + (bill * values["spot"] if group.interruptible else 0.0))


def solve(values: Values) -> Result:
    """Each group by itself; a measure saves only what the earlier ones have left."""
    groups = read_fleet(values["fleet"])
    bill = fsum(group.count * group.price for group in groups)
    steps = [(f"{group.name}: {name}", saved, EFFORT_DAYS[name]) for group in groups for name, saved in plan(group, values)]
    saved = fsum(step[1] for step in steps)
    counted = fsum(naive(group, values) for group in groups)
    steps.sort(key=lambda step: -step[1] / step[2])
    outputs = [
        Output("bill", "now", bill, "$/month"),
        Output("after", "after all measures", bill - saved, "$/month"),
        Output("saved", "saved, each dollar once", saved, "$/month"),
        Output("share", "share of the bill that is saved", saved / bill if bill else 0.0, "fraction"),
        Output("naive", "what adding up the measures would promise", counted, "$/month"),
    ]
    chart = Chart("bar", "savings by month, best for the effort first", "measure", "saved", [], "", "$/month")
    chart.series.append(("saved", [step[0] for step in steps], [step[1] for step in steps]))
    order = "; ".join(f"{name} ({saved:,.0f} $ a month for {days:g} days)" for name, saved, days in steps)
    return Result(outputs, [chart], [f"Order: {order or 'nothing to do'}."])


def oracle(values: Values, result: Result, _seed: int) -> Evidence:
    """The bill hour by hour, for each instance in each of its ways to be bought; the cheapest one counts."""
    total = []
    for group in read_fleet(values["fleet"]):
        size = group.price
        while group.cpu * (group.price / size) * 2 <= values["target"]:
            size /= 2
        ways = {"demand": 0.0, "reserved": 0.0, "spot": 0.0}
        for hour in range(WEEK_HOURS):
            needed = hour % 24 < group.hours and hour // 24 < group.days
            ways["demand"] += size / WEEK_HOURS * needed
            ways["reserved"] += size / WEEK_HOURS * (1.0 - values["reserve"])
            ways["spot"] += size / WEEK_HOURS * needed * (1.0 - values["spot"])
        if not group.interruptible:
            del ways["spot"]
        total.append(group.count * min(ways.values()))
    after = fsum(total)
    bill, saved = result.number("bill"), result.number("saved")
    rows = [
        exact("after", result.number("after"), after, by="hour by hour", unit="$/month"),
        exact("saved", saved, bill - after, by="hour by hour", unit="$/month"),
    ]
    return (
        rows,
        "A week of every group, hour by hour, in each way it can be bought; saved is the bill less the cheapest.",
    )


CALCULATOR = Calculator(
    name="cloud-savings",
    title="Savings on a cloud fleet",
    group="money",
    inputs=(
        Input(
            "fleet",
            "what runs",
            "",
            0,
            0,
            EXAMPLE,
            "text",
            what="NAME: N * $PRICE/month cpu 12% [hours 10x5] [interruptible]; ...",
        ),
        Input("target", "highest peak use after resizing", "fraction", 0.0, 1.0, 0.6, above=True),
        Input("reserve", "discount for a commitment", "fraction", 0.0, 1.0, 0.4, below=True, what="paid for all hours"),
        Input("spot", "discount for interruptible instances", "fraction", 0.0, 1.0, 0.7, below=True),
    ),
    formula=(
        "halve the size while peak <= target\n"
        "then the cheapest of: needed hours, all hours (1 - commitment), needed hours (1 - spot)\n"
        "a measure saves of what the earlier ones left: savings do not add up"
    ),
    source="prices and discounts are inputs: take them from your bill; there is no paper behind a price list",
    assumptions=(
        "half the size has half the price",
        "peak use doubles when the size halves",
        "spot instances are found when needed",
    ),
    solve=solve,
    main="after",
    oracle=oracle,
    rows=("QUAN-08",),
)
