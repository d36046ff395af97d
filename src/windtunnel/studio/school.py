"""The school's part of the API: what to do next, paths, lessons, decisions. All of it is a view of `learn`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.studio.answers import Body, NotThere, number, text

if TYPE_CHECKING:
    from windtunnel.learn import Journal, Lesson, Progress
    from windtunnel.learn.path_file import Path
    from windtunnel.studio.app import Studio

RECENT = 8
"""Pieces of evidence that the first page shows."""

ANSWERS_MAX = 100


def journal(studio: Studio) -> Journal:
    """The learner's log."""
    from windtunnel.learn import Journal  # noqa: PLC0415 - the first page does not wait for the school

    return Journal(studio.places.home)


def address(item: str) -> str:
    """Where in the studio an item such as `lesson:law-1` is, or "" for one that only the terminal has."""
    kind, _, rest = item.partition(":")
    name = rest.partition("#")[0].replace("/", "~")
    pages = {"lesson": "lesson", "lab": "lab", "calc": "calculator", "decision": "decision"}
    if kind == "run":
        return f"/run?system={name}"
    return f"/{pages[kind]}/{name}" if kind in pages else ""


# --- Home ---


def home(studio: Studio) -> dict[str, Any]:
    """What to do next, how far the learner is, what was done last."""
    from windtunnel.learn import paths, rules  # noqa: PLC0415

    progress = journal(studio).read()
    chosen = _chosen(studio)
    made = paths().get(chosen) or next(iter(paths().values()))
    status = made.status(progress)
    following = made.next(progress)
    overview = rules.overview(progress)
    whole = [e for e in reversed(progress.evidence) if "#" not in e.item or e.kind == "lab"][:RECENT]
    return {
        "path": {"id": made.id, "title": made.title, "chosen": bool(chosen), "percent": round(status.percent, 1)},
        "next": None if following is None else _placed(following.to_json()) | {"why": _why(following.node.item)},
        "done": sum(state.state == "done" for state in status.nodes),
        "of": sum(state.state != "planned" for state in status.nodes),
        "minutes_left": status.available_minutes - status.done_minutes,
        "overview": overview,
        "recent": [
            {"item": e.item, "at": e.at, "verdict": e.verdict, "title": _title(e.item), "href": address(e.item)} for e in whole
        ],
        "problems": [str(problem) for problem in progress.problems],
        "blocks": _blocks(made, progress),
    }


def _chosen(studio: Studio) -> str:
    from windtunnel.learn import paths, settings  # noqa: PLC0415

    name = settings(studio.places.home).get("path", "")
    return name if isinstance(name, str) and name in paths() else ""


def _why(item: str) -> str:
    """Why something matters, in its own words."""
    kind, _, name = item.partition(":")
    if kind == "lesson":
        from windtunnel.learn import lesson  # noqa: PLC0415

        return lesson(name).why
    if kind == "lab":
        from windtunnel import labs  # noqa: PLC0415

        return labs.find(name.partition("#")[0]).why
    if kind == "decision":
        from windtunnel.learn import decision  # noqa: PLC0415

        return decision(name).why
    return ""


def _title(item: str) -> str:
    from windtunnel.learn import items  # noqa: PLC0415

    return items.find(item).title if items.exists(item) else item


def _placed(node: dict[str, Any]) -> dict[str, Any]:
    return node | {"href": "" if node["planned"] else address(node["item"])}


def _blocks(made: Path, progress: Progress) -> list[dict[str, Any]]:
    blocks = made.status(progress).to_json()["blocks"]
    return [block | {"nodes": [_placed(node) for node in block["nodes"]]} for block in blocks]


# --- Paths ---


def all_paths(studio: Studio) -> dict[str, Any]:
    """Every path as a card."""
    from windtunnel.learn import paths  # noqa: PLC0415

    progress = journal(studio).read()
    rows = [
        made.to_json() | {"percent": round(made.status(progress).percent, 1), "nodes": len(made.nodes)}
        for made in paths().values()
    ]
    return {"paths": rows, "chosen": _chosen(studio)}


def one_path(studio: Studio, name: str) -> dict[str, Any]:
    """A path with the state of every node."""
    made = _path(name)
    progress = journal(studio).read()
    status = made.status(progress).to_json()
    status["blocks"] = _blocks(made, progress)
    return {"path": status, "chosen": _chosen(studio) == name}


def start_path(studio: Studio, body: Body, name: str) -> dict[str, Any]:
    """Choose a path. What somebody was placed above need not be done first; that is on record, and proves nothing."""
    from windtunnel.learn import placement, set_settings  # noqa: PLC0415

    made = _path(name)
    hours = number(body, "hours_per_week", 0.5, 80)
    set_settings({"path": made.id} | ({"hours_per_week": hours} if hours else {}), studio.places.home)
    log = journal(studio)
    progress = log.read()
    for item in placement.skipped(made, progress):
        if item not in progress.overridden():
            log.add(item, "override", "skipped", "", metrics={"reason": "placement"}, override=True)
    return {"path": name}


def exercises(_studio: Studio) -> dict[str, Any]:
    """The small exercises by which a path is proposed, and the goals that there are."""
    from windtunnel.learn import placement  # noqa: PLC0415

    asked = [question.to_json() for question in placement.exercises().values()]
    return {"goals": [{"id": name, "text": words} for name, words in placement.GOALS.items()], "exercises": asked}


