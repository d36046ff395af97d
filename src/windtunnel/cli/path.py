"""Learning paths: choose one, start it, see where you are.

`choose` asks for a goal and gives a few small exercises: what you solve counts, not what you say you know. Without a
terminal, give --goal, --hours-per-week and --answer for each exercise (`path choose --json` lists them).
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.cli.flags import Parser, real
from windtunnel.cli.lesson import pairs_of_answers
from windtunnel.cli.output import note, say, say_json, table
from windtunnel.cli.reading import question, wrapped

if TYPE_CHECKING:
    from windtunnel import learn

EXAMPLES = """\
  windtunnel path list
  windtunnel path choose
  windtunnel path choose --goal practice --hours-per-week 5 --answer silence=c --answer chain=97 --answer majority=2
  windtunnel path start beginner
  windtunnel path status
  windtunnel path start beginner --override lesson:fallacies"""

JSON = (
    "`list`: `paths`. `show`, `status`: the path with `blocks` of `nodes` (`item`, `state`: done, open, locked or planned, "
    "`minutes`, `needs`, `missing`), `percent`, `done_minutes`, `available_minutes`, `planned_minutes`. `choose`: `exercises`, "
    "`results`, `chosen` (`path`, `reasons`, `hours`, `hours_available`, `hours_left`, `weeks`), null until there are answers. "
    "`start`: `path`, `next`, `placed` (prerequisites that the exercises stand for), `first` (those that are on other paths)."
)
HOURS_MAX = 80  # of a week, for learning
MARKS = {"done": "✓", "open": "○", "locked": "·", "planned": "-"}


def configure(parser: Parser) -> None:
    """The flags of `path`."""
    parser.add_argument("action", help="list, choose, start, status or show")
    parser.add_argument("path", nargs="?", help="which one; `windtunnel path list` has them (status: the one you started)")
    parser.add_argument("--goal", metavar="G", help="choose: foundation, practice, design or leadership")
    parser.add_argument("--hours-per-week", type=real, metavar="H", help="choose, start: hours you have (default 5)")
    parser.add_argument("--no-code", action="store_true", help="choose: a path without writing code")
    parser.add_argument(
        "--answer", action="append", default=[], metavar="ID=ANSWER", help="choose: answer an exercise; repeatable"
    )
    parser.add_argument("--override", action="append", default=[], metavar="ITEM", help="start: skip a prerequisite; is recorded")


def execute(args: argparse.Namespace) -> int:
    """Do one of the five."""
    actions = {"list": _list, "choose": _choose, "start": _start, "status": _status, "show": _show}
    if args.action not in actions:
        raise unknown("action of path", args.action, actions)
    return actions[args.action](args)


def _list(args: argparse.Namespace) -> int:
    from windtunnel import learn  # noqa: PLC0415 - not needed by --help

    progress = learn.Journal().read()
    rows = [
        one.to_json() | {"percent": round(one.status(progress).percent, 1), "started": one.id == learn.settings().get("path")}
        for one in learn.paths().values()
    ]
    if args.json:
        say_json({"paths": rows})
        return 0
    head = ("path", "weeks", "hours", "to do today", "done", "for")
    table(head, [_row(row) for row in rows])
    return 0


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    name = f"{row['id']}{' (yours)' if row['started'] else ''}"
    low, high = row["weeks"]
    return (
        name,
        f"{low}-{high}",
        f"{row['hours']:.3g}",
        f"{row['available_hours']:.3g}",
        f"{row['percent']:.0f} %",
        ", ".join(row["roles"]),
    )


def _chosen_path(args: argparse.Namespace) -> learn.Path:
    from windtunnel import learn  # noqa: PLC0415

    name = args.path or learn.settings().get("path")
    if not name:
        raise UsageError("no path is started; `windtunnel path choose` proposes one, `windtunnel path start beginner` starts it")
    return learn.path(str(name))


def _show(args: argparse.Namespace) -> int:
    from windtunnel import learn  # noqa: PLC0415

    path = _chosen_path(args)
    status = path.status(learn.Journal().read())
    if args.json:
        say_json(status.to_json())
        return 0
    say(f"{path.title}: {path.summary}")
    say(wrapped(f"you will: {path.objective}", "  "))
    say(wrapped(f"why: {path.why}", "  "))
    planned = f", of which {status.planned_minutes / 60:.3g} are planned and cannot be done yet" if status.planned_minutes else ""
    say(f"  {path.hours:.3g} hours in {path.weeks[0]} to {path.weeks[1]} weeks{planned}")
    say("  afterwards you can:")
    for outcome in path.outcomes:
        say(f"    - {outcome}")
    _say_nodes(path, status)
    return 0


def _status(args: argparse.Namespace) -> int:
    from windtunnel import learn  # noqa: PLC0415

    path = _chosen_path(args)
    progress = learn.Journal().read()
    status = path.status(progress)
    if args.json:
        say_json(status.to_json())
        return 0
    done, of = status.done_minutes / 60, status.available_minutes / 60
    say(f"{path.title}: {_bar(status.percent)} {status.percent:.0f} %, {done:.3g} of {of:.3g} hours")
    _say_nodes(path, status)
    say(_next_line(path, progress))
    _warn(progress)
    return 0


def _bar(percent: float) -> str:
    full = int(percent / 5)
    return "█" * full + "░" * (20 - full)


def _say_nodes(path: learn.Path, status: learn.Status) -> None:
    states = {state.node.item: state for state in status.nodes}
    width = max(len(node.item) for node in path.nodes)
    for block in path.blocks:
        say()
        say(f"{block.title} ({block.hours:.3g} h)")
        for node in block.nodes:
            state = states[node.item]
            more = " (optional)" if node.optional else ""
            if state.state == "locked":
                more += f"; first: {', '.join(state.missing)}"
            if state.state == "planned":
                more += "; planned"
            say(f"  {MARKS[state.state]} {node.minutes:>4} min  {node.item:<{width}} {node.shown()}{more}")
    say()


def _next_line(path: learn.Path, progress: learn.Progress) -> str:
    state = path.next(progress)
    if state is None:
        waits = path.waits_for(progress)
        return (
            f"every node that is left waits for {', '.join(waits)}"
            if waits
            else "everything that can be done on this path is done"
        )
    item = state.node.found()
    assert item is not None, "an open node has an item"
    return f"next: {item.title} ({state.node.minutes} min): {item.command}"


def _warn(progress: learn.Progress) -> None:
    for problem in progress.problems:
        note(f"windtunnel: the log of evidence, {problem}")


def _start(args: argparse.Namespace) -> int:
    from windtunnel import learn  # noqa: PLC0415
    from windtunnel.learn import items, placement  # noqa: PLC0415

    _check_hours(args)
    if args.path is None:
        raise UsageError("expected a path: windtunnel path start beginner; `windtunnel path list` has them")
    path = learn.path(args.path)
    for name in args.override:
        items.find(name)
    changes: dict[str, Any] = {"path": path.id}
    if args.hours_per_week:
        changes["hours_per_week"] = args.hours_per_week
    learn.set_settings(changes)
    journal = learn.Journal()
    placed = placement.skipped(path, journal.read())
    for name in (*args.override, *placed):
        if name not in journal.read().overridden():
            reason = {"reason": "placement" if name in placed else "wish"}
            journal.add(name, "override", "skipped", "", metrics=reason, override=True)
    progress = journal.read()
    done = progress.passed() | progress.overridden()
    first = [need for need in path.outside() if need not in done]
    state = path.next(progress)
    if args.json:
        say_json(
            {"path": path.id, "next": state.to_json() if state is not None else None, "first": first, "placed": list(placed)}
        )
    else:
        say(f"started: {path.title}, {path.hours:.3g} hours, of which {path.available_hours:.3g} can be done today")
        if placed:
            say(f"  your exercises stand for {len(placed)} prerequisites of earlier paths; that is on record")
        if first:
            say(f"  expected from earlier paths: {', '.join(first)}")
            say("  do them, or skip one with --override ITEM, or show that you know them: windtunnel path choose")
        say(_next_line(path, progress))
    return 0


def _choose(args: argparse.Namespace) -> int:
    from windtunnel import learn  # noqa: PLC0415
    from windtunnel.learn import placement  # noqa: PLC0415

    _check_hours(args)
    if args.path is not None:
        raise UsageError(f"`path choose` proposes a path; to start {args.path}: windtunnel path start {args.path}")
    if args.goal is not None and args.goal not in placement.GOALS:
        raise unknown("goal", args.goal, placement.GOALS)
    answers = pairs_of_answers(args.answer)
    talks = sys.stdin.isatty() and sys.stdout.isatty() and not args.json and not answers
    if talks:
        args.goal, args.hours_per_week = _ask_goal(args, placement.GOALS), args.hours_per_week or _ask_hours()
        answers = _ask_exercises(placement)
    if not answers and args.goal != "leadership" and not args.no_code:
        return _list_exercises(args, placement)
    journal = learn.Journal()
    results = placement.grade(answers, journal)
    hours = args.hours_per_week or 5.0
    goal = args.goal or "foundation"
    chosen = placement.choose(results, goal=goal, hours_per_week=hours, codes=not args.no_code, progress=journal.read())
    if args.json:
        say_json({"exercises": _exercises(placement), "results": results, "chosen": chosen.to_json()})
        return 0
    say(f"proposed: {chosen.path.title}, {chosen.hours_left:.3g} hours, {chosen.weeks} weeks at {hours:g} hours a week")
    for reason in chosen.reasons:
        say(f"  - {reason}")
    for name, right in results.items():
        say(f"  {name}: {'right. ' if right else ''}{placement.exercises()[name].why if right else 'not right'}")
    say(f"start it: windtunnel path start {chosen.path.id}" + (f" --hours-per-week {hours:g}" if args.hours_per_week else ""))
    return 0


def _exercises(placement: Any) -> list[Any]:
    return [one.to_json() | {"level": level} for level in placement.LEVELS for one in placement.exercises(level).values()]


def _list_exercises(args: argparse.Namespace, placement: Any) -> int:
    if args.json:
        say_json({"goals": placement.GOALS, "exercises": _exercises(placement), "results": {}, "chosen": None})
        return 0
    say("answer what you can (--answer ID=ANSWER), leave out what you cannot; a calculator is allowed\n")
    for row in _exercises(placement):
        for line in question(row, marked=False):
            say(line)
        say()
    say("windtunnel path choose --goal practice --answer silence=c --answer chain=97 ...")
    return 0


def _ask_goal(args: argparse.Namespace, goals: dict[str, str]) -> str:
    if args.goal:
        return str(args.goal)
    names = list(goals)
    say("What do you want to be able to do?")
    for i, name in enumerate(names):
        say(f"  {chr(ord('a') + i)}) {goals[name]}")
    while True:
        word = input("your goal: ").strip().lower()
        if word in names:
            return word
        if len(word) == 1 and 0 <= ord(word) - ord("a") < len(names):
            return names[ord(word) - ord("a")]


def _check_hours(args: argparse.Namespace) -> None:
    """Raises UsageError for a week that nobody has."""
    if args.hours_per_week is not None and not 0 < args.hours_per_week <= HOURS_MAX:
        raise UsageError(f"--hours-per-week: expected a number above 0, at most {HOURS_MAX}; got {args.hours_per_week:g}")


def _ask_hours() -> float:
    while True:
        try:
            hours = float(input("hours per week (5): ").strip() or 5)
        except ValueError:
            continue
        if 0 < hours <= HOURS_MAX:
            return hours


def _ask_exercises(placement: Any) -> dict[str, str]:
    """Level by level, until a level is not known; an empty answer skips."""
    say("\nA few exercises. An empty answer skips one; a calculator is allowed.\n")
    answers: dict[str, str] = {}
    for level in placement.LEVELS:
        asked = placement.exercises(level)
        for name, one in asked.items():
            for line in question(one.to_json(), marked=False):
                say(line)
            if given := _ask_one(one):
                answers[name] = given
            say()
        solved = sum(one.right(one.read(answers[name])) for name, one in asked.items() if name in answers)
        if solved < placement.SHARE * len(asked):
            break
    return answers


def _ask_one(one: Any) -> str:
    while True:
        given = input("your answer: ").strip()
        if not given:
            return ""
        try:
            one.read(given)
        except UsageError as error:
            say(str(error))
            continue
        return given
