"""What you have shown so far: levels, milestones, counts, evidence; and the ways out of it.

Everything is computed from the log of evidence in your own folder (WINDTUNNEL_HOME, or ~/.local/share/windtunnel). A line of
the log that is damaged is said, with its number, and the rest counts.
"""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path
from typing import Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.cli.flags import Parser, names, real
from windtunnel.cli.output import note, say, say_json

EXAMPLES = """\
  windtunnel progress
  windtunnel progress --item lab:retry
  windtunnel progress --note lesson:law-1 "shared switch: ask the network team"
  windtunnel progress --export mine.json
  windtunnel progress --ics path.ics --hours-per-week 5 --days mon,wed,sat --at 19:00"""

JSON = (
    "`home`, `records`, `head` (hash of the newest record), `problems` (`line`, `what`, `text`), `level`, `levels`, "
    "`milestones`, `certificates` (each with `holds` and `parts`), `counts`, `notes`; with --item: `evidence`. "
    "The ways out say what they wrote."
)
UPLOADS = ("custom-design", "review", "mentoring", "contribution")


def configure(parser: Parser) -> None:
    """The flags of `progress`."""
    parser.add_argument("--item", metavar="ITEM", help="the evidence of one item, such as lab:retry")
    parser.add_argument("--export", metavar="FILE", help="write evidence, notes and choices as one JSON file")
    parser.add_argument("--import", dest="taken", metavar="FILE", help="take the evidence and notes of such a file")
    parser.add_argument("--xapi", metavar="FILE", help="write the evidence as xAPI statements, one a line")
    parser.add_argument("--ics", metavar="FILE", help="write what is left of your path as a calendar")
    parser.add_argument("--path", metavar="ID", help="--ics: another path than the one you started")
    parser.add_argument("--hours-per-week", type=real, metavar="H", help="--ics: hours that you have (default: as started, or 5)")
    parser.add_argument("--days", action="append", default=[], metavar="D,...", help="--ics: weekdays (default tue,thu,sat)")
    parser.add_argument("--at", default="19:00", metavar="HH:MM", help="--ics: when to begin (default 19:00)")
    parser.add_argument("--from", dest="first", metavar="DATE", help="--ics: the first day, 2026-01-31 (default: today)")
    parser.add_argument("--note", nargs=2, metavar=("ITEM", "TEXT"), help="put a note next to an item")
    parser.add_argument(
        "--upload", nargs=2, metavar=("KIND", "FILE"), help=f"record a document by its hash: {', '.join(UPLOADS)}"
    )


def execute(args: argparse.Namespace) -> int:
    """Show, or one of the ways in and out."""
    ways = {
        "export": _export,
        "taken": _import,
        "xapi": _xapi,
        "ics": _ics,
        "note": _note,
        "upload": _upload,
        "item": _item,
    }
    given = [name for name in ways if getattr(args, name)]
    if len(given) > 1:
        raise UsageError("expected one of --item, --export, --import, --xapi, --ics, --note, --upload at a time")
    return ways[given[0]](args) if given else _show(args)


def _show(args: argparse.Namespace) -> int:
    from windtunnel import learn  # noqa: PLC0415 - not needed by --help
    from windtunnel.learn import bundle, rules  # noqa: PLC0415

    progress = learn.Journal().read()
    found = rules.overview(progress)
    if args.json:
        more = {"records": len(progress.evidence), "head": progress.head, "problems": [p.to_json() for p in progress.problems]}
        say_json({"home": str(learn.home_of()), **more, **found, "notes": bundle.notes()})
        return 0
    _say_path(progress)
    say(f"level {found['level']}")
    for kind in ("levels", "milestones", "certificates"):
        say(f"\n{kind}")
        for row in found[kind]:
            parts = "; ".join(f"{p['label']}: {min(p['have'], p['need'])} of {p['need']}" for p in row["parts"] if p["need"])
            say(f"  {'✓' if row['holds'] else '○'} {row['title']}: {parts or 'nothing to count yet'}")
    say(f"\n{len(progress.evidence)} records in {learn.Journal().path}")
    for problem in progress.problems:
        note(f"windtunnel: the log of evidence, {problem}")
    return 0


