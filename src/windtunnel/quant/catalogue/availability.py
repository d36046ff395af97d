"""Availability of a block diagram, common causes included."""

from __future__ import annotations

from itertools import combinations
from math import fsum, inf, log10

from windtunnel.base.streams import busy_stream
from windtunnel.quant.agreement import Row, exact, within
from windtunnel.quant.calculator import Calculator, Evidence, Input, Values
from windtunnel.quant.diagrams import Block, Gate, Part, kind_of, parts_of, read_diagram
from windtunnel.quant.errors import QuantError
from windtunnel.quant.intervals import share_interval
from windtunnel.quant.reliability import TooManyCuts, cut_sets, importance, unavailability, with_common_causes, works
from windtunnel.quant.result import Chart, Output, Result
from windtunnel.quant.units import DAY_S, YEAR_S, parse

ENUMERATED_MAX = 15
TRIALS = 400_000


def figures(values: Values, block: Block) -> dict[str, tuple[float, float]]:
    """(MTBF, MTTR) in seconds of each part: from `parts` by its name or its kind, else the defaults. Raises QuantError."""
    known: dict[str, tuple[float, float]] = {}
    names = set(parts_of(block))
    kinds = names | {kind_of(name) for name in names}
    for item in filter(None, (piece.strip() for piece in values["parts"].split(","))):
        name, equals, text = (piece.strip() for piece in item.partition("="))
        if not equals or name not in kinds:
            some = ", ".join(sorted(kinds))
            raise QuantError(f"parts: expected NAME=99.9% or NAME=MTBF/MTTR with a name of the diagram ({some}); got {item!r}")
        known[name] = _figure(name, text, values["mttr"])
    usual = (values["mtbf"], values["mttr"])
    return {name: known.get(name, known.get(kind_of(name), usual)) for name in parts_of(block)}


def _figure(name: str, text: str, mttr_s: float) -> tuple[float, float]:
    mtbf, slash, mttr = text.partition("/")
    try:
        if slash:
            found = parse(mtbf, "s"), parse(mttr, "s")
        else:
            share = parse(text, "fraction")
            found = (mttr_s * share / (1.0 - share) if share < 1.0 else inf), mttr_s
    except QuantError as error:
        raise QuantError(f"parts: {name}: {error}, or MTBF/MTTR such as 1000h/2h") from None
    if found[0] <= 0.0 or found[1] < 0.0:
        raise QuantError(f"parts: {name}: expected an availability above 0 and at most 100 %, or MTBF/MTTR above 0; got {text!r}")
    return found


def model(values: Values) -> tuple[Block, dict[str, float]]:
    """The diagram with common causes and failovers as parts of their own, and the unavailability of every part."""
    plain = read_diagram(values["diagram"])
    times = figures(values, plain)
    down = {name: 0.0 if mtbf == inf else mttr / (mtbf + mttr) for name, (mtbf, mttr) in times.items()}
    block, chances = with_common_causes(plain, down, values["beta"])
    moves = _failovers(plain, times, values["failover"], values["switch"])
    if moves:
        chances |= moves
        block = Gate(1 + len(moves), (block, *(Part(name) for name in moves)))
    return block, chances


def _failovers(block: Block, times: dict[str, tuple[float, float]], failover_s: float, success: float) -> dict[str, float]:
    """Downtime of moving over, one entry per redundant gate: a busy part fails, and moving takes a while, or does not work."""
    if isinstance(block, Part):
        return {}
    found: dict[str, float] = {}
    for branch in block.branches:
        found |= _failovers(branch, times, failover_s, success)
    if block.redundant:
        names = list(dict.fromkeys(parts_of(block)))
        share = block.need / len(block.branches)  # of the parts, those that carry the load
        lost = sum(
            (success * failover_s + (1.0 - success) * mttr) / (mtbf + mttr) for mtbf, mttr in map(times.__getitem__, names)
        )
        if lost > 0.0:
            found[f"failover({', '.join(names)})"] = min(1.0, share * lost)
    return found


def solve(values: Values) -> Result:
    """Exact, by factoring."""
    block, down = model(values)
    missing = unavailability(block, down)
    cuts = _cuts(block)
    single = [next(iter(cut)) for cut in cuts if len(cut) == 1]
    weights = sorted(importance(block, down).items(), key=lambda item: -item[1])
    independent = unavailability(read_diagram(values["diagram"]), _independent(values))
    budget = 1.0 - values["slo"]
    outputs = [
        Output("availability", "share of time that it works", 1.0 - missing, "fraction"),
        Output("nines", "number of nines", -log10(missing) if missing else inf),
        Output("downtime-year", "downtime in a year", missing * YEAR_S, "s"),
        Output("downtime-30d", "downtime in 30 days", missing * 30 * DAY_S, "s"),
        Output("independent", "the same if nothing had a common cause", 1.0 - independent, "fraction"),
        Output("budget-used", "share of the error budget of the objective", missing / budget, "fraction"),
        Output("cut-sets", "minimal cut sets", len(cuts) or None),
        Output("single-points", "parts that bring it down alone", len(single) if cuts else None),
    ]
    chart = Chart("bar", "share of the downtime that each part causes", "part", "criticality", [], "", "fraction")
    chart.series.append(("criticality", [name for name, _ in weights[:12]], [weight for _, weight in weights[:12]]))
    some = "; ".join(" + ".join(sorted(cut)) for cut in cuts[:8]) + " ..." * (len(cuts) > 8)
    notes = [f"Down when all of one of these sets fail: {some}." if cuts else "Its minimal cut sets are too many to list."]
    met = "met" if missing <= budget * (1 + 1e-12) else "missed"
    notes.append(f"The objective is {met}. Of all failures {values['beta']:.1%} take all of a redundant group at once.")
    return Result(outputs, [chart], notes)


