"""Labs: start one in a folder of your own, write, check it under faults, take a hint.

`list` shows the labs, `start` makes a folder with the lesson and the starter, `check` runs your work under its checks, `hint` and
`solution` help, `status` says how far you are, `quality` tries a lab on its own starter, reference and mutants. LAB is an id or,
where you work, your folder. Every rule of every system is a lab too: `raft/vote_is_durable`.
"""

from __future__ import annotations

import argparse
import importlib
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.cli.flags import Parser, whole
from windtunnel.cli.output import colour, note, say, say_json, table

if TYPE_CHECKING:
    from windtunnel.labs import CheckResult, Grader, Lab, Report

EXAMPLES = """\
  windtunnel lab list
  windtunnel lab start two-nodes
  windtunnel lab check two-nodes --watch
  windtunnel lab hint two-nodes --level 2
  windtunnel lab start raft/vote_is_durable
  windtunnel lab quality two-nodes"""

JSON = (
    "`list`: `labs`, `safeguards`. `start`: `lab`, `folder`, `files`. `check`: `lab`, `verdict`, `message`, `stage`, `items`, "
    "`checks` (`name`, `verdict`, `message`, `seed`, `plan`, `log`, `first_bad`, `trace`, `replay`, `page`), `submission_hash`, "
    "`content_hash`, `grader`, `seconds`, `walls`. `hint`: `text`. `solution`: `files`. `status`: `started`. "
    "`quality`: `kill_rate`, `rows`."
)

ACTIONS = ("list", "start", "check", "hint", "solution", "status", "quality")
CLEAR = "\x1b[2J\x1b[H"
LOG_LINES = 12
WIDTH = 110


def configure(parser: Parser) -> None:
    """The flags of `lab`."""
    parser.add_argument("action", metavar="ACTION", help=", ".join(ACTIONS))
    parser.add_argument("lab", nargs="?", help="id of a lab, a folder, or SYSTEM/SAFEGUARD (default: this folder)")
    parser.add_argument("--folder", metavar="DIR", help="start: where to make the folder (default: the lab's id)")
    parser.add_argument("--stage", metavar="ID", help="check: up to this stage (default: the next one to be passed)")
    parser.add_argument("--only", metavar="NAME", help="check: this check alone; hint: the hint for this check")
    parser.add_argument("--seed", type=whole(0), metavar="N", help="check: this seed alone")
    parser.add_argument("--watch", action="store_true", help="check: again whenever a file is saved, until Ctrl-C")
    parser.add_argument(
        "--level", type=whole(1), metavar="N", help="hint: 1 a nudge, 2 a direction, 3 almost the answer (default 1)"
    )
    parser.add_argument("--give-up", action="store_true", help="solution: before the lab is passed; that is recorded")


def execute(args: argparse.Namespace) -> int:
    """Do one of the actions."""
    doing = {
        "list": _list,
        "start": _start,
        "check": _check,
        "hint": _hint,
        "solution": _solution,
        "status": _status,
        "quality": _quality,
    }
    if args.action not in doing:
        raise unknown("action of windtunnel lab", args.action, ACTIONS)
    return doing[args.action](args)


def _named(args: argparse.Namespace) -> str:
    if args.lab is None:
        raise UsageError(f"windtunnel lab {args.action} needs a lab; `windtunnel lab list` has them")
    return str(args.lab)


# --- List, start ---


def _list(args: argparse.Namespace) -> int:
    from windtunnel.labs import catalogue  # noqa: PLC0415 - not needed by --help
    from windtunnel.labs.safeguards import safeguard_ids  # noqa: PLC0415

    labs, safeguards = catalogue(), safeguard_ids()
    if args.json:
        say_json({"labs": [lab.to_json() for lab in labs], "safeguards": list(safeguards)})
        return 0
    rows = [(lab.id, f"{lab.hours:g} h", "*" * lab.difficulty, _laws(lab), lab.summary) for lab in labs]
    table(("lab", "time", "difficulty", "laws", "about"), rows)
    say(f"\nand {len(safeguards)} rules to take away, each a lab of a quarter of an hour: predict what breaks, then see it")
    systems = dict.fromkeys(name.partition("/")[0] for name in safeguards)
    for system in systems:
        rules = [name.partition("/")[2] for name in safeguards if name.startswith(f"{system}/")]
        say(textwrap.fill(f"{system}/  {', '.join(rules)}", WIDTH, initial_indent="  ", subsequent_indent="      "))
    say("\nwindtunnel lab start LAB")
    return 0


def _laws(lab: Lab) -> str:
    return ",".join(map(str, lab.laws)) or "-"


def _start(args: argparse.Namespace) -> int:
    from windtunnel.labs import find, start  # noqa: PLC0415

    lab = find(_named(args))
    place = start(args.lab, Path(args.folder) if args.folder else None)
    names = sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file() and not path.name.startswith("."))
    if args.json:
        say_json({"lab": lab.id, "folder": str(place), "files": names})
        return 0
    say(f"{lab.title}: {lab.summary}")
    say(f"  {place}/: {', '.join(names)}")
    say(f"  read {place / 'README.md'}, edit {place / lab.file}, then")
    say(f"  windtunnel lab check {place}" + ("" if lab.rule else " --watch"))
    return 0


