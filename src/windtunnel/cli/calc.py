"""Compute: queues, availability, latency, scaling, staleness, money. Inputs have units, formulas have sources.

Every input of a calculator is a flag: `--arrivals 80/s --service 12/s`; what is left out has its default. `--check` compares the
formula with something independent of it (simulation, enumeration, Monte Carlo) and ends in a verdict.
"""

from __future__ import annotations

import argparse
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.cli.flags import Parser, whole
from windtunnel.cli.output import CODES, note, say, say_json, table

EXAMPLES = """\
  windtunnel calc --list
  windtunnel calc mmc --explain
  windtunnel calc mmc --arrivals 80/s --service 12/s --servers 8 --check
  windtunnel calc mmc --arrivals 80/s --service 12/s --sensitivity wait --chart
  windtunnel calc availability --diagram "2of3(db) & (lb | lb2)" --check
  windtunnel calc latency-ladder --measure"""

JSON = (
    "`calculator`, `values`, `outputs` (`name`, `label`, `value`, `unit`, `text`), `charts`, `notes`; with `--check`: `check` "
    "(`verdict`, `why`, `how`, `rows`); with `--sensitivity`: `sensitivity`. With `--list`: `calculators`. With `--explain`: "
    "the declaration."
)


def configure(parser: Parser) -> None:
    """The flags of `calc`; the inputs of the calculator are flags as well."""
    parser.free_flags = True
    parser.add_argument("name", nargs="?", help="name of a calculator; its inputs are flags too: --arrivals 80/s")
    parser.add_argument("--list", action="store_true", help="print the calculators, and do nothing else")
    parser.add_argument("--explain", action="store_true", help="print inputs with their domains, formula, source and assumptions")
    parser.add_argument(
        "--check", action="store_true", help="compare with simulation, enumeration or Monte Carlo; exit code 0, 1 or 2"
    )
    parser.add_argument(
        "--sensitivity", nargs="?", const="", metavar="OUTPUT", help="which input moves that output most (a tornado)"
    )
    parser.add_argument("--chart", action="store_true", help="draw the charts as text")
    parser.add_argument(
        "--measure", action="store_true", help="measure on this machine what can be measured (latency-ladder only)"
    )
    parser.add_argument(
        "--seed", type=whole(0), default=0, metavar="S", help="of the check: the same seed gives the same rows (default 0)"
    )


def execute(args: argparse.Namespace) -> int:
    """Compute, and check if asked to."""
    from windtunnel.quant import CALCULATORS, find  # noqa: PLC0415 - not needed by --help

    if args.list or args.name is None:
        if args.free:
            raise UsageError(f"which calculator? --{next(iter(args.free))} needs its name first: windtunnel calc NAME ...")
        return _list(args, CALCULATORS)
    calculator = find(args.name)
    if args.explain:
        return _explain(args, calculator)
    given = dict(args.free) or dict(calculator.example)
    if args.measure:
        given |= _measured(calculator)
    values = calculator.read(given)
    result = calculator.compute(values)
    tornado = None if args.sensitivity is None else calculator.sensitivity(values, args.sensitivity)
    agreement = _checked(args, given) if args.check else None
    if args.json:
        row = {"calculator": calculator.name, "values": values} | result.to_json()
        row |= {} if tornado is None else {"sensitivity": tornado.to_json()}
        say_json(row | ({} if agreement is None else {"check": agreement.to_json()}))
    else:
        _print(calculator, values, result)
        if args.chart:
            _draw(result.charts)
        if tornado is not None:
            _print_tornado(tornado)
        if agreement is not None:
            _print_check(agreement)
    return 0 if agreement is None else CODES[agreement.verdict]


def _measured(calculator: Any) -> dict[str, Any]:
    if calculator.name != "latency-ladder":
        raise UsageError("--measure goes with latency-ladder only: the other calculators have nothing to measure")
    from windtunnel.calculators.measuring import measure  # noqa: PLC0415

    note("measuring on this machine, about two seconds ...")
    return {"measured": measure()}


def _checked(args: argparse.Namespace, given: dict[str, Any]) -> Any:
    """The agreement; one that agrees is evidence of the learner."""
    from windtunnel import __version__  # noqa: PLC0415
    from windtunnel.calculators import check  # noqa: PLC0415 - loads the simulator
    from windtunnel.learn.progress import Journal, content_hash  # noqa: PLC0415
    from windtunnel.quant import find  # noqa: PLC0415

    agreement = check(args.name, given, seed=args.seed, progress=note)
    if agreement.verdict == "valid":
        Journal().add(
            f"calc:{args.name}",
            "calc",
            "valid",
            content_hash(repr(sorted(find(args.name).to_json().items()))),
            submission_hash=content_hash(repr(sorted(agreement.values.items()))),
            grader=__version__,
            seeds=(args.seed,),
            metrics={"rows": len(agreement.rows)},
        )
    return agreement


# --- Text ---


def _list(args: argparse.Namespace, calculators: dict[str, Any]) -> int:
    if args.json:
        say_json({"calculators": [calculator.to_json() for calculator in calculators.values()]})
        return 0
    table(("calculator", "group", "what"), [(c.name, c.group, c.title) for c in calculators.values()])
    say()
    say("windtunnel calc NAME            the answer for the defaults")
    say("windtunnel calc NAME --explain  its inputs with units and domains, formula, source, assumptions")
    return 0


def _explain(args: argparse.Namespace, calculator: Any) -> int:
    if args.json:
        say_json(calculator.to_json())
        return 0
    say(calculator.title)
    say()
    rows = [(f"--{each.name}", each.label, each.text(each.default), each.domain(), each.what) for each in calculator.inputs]
    table(("input", "meaning", "default", "domain", ""), [(*row[:4], row[4] if row[4] != row[3] else "") for row in rows])
    say()
    for line in calculator.formula.splitlines():
        say(f"  {line}")
    say()
    say(f"Source: {calculator.source}.")
    say("Assumes:")
    for line in calculator.assumptions:
        say(f"  - {line}")
    return 0


def _print(calculator: Any, values: dict[str, Any], result: Any) -> None:
    shown = ", ".join(
        f"{each.name} {each.text(values[each.name])}" for each in calculator.inputs if values[each.name] not in (None, "")
    )
    say(f"{calculator.title}: {shown}")
    say()
    table(("output", "value", ""), [(output.name, output.text(), output.label) for output in result.outputs])
    for line in result.notes:
        say()
        say(line)


def _draw(charts: list[Any]) -> None:
    from windtunnel.cli.plot import lines_of  # noqa: PLC0415 - only --chart needs it

    for chart in charts:
        say()
        for line in lines_of(chart):
            say(line)


def _print_tornado(tornado: Any) -> None:
    from windtunnel.cli.plot import lines_of  # noqa: PLC0415
    from windtunnel.quant.units import show  # noqa: PLC0415

    say()
    value = show(tornado.output.value, tornado.output.unit)
    say(f"What moves {tornado.output.name} ({value}): each input {tornado.share:.0%} down and up")
    say()
    for line in lines_of(tornado.chart()):
        say(line)
    say("  +: rises with the input, -: falls")
    for bar in tornado.bars:
        if bar.why:
            say(f"  {bar.name}: {bar.why}")


def _print_check(agreement: Any) -> None:
    say()
    say(f"Check: {agreement.how}")
    say()
    table(("output", "formula", "observed", "interval", "by", ""), [row.cells() for row in agreement.rows])
    say()
    say(f"{agreement.verdict}: {agreement.why}")