def _cuts(block: Block) -> list[frozenset[str]]:
    """The minimal cut sets, or none when they are too many."""
    try:
        return cut_sets(block)
    except TooManyCuts:
        return []


def _independent(values: Values) -> dict[str, float]:
    times = figures(values, read_diagram(values["diagram"]))
    return {name: 0.0 if mtbf == inf else mttr / (mtbf + mttr) for name, (mtbf, mttr) in times.items()}


def oracle(values: Values, result: Result, seed: int) -> Evidence:
    """Every combination of failed parts, if they are few; else random ones."""
    block, down = model(values)
    names = list(dict.fromkeys(parts_of(block)))
    missing = 1.0 - result.number("availability")
    if len(names) > ENUMERATED_MAX:
        return _sampled(block, down, names, result, seed)
    terms = []
    broken: set[frozenset[str]] = set()
    for size in range(len(names) + 1):
        for some in combinations(names, size):
            failed = frozenset(some)
            if not works(block, failed):
                chance = 1.0
                for name in names:
                    chance *= down[name] if name in failed else 1.0 - down[name]
                terms.append(chance)
                if not any(cut < failed for cut in broken):
                    broken.add(failed)
    total = fsum(terms)
    rows = [
        exact("availability", 1.0 - missing, 1.0 - total, by="enumeration", unit="fraction"),
        exact("downtime-year", result.number("downtime-year"), total * YEAR_S, by="enumeration", unit="s"),
    ]
    if result.output("cut-sets").value is not None:
        alone = sum(len(cut) == 1 for cut in broken)
        rows.append(exact("cut-sets", result.number("cut-sets"), len(broken), by="enumeration"))
        rows.append(exact("single-points", result.number("single-points"), alone, by="enumeration"))
    return rows, f"All {2 ** len(names)} combinations of {len(names)} parts, common causes and failovers among them."


def _sampled(block: Block, down: dict[str, float], names: list[str], result: Result, seed: int) -> Evidence:
    random = busy_stream(seed, "availability").random
    likely = [(name, down[name]) for name in names]
    fails = 0
    for _ in range(TRIALS // max(1, len(names) // 10)):
        failed = {name for name, q in likely if random() < q}
        fails += bool(failed) and not works(block, failed)
    trials = TRIALS // max(1, len(names) // 10)
    share, low, high = share_interval(fails, trials)
    value = 1.0 - result.number("availability")
    row: Row = within(
        "unavailability", value, share, (high - low) / 2, unit="fraction", by="Monte Carlo", slack=abs((low + high) / 2 - share)
    )
    return [row], f"{trials} random combinations of {len(names)} parts; {fails} of them were down."


CALCULATOR = Calculator(
    name="availability",
    title="Availability of a block diagram",
    group="reliability",
    inputs=(
        Input(
            "diagram", "what must work", "", 0, 0, "2of3(db) & (lb | lb2)", "text", what="parts with & (all), | (one), KofN(part)"
        ),
        Input("mtbf", "mean time between failures of a part", "s", 0.0, 1e12, 1000 * 3600.0, above=True),
        Input("mttr", "mean time to repair of a part", "s", 0.0, 1e12, 2 * 3600.0),
        Input("parts", "parts that differ", "", 0, 0, "", "text", what="db=99.9%, lb=5000h/10min"),
        Input(
            "beta", "share of failures with a common cause", "fraction", 0.0, 1.0, 0.05, what="0 means independent: rarely true"
        ),
        Input("failover", "time to detect a failure and move over", "s", 0.0, 1e9, 0.0),
        Input("switch", "share of failovers that work", "fraction", 0.0, 1.0, 1.0),
        Input("slo", "objective", "fraction", 0.0, 1.0, 0.999, below=True),
    ),
    formula=(
        "A = MTBF/(MTBF + MTTR);  series: product of A;  k of n: chance that at least k work\n"
        "parts that stand twice: factored, every state of them\n"
        "common cause: beta of each redundant branch's unavailability is shared by all branches of its gate\n"
        "failover: each failure of a busy part costs its detection and move, or a repair if the move fails"
    ),
    source="Barlow & Proschan 1975, chapter 2; Fleming 1974 (beta factor); Birnbaum 1969 (importance)",
    assumptions=(
        "parts fail and are repaired independently, but for the common cause",
        "repair starts at once, whatever else is down",
        "5 % is a usual beta for alike parts (hardware standards such as IEC 61508-6 stay below about 10 %); measure yours",
    ),
    solve=solve,
    main="downtime-year",
    oracle=oracle,
    rows=("QUAN-03", "QUAN-23", "LAWS-02"),
)