def _say_path(progress: Any) -> None:
    from windtunnel import learn  # noqa: PLC0415

    name = learn.settings().get("path")
    if name:
        status = learn.path(str(name)).status(progress)
        done, of = status.done_minutes / 60, status.available_minutes / 60
        say(f"{status.path.title}: {status.percent:.0f} %, {done:.3g} of {of:.3g} hours")


def _item(args: argparse.Namespace) -> int:
    from windtunnel import learn  # noqa: PLC0415
    from windtunnel.learn import bundle, items  # noqa: PLC0415

    if not args.item.startswith("upload:"):
        items.find(args.item.partition("#")[0])
    progress = learn.Journal().read()
    found = [e for e in progress.evidence if e.item == args.item or e.item.startswith(f"{args.item}#")]
    beside = [row for row in bundle.notes() if row["item"] == args.item]
    if args.json:
        say_json({"item": args.item, "evidence": [e.to_json() for e in found], "notes": beside})
        return 0
    say(f"{args.item}: {'done' if progress.has(args.item) else 'not done'}, {len(found)} records")
    for e in found:
        say(f"  {e.at}  {e.verdict:<8} {e.item}")
    for row in beside:
        say(f"  note of {row['at']}: {row['text']}")
    return 0


def _export(args: argparse.Namespace) -> int:
    from windtunnel.learn import bundle  # noqa: PLC0415
    from windtunnel.learn.progress import canonical  # noqa: PLC0415

    made = bundle.exported()
    _write(args.export, canonical(made).decode() + "\n")
    return _said(args, {"file": args.export, "records": len(made["evidence"]), "head": made["head"]})


def _import(args: argparse.Namespace) -> int:
    from windtunnel.learn import bundle  # noqa: PLC0415

    try:
        data = Path(args.taken).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {args.taken}: {error.strerror}") from None
    return _said(args, {"file": args.taken} | bundle.imported(data))


def _xapi(args: argparse.Namespace) -> int:
    from windtunnel import learn  # noqa: PLC0415
    from windtunnel.learn import bundle, xapi  # noqa: PLC0415

    rows = list(xapi.statements(learn.Journal().read(), bundle.learner_id()))
    _write(args.xapi, xapi.ndjson(rows))
    return _said(args, {"file": args.xapi, "statements": len(rows)})


def _ics(args: argparse.Namespace) -> int:
    from windtunnel import learn  # noqa: PLC0415
    from windtunnel.learn import schedule  # noqa: PLC0415

    name = args.path or learn.settings().get("path")
    if not name:
        raise UsageError("no path is started; `windtunnel path start beginner` starts one, or give --path")
    try:
        first = dt.date.fromisoformat(args.first) if args.first else dt.datetime.now().astimezone().date()
        at = dt.time.fromisoformat(args.at)
    except ValueError:
        raise UsageError(f"expected --from 2026-01-31 and --at 19:00; got {args.first} and {args.at}") from None
    hours = args.hours_per_week or float(learn.settings().get("hours_per_week", 5.0))
    days = names(args.days) or ("tue", "thu", "sat")
    status = learn.path(str(name)).status(learn.Journal().read())
    found = schedule.slots(status, hours_per_week=hours, first=first, days=days, at=at)
    _write(args.ics, schedule.ics(status, found, dt.datetime.now(dt.UTC)))
    last = found[-1].start.date().isoformat() if found else None
    return _said(args, {"file": args.ics, "appointments": len(found), "last": last})


def _note(args: argparse.Namespace) -> int:
    from windtunnel.learn import bundle, items  # noqa: PLC0415

    item, text = args.note
    items.find(item)
    return _said(args, dict(bundle.add_note(item, text)))


def _upload(args: argparse.Namespace) -> int:
    from windtunnel import learn  # noqa: PLC0415
    from windtunnel.learn.progress import content_hash  # noqa: PLC0415

    kind, file = args.upload
    if kind not in UPLOADS:
        raise unknown("kind of document", kind, UPLOADS)
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    digest = content_hash(data)
    learn.Journal().add(f"upload:{kind}", "upload", "recorded", "", digest, metrics={"bytes": len(data)})
    return _said(args, {"item": f"upload:{kind}", "hash": digest})


def _write(file: str, text: str) -> None:
    try:
        Path(file).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from None


def _said(args: argparse.Namespace, found: dict[str, Any]) -> int:
    if args.json:
        say_json(found)
    else:
        say(", ".join(f"{name} {value}" for name, value in found.items() if value is not None))
    return 0
