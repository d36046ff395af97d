"""Labs: started in a folder of the learner's, checked in the sandbox, watched while they are edited.

A lab is looked up among those that exist, and its folder is the lab's own name under the place that was chosen when the studio
was started. So no part of a path comes from a page. In an address a lab made of a safeguard, `raft/vote_is_durable`, is
`raft~vote_is_durable`.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.studio.answers import Body, NotThere, text, whole
from windtunnel.studio.school import around, journal

if TYPE_CHECKING:
    from windtunnel.labs import CheckResult, Lab
    from windtunnel.studio.app import Studio
    from windtunnel.studio.child import Pace, Say

SOURCE_MAX = 200_000
"""Characters of a learner's file that a page shows."""

VIEW_ROWS_MAX = 4000


def find_lab(name: str) -> Lab:
    """The lab of that name in an address. Raises NotThere."""
    from windtunnel import labs  # noqa: PLC0415 - the first page does not wait for the labs
    from windtunnel.labs.safeguards import safeguard_ids  # noqa: PLC0415

    wanted = name.replace("~", "/")
    known = [*(lab.id for lab in labs.catalogue()), *safeguard_ids()]
    if wanted not in known:
        raise NotThere(str(unknown("lab", wanted, known)))
    return labs.find(wanted)


def folder(studio: Studio, lab: Lab) -> Path:
    """Where a lab is, or would be, on this machine."""
    return studio.places.labs / lab.id.replace("/", "-")


def one_lab(studio: Studio, name: str) -> dict[str, Any]:
    """A lab: its lesson, what is checked, and how far the learner is."""
    from windtunnel.labs.folder import starter  # noqa: PLC0415
    from windtunnel.labs.lab import README  # noqa: PLC0415

    lab = find_lab(name)
    files = starter(lab)
    readme = files.get(README, b"").decode("utf-8", "replace")
    evidence = journal(studio).read()
    tries = [e for e in evidence.evidence if e.item == f"lab:{lab.id}" or e.item.startswith(f"lab:{lab.id}#")]
    return {
        "lab": lab.to_json(),
        "name": name,
        "readme": readme,
        "state": _state(studio, lab),
        "passed": evidence.has(f"lab:{lab.id}"),
        "tries": len(tries),
        "command": f"windtunnel lab check {folder(studio, lab)} --watch",
        "promises": _promises(lab),
        **around(f"lab:{lab.id}", studio),
    }


def _state(studio: Studio, lab: Lab) -> dict[str, Any] | None:
    """What the learner's folder says, or None before the lab was started."""
    from windtunnel.labs.folder import STATE_FILE, read_state  # noqa: PLC0415

    place = folder(studio, lab)
    if not (place / STATE_FILE).is_file():
        return None
    state = read_state(place)
    return {
        "folder": str(place),
        "stage": state.stage,
        "passed": state.passed,
        "hints": state.hints,
        "file": str(place / lab.file),
    }


def start_lab(studio: Studio, body: Body, name: str) -> dict[str, Any]:
    """Make the learner's folder."""
    from windtunnel import labs  # noqa: PLC0415

    del body
    lab = find_lab(name)
    labs.start(lab.id, folder(studio, lab))
    return {"state": _state(studio, lab)}


def _promises(lab: Lab) -> list[dict[str, str]]:
    """What can be predicted, for a lab that asks for a prediction; else nothing."""
    from windtunnel.labs.safeguards import promises_of  # noqa: PLC0415
    from windtunnel.systems import find  # noqa: PLC0415

    if lab.rule is None:
        return []
    system = find(lab.rule[0])
    said = {prop.name: prop.statement for prop in (*system.always, *system.eventually)}
    return [{"name": name, "statement": said.get(name, "of the history that clients see")} for name in promises_of(lab)]


def predict(studio: Studio, body: Body, name: str) -> dict[str, Any]:
    """Write a prediction into the answer's file of a lab made of a safeguard; whoever writes no code needs no editor."""
    from windtunnel.labs.folder import write_text  # noqa: PLC0415
    from windtunnel.labs.safeguards import predicted  # noqa: PLC0415

    lab = find_lab(name)
    if lab.rule is None or _state(studio, lab) is None:
        raise UsageError("a prediction belongs to a lab about a rule, after it was started")
    file = folder(studio, lab) / lab.file
    before = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    write_text(file, predicted(lab, text(body, "promise"), before))
    return {"promise": body["promise"]}