# --- Check ---


def _check(args: argparse.Namespace) -> int:
    from windtunnel.labs.folder import folder_of  # noqa: PLC0415
    from windtunnel.labs.report import CODES  # noqa: PLC0415

    place = folder_of(args.lab if args.lab is not None else ".")
    if args.watch:
        return _watch(args, place)
    report = _checked(args, place, None)
    if args.json:
        say_json(report.to_json())
    else:
        _tell(report, place)
    return CODES[report.verdict]


def _checked(args: argparse.Namespace, place: Path, grader: Grader | None) -> Report:
    from windtunnel.labs import check  # noqa: PLC0415

    def shown(result: CheckResult) -> None:
        if not args.json:
            _line(result)

    report = check(place, stage=args.stage, only=args.only, seed=args.seed, grader=grader, progress=shown)
    if args.only is not None and not report.checks and report.message.startswith("unknown check"):
        raise UsageError(report.message)
    if args.only is None and args.seed is None:
        _record(report)
    return report


def _watch(args: argparse.Namespace, place: Path) -> int:
    from windtunnel.labs import Grader  # noqa: PLC0415
    from windtunnel.labs.report import CODES  # noqa: PLC0415
    from windtunnel.labs.watching import Watch  # noqa: PLC0415

    grader = Grader()
    code = 2
    try:
        with Watch(place) as watch:
            note(f"watching {place} ({watch.how}); Ctrl-C ends")
            changes = watch.changes()
            while True:
                began = time.monotonic()
                if not grader.alive:
                    grader.close()
                    grader = Grader()
                code = CODES[_once(args, place, grader)]
                note(f"{time.monotonic() - began:.2f} s; waiting for a change of {place}")
                names = next(changes)
                if colour() and not args.json:
                    say(CLEAR)
                note(f"changed: {', '.join(names)}")
    except KeyboardInterrupt:
        return code
    finally:
        grader.close()


def _once(args: argparse.Namespace, place: Path, grader: Grader) -> str:
    """One check while watching; what cannot be judged now may be in a moment."""
    try:
        report = _checked(args, place, grader)
    except UsageError as error:
        note(f"windtunnel: {error}")
        return "unknown"
    if args.json:
        say_json(report.to_json())
    else:
        _tell(report, place)
    return report.verdict


def _record(report: Report) -> None:
    """Keep a completed check as evidence, if progress is kept."""
    try:
        journal = importlib.import_module("windtunnel.learn.progress").Journal()
    except ModuleNotFoundError:
        return
    for item in report.items:
        try:
            journal.add(
                item,
                "lab",
                report.verdict,
                report.content_hash,
                submission_hash=report.submission_hash,
                grader=report.grader,
                seeds=report.seeds,
                metrics=report.metrics,
            )
        except (UsageError, OSError) as error:
            note(f"windtunnel: the result could not be recorded: {error}")
            return


def _line(result: CheckResult) -> None:
    seeds = (
        f"  ({result.seeds} seed{'' if result.seeds == 1 else 's'})" if result.verdict == "passed" and result.seeds > 1 else ""
    )
    say(f"  {result.verdict:<8} {result.name}{seeds}")


def _tell(report: Report, place: Path) -> None:
    bad = next((check for check in report.checks if check.verdict != "passed"), None)
    if report.message:
        say(f"  {report.message}")
    for check in report.checks:
        if check.verdict == "passed" and check.message:  # a run that shows what was asked for
            say(f"\n{check.name}")
            say(textwrap.fill(check.message, WIDTH, initial_indent="  ", subsequent_indent="  "))
            _story(check)
            say(f"  see it again: {check.replay}")
    if bad is not None:
        say(f"\n{bad.name}: {bad.verdict}")
        say(f"  {bad.message}")
        _story(bad)
        if bad.replay:
            say(f"  see it again: {bad.replay}")
        if any(hint.check in (bad.name, "") for hint in report.lab.hints):
            say(f'  a hint: windtunnel lab hint {place} --only "{bad.name}"')
    good = sum(check.verdict == "passed" for check in report.checks)
    stage = f", stage {report.stage}" if report.stage else ""
    say(f"\n{report.verdict.upper()}: {report.lab.id}{stage}: {good} of {len(report.checks)} checks, {report.seconds:.2f} s")
    if report.passed:
        _what_next(report, place)


