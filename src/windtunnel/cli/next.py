"""What to do next on your path, why, and with which command."""

from __future__ import annotations

import argparse

from windtunnel.cli.flags import Parser
from windtunnel.cli.output import note, say, say_json
from windtunnel.cli.reading import wrapped

EXAMPLES = """\
  windtunnel next
  windtunnel next --path practitioner"""

JSON = "`path`, `percent`, `next` (a node: `item`, `title`, `minutes`, `command`, ...; null when nothing is left), `why`."


def configure(parser: Parser) -> None:
    """The flags of `next`."""
    parser.add_argument("--path", metavar="ID", help="of another path than the one you started")


def execute(args: argparse.Namespace) -> int:
    """Print the next step. Where no path is started, the next step is to choose one."""
    from windtunnel import learn  # noqa: PLC0415 - not needed by --help
    from windtunnel.learn import items  # noqa: PLC0415

    name = args.path or learn.settings().get("path")
    if not name:
        if args.json:
            say_json({"path": None, "percent": 0, "next": None, "why": "no path is started"})
        else:
            say("no path is started. Choose one:\n  windtunnel path choose")
            say("or begin at the beginning:\n  windtunnel path start beginner")
        return 0
    path = learn.path(str(name))
    progress = learn.Journal().read()
    status, state = path.status(progress), path.next(progress)
    why = ""
    if state is not None and state.node.kind == "lesson":
        lesson = learn.lesson(state.node.item)
        why = f"{lesson.objective} {lesson.why}"
    if args.json:
        found = state.to_json() if state is not None else None
        say_json({"path": path.id, "percent": round(status.percent, 1), "next": found, "why": why})
        return 0
    for problem in progress.problems:
        note(f"windtunnel: the log of evidence, {problem}")
    if state is None and (waits := path.waits_for(progress)):
        first = items.find(waits[0])
        say(f"{path.title}: every node that is left waits for {', '.join(waits)}")
        say(f"  {first.title}: {first.command}")
        return 0
    if state is None:
        say(f"{path.title}: everything that can be done is done ({status.percent:.0f} %)")
        if path.certificate and status.complete:
            say(f"  windtunnel certificate {path.certificate}")
        return 0
    item = state.node.found()
    assert item is not None, "an open node has an item"
    say(f"{item.title} ({state.node.minutes} minutes; {path.title}, {status.percent:.0f} % done)")
    if why:
        say(wrapped(why, "  "))
    say(f"  {item.command}")
    return 0