def propose(studio: Studio, body: Body) -> dict[str, Any]:
    """The path that fits a goal and what was solved; each answer is kept as evidence."""
    from windtunnel.learn import placement  # noqa: PLC0415

    answers = body.get("answers")
    if not isinstance(answers, dict) or not all(isinstance(given, str) and len(given) < 100 for given in answers.values()):
        raise UsageError("answers: expected a text for each exercise that was answered")
    hours = number(body, "hours_per_week", 0.5, 80, 5.0) or 5.0
    log = journal(studio)
    results = placement.grade(answers, log)
    goal = text(body, "goal", longest=40)
    chosen = placement.choose(results, goal=goal, hours_per_week=hours, codes=body.get("codes") is not False, progress=log.read())
    return {"results": results, "chosen": chosen.to_json()}


def _path(name: str) -> Path:
    from windtunnel.learn import paths  # noqa: PLC0415

    found = paths()
    if name not in found:
        raise NotThere(str(unknown("path", name, found)))
    return found[name]


# --- Lessons ---


def one_lesson(studio: Studio, name: str) -> dict[str, Any]:
    """A lesson as a tree, and how far the learner is with each step."""
    from windtunnel.learn import states  # noqa: PLC0415

    found = _lesson(name)
    log = journal(studio)
    progress = log.read()
    steps = []
    for state in states(found, progress):
        row = state.to_json()
        rows = [e for e in progress.of(f"{found.item}#{state.step.id}") if e.content_hash == found.content_hash]
        if row["kind"] == "question" and state.done:
            row |= {
                "given": next(e.metrics.get("given") for e in reversed(rows) if e.passed),
                "why": getattr(state.step, "why", ""),
            }
        steps.append(row)
    return {"lesson": found.to_json(), "steps": steps, "complete": progress.has(found.item), **around(found.item, studio)}


def answer(studio: Studio, body: Body, name: str) -> dict[str, Any]:
    """Grade an answer to a question of a lesson, and keep it as evidence."""
    from windtunnel.learn import Runner  # noqa: PLC0415

    given = body.get("given")
    if isinstance(given, bool) or not isinstance(given, str | int | float) or len(str(given)) > 200:
        raise UsageError("given: expected an answer: a text or a number")
    runner = Runner(_lesson(name), journal(studio))
    graded = runner.answer(text(body, "question", longest=100), given)
    return graded.to_json() | {"complete": runner.complete}


async def try_it(studio: Studio, body: Body, name: str) -> dict[str, Any]:
    """Run a command of a lesson, as a job. The words are the lesson's own: a page only says which step."""
    found = await studio.aside(_lesson, name)
    step = found.step(text(body, "step", longest=100))
    order = {"lesson": found.id, "step": step.id, "home": str(studio.places.home)}
    job = await studio.jobs.start("try", f"{found.title}: {step.id}", order)
    return {"job": job.id}


def _lesson(name: str) -> Lesson:
    from windtunnel.learn import lessons  # noqa: PLC0415

    found = lessons()
    if name not in found:
        raise NotThere(str(unknown("lesson", name, found)))
    return found[name]


def around(item: str, studio: Studio) -> dict[str, Any]:
    """Where an item stands on the learner's path, else on the first that has it: what it still needs, what is beside it."""
    from windtunnel.learn import paths  # noqa: PLC0415

    chosen = _chosen(studio)
    for made in sorted(paths().values(), key=lambda path: path.id != chosen):
        nodes = [node for node in made.nodes if node.found() is not None]
        at = next((i for i, node in enumerate(nodes) if node.item == item), None)
        if at is not None:
            before, after = nodes[at - 1 : at] if at else [], nodes[at + 1 : at + 2]
            beside = {"before": before, "after": after}
            shown = {
                side: [{"title": node.shown(), "href": address(node.item)} for node in found] for side, found in beside.items()
            }
            needs = [state.missing for state in made.status(journal(studio).read()).nodes if state.node.item == item]
            first = [{"title": _title(need), "href": address(need)} for need in (needs[0] if needs else ())]
            return {"on": {"id": made.id, "title": made.title}, "first": first, **shown}
    return {"on": None, "first": [], "before": [], "after": []}


# --- Decisions ---


def all_decisions(studio: Studio) -> dict[str, Any]:
    """Every framework as a card."""
    from windtunnel.learn import decisions  # noqa: PLC0415

    progress = journal(studio).read()
    rows = [
        {
            "id": made.id,
            "title": made.title,
            "question": made.question,
            "minutes": made.minutes,
            "laws": list(made.laws),
            "cases": len(made.cases),
            "done": progress.has(made.item),
        }
        for made in decisions().values()
    ]
    return {"decisions": rows}


def one_decision(studio: Studio, name: str) -> dict[str, Any]:
    """A framework as a whole tree: the page walks it by itself, and sends a walk that has ended."""
    made = _decision(name)
    tree: dict[str, Any] = made.to_json()
    for leaf in tree["leaves"].values():
        leaf["reasons"] = [reason | {"href": address(reason["see"])} for reason in leaf["reasons"]]
    return tree | {"solved": sorted(made.solved(journal(studio).read()))}


def decide(studio: Studio, body: Body, name: str) -> dict[str, Any]:
    """A walk that has ended: with `case` it is compared with what the case calls for; without, it is a decision on record."""
    from windtunnel.learn import decision_tree  # noqa: PLC0415

    made = _decision(name)
    answers = body.get("answers")
    if not isinstance(answers, list) or len(answers) > ANSWERS_MAX or not all(type(a) is int and a >= 0 for a in answers):
        raise UsageError("answers: expected the numbers of the choices, from 0")
    case = text(body, "case", longest=100, default="")
    if case:
        _walk, right = decision_tree.grade(made, case, answers, journal(studio))
        return {"right": right, "solved": sorted(made.solved(journal(studio).read()))}
    decision_tree.advise(made, answers, journal(studio))
    return {"recorded": True}


def _decision(name: str) -> Any:
    from windtunnel.learn import decisions  # noqa: PLC0415

    found = decisions()
    if name not in found:
        raise NotThere(str(unknown("decision framework", name, found)))
    return found[name]