def _story(bad: CheckResult) -> None:
    """The failing run: seed, faults, first bad event, the last of what the hosts did, the page."""
    if bad.seed is not None:
        faults = "; ".join(bad.plan)
        say(f"  seed {bad.seed}; " + (f"faults that it takes: {faults}" if faults else "no fault is needed"))
    first = bad.first_bad
    if first is not None and first.get("at_s") is not None:
        where = f", {first['where']}" if first.get("where") else ""
        say(f"  first bad event: t={first['at_s']:.6f} s" + (f" on {first['host']}" if first.get("host") else "") + where)
    if bad.log:
        say("  log of all hosts, the end:")
        width = max(len(host) for _, host, _, _ in bad.log[-LOG_LINES:])
        for at_s, host, source, text in bad.log[-LOG_LINES:]:
            say(f"    {at_s:11.6f}  {host:<{width}}  {source:<7}  {text}".rstrip())
    if bad.page:
        say(f"  the whole story: {bad.page}")


def _what_next(report: Report, place: Path) -> None:
    from windtunnel.labs.folder import read_state  # noqa: PLC0415

    state = read_state(place)
    stages = {stage.id: stage.title for stage in report.lab.stages}
    if state.stage and state.stage != report.stage and not state.passed:
        say(f"  next stage: {state.stage}: {stages.get(state.stage, '')}")
    elif state.passed:
        say(f"  to compare: windtunnel lab solution {place}")


# --- Hint, solution, status, quality ---


def _hint(args: argparse.Namespace) -> int:
    from windtunnel.labs import find, hint  # noqa: PLC0415
    from windtunnel.labs.folder import folder_of, read_state  # noqa: PLC0415
    from windtunnel.labs.lab import HINT_LEVELS  # noqa: PLC0415

    level = args.level or 1
    place = folder_of(args.lab if args.lab is not None else ".")
    state = read_state(place)
    check = args.only or ""
    text = hint(state.lab, check, level)
    known = find(state.lab).hint(check)
    key = known.check if known is not None else ""
    state.hints[key] = max(level, state.hints.get(key, 0))
    state.save(place)
    if args.json:
        say_json({"lab": state.lab, "check": key, "level": level, "text": text})
        return 0
    if check and not key:
        note(f"windtunnel: no hint is written for {check!r}; this one is for the whole lab")
    say(f"{HINT_LEVELS[level - 1]} ({level} of {len(HINT_LEVELS)}): {text}")
    if level < len(HINT_LEVELS):
        more = f' --only "{check}"' if check else ""
        say(f"  more: windtunnel lab hint {place}{more} --level {level + 1}")
    return 0


def _solution(args: argparse.Namespace) -> int:
    from windtunnel.labs import solution  # noqa: PLC0415
    from windtunnel.labs.folder import folder_of, read_state  # noqa: PLC0415

    place = folder_of(args.lab if args.lab is not None else ".")
    state = read_state(place)
    if not state.passed and not args.give_up:
        raise UsageError(f"{place} is not passed yet: take a hint (`windtunnel lab hint {place}`), or add --give-up")
    if not state.passed:
        state.hints["solution"] = 1
        state.save(place)
    files = solution(state.lab)
    if args.json:
        say_json({"lab": state.lab, "files": files})
        return 0
    for name, text in files.items():
        say(f"--- {name} ---")
        say(text)
    return 0


def _status(args: argparse.Namespace) -> int:
    from windtunnel.labs import find, started  # noqa: PLC0415

    rows: list[dict[str, Any]] = []
    for place, state in started(Path(args.lab or ".")):
        try:
            lab = find(state.lab)
        except UsageError:  # made by another version
            continue
        changed = bool(state.content_hash) and state.content_hash != lab.content_hash
        rows.append(
            {
                "lab": lab.id,
                "folder": str(place),
                "title": lab.title,
                "passed": state.passed,
                "stage": "" if state.passed else state.stage,
                "hints": state.hints,
                "changed": changed,
            }
        )
    if args.json:
        say_json({"started": rows})
        return 0
    if not rows:
        say("no lab was started here; `windtunnel lab list` has them")
        return 0
    lines = [
        (
            row["folder"],
            row["lab"],
            "passed" if row["passed"] else f"at stage {row['stage']}" if row["stage"] else "begun",
            str(sum(row["hints"].values())),
            "the lab has changed since" if row["changed"] else "",
        )
        for row in rows
    ]
    table(("folder", "lab", "state", "hints", ""), lines)
    return 0


def _quality(args: argparse.Namespace) -> int:
    from windtunnel.labs import quality  # noqa: PLC0415
    from windtunnel.labs.proof import Row  # noqa: PLC0415

    def shown(row: Row) -> None:
        if not args.json:
            say(f"  {'good' if row.good else 'BAD':<5} {row.what:<40} {row.verdict:<8} {row.seconds:6.2f} s")
            if not row.good:
                say(f"        wanted {row.wanted}; failed: {', '.join(row.failed) or 'nothing'}; {row.text}")

    found = quality(_named(args), progress=shown)
    if args.json:
        say_json(found.to_json())
    else:
        word = "VALID" if found.good else "INVALID"
        say(f"{word}: {found.lab.id}: {found.killed} of {len(found.lab.mutants)} mutants killed, {found.seconds:.1f} s")
    return 0 if found.good else 1