def source(studio: Studio, name: str) -> dict[str, Any]:
    """The learner's file as it is now."""
    lab = find_lab(name)
    file = folder(studio, lab) / lab.file
    try:
        shown = file.read_text(encoding="utf-8", errors="replace")[:SOURCE_MAX]
    except OSError:
        raise NotThere("the lab has not been started, or its file is gone") from None
    return {"file": lab.file, "text": shown}


def take_hint(studio: Studio, body: Body, name: str) -> dict[str, Any]:
    """One level of help with a check; that it was taken is written down, and costs nothing."""
    from windtunnel import labs  # noqa: PLC0415
    from windtunnel.labs.folder import read_state  # noqa: PLC0415

    lab = find_lab(name)
    check, level = text(body, "check", default=""), whole(body, "level", 1, 3, 1) or 1
    said = labs.hint(lab.id, check, level)
    place = folder(studio, lab)
    if _state(studio, lab) is not None:
        state = read_state(place)
        known = lab.hint(check)
        key = known.check if known is not None else ""
        state.hints[key] = max(level, state.hints.get(key, 0))
        state.save(place)
    return {"check": check, "level": level, "text": said}


def solution(studio: Studio, name: str) -> dict[str, Any]:
    """The reference, for who has passed."""
    from windtunnel import labs  # noqa: PLC0415

    lab = find_lab(name)
    state = _state(studio, lab)
    if state is None or not state["passed"]:
        raise UsageError("the solution is shown after the lab is passed; until then there are hints")
    return {"files": labs.solution(lab.id)}


async def check_lab(studio: Studio, body: Body, name: str) -> dict[str, Any]:
    """Check the learner's work as a job; with `watch`, again whenever a file is saved, while a page follows."""
    lab = await studio.aside(find_lab, name)
    if await studio.aside(_state, studio, lab) is None:
        raise UsageError("start the lab first: it makes the folder that is checked")
    watch = body.get("watch") is True
    order = {"folder": str(folder(studio, lab)), "home": str(studio.places.home), "watch": watch}
    job = await studio.jobs.start("check", f"check {lab.id}", order, attended=watch)
    return {"job": job.id}


# --- In the child ---


def work(order: dict[str, Any], say: Say, _pace: Pace) -> None:
    """Check a folder; once, or after every change. Learners' code runs inside the walls of `labs`, never here."""
    from windtunnel.labs import Grader  # noqa: PLC0415 - the server does not need it
    from windtunnel.labs.watching import Watch  # noqa: PLC0415

    place = Path(order["folder"])
    if not order["watch"]:
        _checked(place, order["home"], say, None)
        say("done")
        return
    grader = Grader()
    try:
        with Watch(place) as watch:
            say("watching", how=watch.how)
            changes = watch.changes()
            while True:
                if not grader.alive:
                    grader.close()
                    grader = Grader()
                try:
                    _checked(place, order["home"], say, grader)
                except UsageError as error:
                    say("unready", text=str(error))
                say("changed", files=next(changes))
    finally:
        grader.close()


def _checked(place: Path, home: str, say: Say, grader: Any) -> None:
    from windtunnel import labs  # noqa: PLC0415
    from windtunnel.learn import Journal  # noqa: PLC0415

    say("checking")
    report = labs.check(place, grader=grader, progress=lambda result: say("check", **_shown(result)))
    for item in report.items:
        Journal(home).add(
            item,
            "lab",
            report.verdict,
            report.content_hash,
            submission_hash=report.submission_hash,
            grader=report.grader,
            seeds=report.seeds,
            metrics=report.metrics,
        )
    row = report.to_json()
    del row["checks"]
    say("report", passed=report.passed, **row)


def _shown(result: CheckResult) -> dict[str, Any]:
    """A check as a page shows it: the trace as columns for the viewer."""
    row = asdict(result)
    trace = row.pop("trace")
    row["check"] = row.pop("kind")
    row["view"] = _view(result, trace) if trace and result.verdict != "passed" else None
    return row


def _view(result: CheckResult, trace: list[dict[str, Any]]) -> dict[str, Any]:
    from windtunnel.reports.embed import data_of, trace_window  # noqa: PLC0415

    hosts = list(dict.fromkeys(str(row["node"]) for row in trace if row.get("node")))
    bad = result.first_bad or {}
    violation = {"property": result.name, "at_s": bad.get("at_s"), "node": bad.get("host"), "evidence": result.message}
    results = {"nodes": hosts, "clients": [], "violation": violation if bad.get("at_s") is not None else None}
    return data_of(results, None, trace_window(results, None, trace, limit=VIEW_ROWS_MAX))
