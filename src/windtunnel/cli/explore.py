"""Search every schedule of a small cluster, breadth first: a proof within bounds, or a shortest counterexample.

Each step delivers, loses or duplicates a message, fires a timer, crashes or restarts a node. What is not given comes from
the system's own bounds.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from windtunnel.cli.flags import Parser, duration, names, pairs, whole
from windtunnel.cli.meter import Meter
from windtunnel.cli.output import CODES, say, say_json

if TYPE_CHECKING:
    from windtunnel.sim.explore import Exploration

EXAMPLES = """\
  windtunnel explore two-phase-commit
  windtunnel explore two-phase-commit --nodes 3 --crashes 2 --without log_before_announce"""

JSON = (
    "`system`, `verdict`, `why`, `nodes`, `bounds`, `states`, `transitions`, `depth`, `clusters`, `quiet`, `seen`, "
    "`unseen`, `wall_s`, `violation` (null, or `property`, `statement`, `evidence`, `node`, `steps`, `trace`)."
)

BOUNDS = {
    "crashes": "how many crashes in all",
    "losses": "how many messages may be lost",
    "duplicates": "how many messages may be repeated",
    "fires": "how many timers may fire; -1 is any number",
}


def configure(parser: Parser) -> None:
    """The flags of `explore`."""
    parser.add_argument("system", help="name of a system of form core; `windtunnel list` has them")
    parser.add_argument("--nodes", type=whole(1), metavar="N", help="size of the cluster")
    for name, what in BOUNDS.items():
        parser.add_argument(f"--{name}", type=whole(-1), metavar="N", help=what)
    parser.add_argument("--without", action="append", default=[], metavar="RULE", help="switch a safeguard off; repeatable")
    parser.add_argument("--option", action="append", default=[], metavar="K=V", help="an option of the system; repeatable")
    parser.add_argument("--states", type=whole(1), metavar="N", help="stop after so many states (default 2,000,000)")
    parser.add_argument(
        "--budget", dest="budget_s", type=duration, metavar="TIME", help="stop after so much wall time (default none)"
    )


def execute(args: argparse.Namespace) -> int:
    """Search and explain."""
    from windtunnel.scenarios.chosen import options_of  # noqa: PLC0415 - not needed by --help
    from windtunnel.sim.explore import STATES_MAX, explore  # noqa: PLC0415
    from windtunnel.systems import find  # noqa: PLC0415

    system = find(args.system)
    safeguards = system.safeguards_without(names(args.without))
    states_max = args.states or STATES_MAX
    with Meter(f"explore {system.name}", None) as meter:
        found = explore(
            system,
            size=args.nodes,
            **{name: getattr(args, name) for name in BOUNDS},
            safeguards=safeguards,
            options=options_of(system, pairs(args.option)),
            states_max=states_max,
            budget_s=args.budget_s,
            progress=lambda now: meter.show(
                now.states,
                f"{now.states:,} states, {now.waiting:,} waiting, depth {now.depth}, {now.states / max(now.wall_s, 1e-9):,.0f}/s",
            ),
        )
    if args.json:
        say_json(row_of(found))
    else:
        _say(found)
    return CODES[found.verdict]


def row_of(found: Exploration) -> dict[str, Any]:
    """The search as JSON."""
    violation = found.violation
    return {
        "system": found.system,
        "verdict": found.verdict,
        "why": found.why,
        "nodes": list(found.nodes),
        "bounds": found.bounds,
        "states": found.states,
        "transitions": found.transitions,
        "depth": found.depth,
        "clusters": found.clusters,
        "quiet": found.quiet,
        "seen": list(found.seen),
        "unseen": list(found.unseen),
        "wall_s": round(found.wall_s, 3),
        "violation": violation
        and {
            "property": violation.property,
            "statement": violation.statement,
            "evidence": violation.evidence,
            "node": violation.node,
            "steps": violation.steps,
            "trace": violation.rows,
        },
    }


def _say(found: Exploration) -> None:
    say(f"{found.verdict.upper()}: {found.system}" + (f": {found.why}" if found.why else ""))
    rate = found.states / found.wall_s if found.wall_s > 0 else 0
    say(f"  {found.states:,} states, {found.transitions:,} transitions, depth {found.depth}")
    say(f"  {found.wall_s:.2f} s, {rate:,.0f} states a second")
    say(f"  {found.clusters:,} configurations of the nodes; {found.quiet:,} states in which nothing can happen any more")
    say("  bounds: " + ", ".join(f"{name} {value}" for name, value in found.bounds.items() if value not in (None, ())))
    for name in found.seen:
        say(f"  sometimes {name}: seen")
    for name in found.unseen:
        say(f"  sometimes {name}: NEVER SEEN: these bounds do not show the system at work")
    if found.violation is not None:
        say(f"  {found.violation.property}: {found.violation.statement}")
        say(f"  evidence: {found.violation.evidence}")
        say(f"  a shortest schedule, {found.violation.steps} steps:")
        for row in found.violation.rows:
            route = f"{row['src']} → {row['node']}" if row.get("src") else str(row.get("node") or "")
            say(f"    {row['t']:>3g}  {row['kind']:<9} {route:<11} {row['text']}")
