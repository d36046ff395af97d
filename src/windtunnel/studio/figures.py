"""Calculators: what there is, an answer with its charts and its tornado, and a check against an oracle as a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.studio.answers import Body, NotThere, whole

if TYPE_CHECKING:
    from windtunnel.quant import Calculator
    from windtunnel.studio.app import Studio
    from windtunnel.studio.child import Pace, Say

MEASURED = "latency-ladder"
INPUTS_MAX = 60
TEXT_MAX = 4000


def all_calculators(studio: Studio) -> dict[str, Any]:
    """Every calculator as a card, in groups."""
    from windtunnel.quant import CALCULATORS  # noqa: PLC0415 - the first page does not wait for it
    from windtunnel.studio.school import journal  # noqa: PLC0415

    progress = journal(studio).read()
    rows = [
        {
            "name": each.name,
            "title": each.title,
            "group": each.group,
            "formula": each.formula.split("\n", 1)[0],
            "source": each.source,
            "checked": progress.has(f"calc:{each.name}"),
        }
        for each in CALCULATORS.values()
    ]
    return {"calculators": rows}


def one_calculator(_studio: Studio, name: str) -> dict[str, Any]:
    """A calculator with its inputs, and the answer for its example."""
    from windtunnel.calculators import has_oracle  # noqa: PLC0415

    found = _calculator(name)
    can = {"oracle": has_oracle(found.name), "measured": found.name == MEASURED}
    return {"calculator": found.to_json(), **can, **_answer(found, dict(found.example))}


def compute(_studio: Studio, body: Body, name: str) -> dict[str, Any]:
    """The answer for some inputs, as texts with units. A refusal is an answer too: it says what would be accepted."""
    found, given = _calculator(name), _given(body)
    try:
        return _answer(found, given)
    except UsageError as error:
        return {"refused": " ".join(str(error).split())}


def _answer(found: Calculator, given: dict[str, Any]) -> dict[str, Any]:
    from windtunnel.quant.result import finite  # noqa: PLC0415

    values = found.read(given)
    result = found.compute(values)
    try:
        tornado = found.sensitivity(values).to_json()
    except UsageError:  # an answer in words has no tornado
        tornado = None
    shown = {each.name: each.text(values[each.name]) for each in found.inputs if values[each.name] is not None}
    return {"values": finite(dict(values)), "shown": shown, "result": result.to_json(), "tornado": tornado}


def _given(body: Body) -> dict[str, Any]:
    given = body.get("values")
    if not isinstance(given, dict) or len(given) > INPUTS_MAX:
        raise UsageError("values: expected inputs by name")
    for name, value in given.items():
        if not isinstance(value, str | int | float | None) or len(str(value)) > TEXT_MAX:
            raise UsageError(f"{name}: expected a number, or a text with a unit")
    return {name: value for name, value in given.items() if value not in (None, "")}


def _calculator(name: str) -> Calculator:
    from windtunnel.quant import CALCULATORS  # noqa: PLC0415

    if name not in CALCULATORS:
        raise NotThere(str(unknown("calculator", name, CALCULATORS)))
    return CALCULATORS[name]


async def check_figure(studio: Studio, body: Body, name: str) -> dict[str, Any]:
    """Compare the formula with its oracle, as a job."""
    found = await studio.aside(_calculator, name)
    given = _given(body)
    await studio.aside(found.read, given)
    seed = whole(body, "seed", 0, (1 << 53) - 1, 0)
    order = {"name": found.name, "values": given, "seed": seed, "home": str(studio.places.home)}
    job = await studio.jobs.start("agree", f"check {found.name}", order)
    return {"job": job.id}


async def measure_here(studio: Studio, body: Body, name: str) -> dict[str, Any]:
    """Measure on this machine what a calculator of published figures compares with, as a job."""
    del body
    if name != MEASURED:
        raise UsageError(f"{name} has nothing to measure; {MEASURED} has")
    job = await studio.jobs.start("agree", "measure this machine", {"measure": True})
    return {"job": job.id}


# --- In the child ---


def work(order: dict[str, Any], say: Say, _pace: Pace) -> None:
    """Check a calculator, or measure this machine; agreement is evidence of the learner."""
    if order.get("measure"):
        from windtunnel.calculators.measuring import measure  # noqa: PLC0415

        say("done", measured=measure())
        return
    from windtunnel import __version__  # noqa: PLC0415
    from windtunnel.calculators import check  # noqa: PLC0415
    from windtunnel.learn.progress import Journal, content_hash  # noqa: PLC0415
    from windtunnel.quant.units import show  # noqa: PLC0415

    name, seed = order["name"], order["seed"]
    agreement = check(name, order["values"], seed=seed, progress=lambda line: say("note", text=line))
    if agreement.verdict == "valid":
        Journal(order["home"]).add(
            f"calc:{name}",
            "calc",
            "valid",
            content_hash(name),
            submission_hash=content_hash(repr(sorted(agreement.values.items()))),
            grader=__version__,
            seeds=(seed,),
            metrics={"rows": len(agreement.rows)},
        )
    row = agreement.to_json()
    for shown, given in zip(row["rows"], agreement.rows, strict=True):
        shown["texts"] = [show(value, given.unit) for value in (given.formula, given.observed, given.low, given.high)]
    say("done", **row)
