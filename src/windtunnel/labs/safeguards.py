"""Labs by declaration: every safeguard of every system is one. Which promise breaks without this rule? Predict, then run.

A safeguard says itself what breaks without it and how that is shown: by a directed scenario, by exhaustive search, or by seeds.
So a lab needs no more files than an answer of one word. Three checks grade it: the prediction was made, the promise does break (a
run shows it), and it is the one that was predicted. The same run with the rule in place holds, which is what makes it the rule's
doing. No code of the learner's is run.
"""

from __future__ import annotations

import re
import shlex
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from windtunnel.base.errors import unknown
from windtunnel.base.system import SafeguardInfo, System
from windtunnel.labs.folder import PAGES, write_text
from windtunnel.labs.lab import README, Hint, Lab
from windtunnel.labs.outcomes import shown
from windtunnel.labs.report import CheckResult, Report

ANSWER, PLAN_FILE = "answer.toml", "plan.toml"
SEEDS_MAX = 30

_HELD = ({"at_s": 1.0, "until_s": 3.0, "verb": "cut", "args": {"shape": "isolate", "nodes": ["inventory"], "hold": True}},)

_STORMS: dict[str, dict[str, Any]] = {
    "": {"for_s": 20.0, "faults": ("all",)},
    "rumor": {"for_s": 3.0, "size": 20, "clients": 1},
    "order-saga": {"for_s": 10.0, "faults": ("all",), "clients": 2},
    "order-saga/tombstones": {"for_s": 5.0, "plan": _HELD, "clients": 2},
}
"""Choices of the scenario for rules shown by seeds, by rule or by system: one under which the system itself holds.

Only what a command line can say, so that the replay line of a report is the same run.
"""

_SEARCH = {"size": 3}
"""Bounds of the search: the smallest cluster that has a majority, or two participants."""


@dataclass(slots=True, kw_only=True)
class Shown:
    """A run without the rule, and whether the same run holds with it. rows: of its trace."""

    broken: str
    statement: str
    evidence: str
    held_with_it: bool
    how: str
    replay: str
    seed: int | None = None
    plan: tuple[str, ...] = ()
    plan_toml: str = ""
    node: str = ""
    at_s: float = 0.0
    rows: tuple[dict[str, Any], ...] = ()
    html: str = ""


# --- The labs ---


@lru_cache(maxsize=1)
def safeguard_ids() -> tuple[str, ...]:
    """Every "system/safeguard"."""
    from windtunnel.systems import find, names  # noqa: PLC0415 - imports every system

    return tuple(f"{name}/{rule.name}" for name in names() for rule in find(name).rules())


def safeguard_lab(name: str) -> Lab:
    """The lab "system/safeguard". Raises UsageError for a system or a rule that there is not."""
    system, rule = _rule_of(name)
    promises = _promises(system)
    when = "It is about what holds at every moment" if _is_safety(system, rule) else "It is about what must come about in the end"
    hints = (
        f"What may happen between two events that this rule keeps apart? {_shown_by(rule)}",
        f"{when}, and {len(rule.breaks)} of the {len(promises)} promises can break.",
        f"One of these: {', '.join(sorted({rule.breaks[0], *promises[:2]}))}.",
    )
    return Lab(
        id=name,
        title=f"{system.name} without {rule.name}",
        summary=f"Take one rule away and predict what breaks: {rule.rule.rstrip('.')}.",
        objective=f"Say which promise of {system.name} stands on the rule {rule.name}, and see it break without it.",
        why="A rule of a protocol is understood when one knows what happens without it.",
        hours=0.25,
        difficulty=2,
        form="safeguard",
        file=ANSWER,
        laws=(2, 5),
        pillars=("truth",),
        hints=(Hint(check="", levels=hints),),
        rule=(system.name, rule.name),
    )


def _rule_of(name: str) -> tuple[System, SafeguardInfo]:
    from windtunnel.systems import find  # noqa: PLC0415 - as above

    system_name, _, rule_name = name.partition("/")
    system = find(system_name)
    rules = {rule.name: rule for rule in system.rules()}
    if rule_name not in rules:
        raise unknown(f"safeguard of {system.name}", rule_name, rules)
    return system, rules[rule_name]


def _lab_rule(lab: Lab) -> tuple[System, SafeguardInfo]:
    assert lab.rule is not None, "a lab with files grades itself"
    return _rule_of("/".join(lab.rule))


def _promises(system: System) -> tuple[str, ...]:
    """Everything that could break: the properties, and what checkers promise about the history of clients."""
    names = [prop.name for prop in (*system.always, *system.eventually)]
    for rule in system.rules():
        names += [name for name in rule.breaks if name not in names]
    return tuple(dict.fromkeys(names))


def _is_safety(system: System, rule: SafeguardInfo) -> bool:
    return not any(prop.name == rule.breaks[0] for prop in system.eventually)


def _shown_by(rule: SafeguardInfo) -> str:
    how, _, scenario = rule.by.partition(" ")
    words = {"seeds": "seeds under faults", "search": "a search of all schedules", "scenario": f"the scenario {scenario}"}
    return f"It is shown by {words[how]}."


def starter_files(lab: Lab) -> dict[str, bytes]:
    """The lesson and an empty answer."""
    system, rule = _lab_rule(lab)
    return {README: _lesson(system, rule).encode(), ANSWER: _answer(rule, "").encode()}


def answer_files(lab: Lab) -> dict[str, bytes]:
    """The right answer."""
    _, rule = _lab_rule(lab)
    return {ANSWER: _answer(rule, rule.breaks[0]).encode()}


def promises_of(lab: Lab) -> tuple[str, ...]:
    """The names of which one is to be predicted."""
    return _promises(_lab_rule(lab)[0])


def predicted(lab: Lab, promise: str, before: str = "") -> str:
    """The text of the answer's file with that prediction. before: the text so far, of which the reason is kept."""
    _, rule = _lab_rule(lab)
    if promise not in _promises(_lab_rule(lab)[0]):
        raise unknown("promise", promise, promises_of(lab))
    text = before if _BREAKS.search(before) else _answer(rule, "")
    return _BREAKS.sub(f'breaks = "{promise}"', text, count=1)


_BREAKS = re.compile(r"^breaks *=.*$", re.MULTILINE)


def _answer(rule: SafeguardInfo, breaks: str) -> str:
    return (
        f"# Which promise is broken when {rule.name} is taken away? The names are in README.md.\n"
        f'breaks = "{breaks}"\n\n'
        "# Why? One sentence, for yourself: it is kept and not graded.\n"
        'because = ""\n'
    )


def _lesson(system: System, rule: SafeguardInfo) -> str:
    statements = {prop.name: prop.statement for prop in (*system.always, *system.eventually)}
    lines = [
        f"# {system.name} without `{rule.name}`",
        "",
        f"{system.title} ({system.source}) promises: {system.promise}.",
        "",
        f"One of the rules that this stands on ({rule.source}):",
        "",
        f"> {rule.rule.rstrip('.')}.",
        "",
        "Imagine an implementation that forgot it. Which promise does it break, in the worst run that you can think of?",
        "",
        "| promise | what it says |",
        "|---|---|",
    ]
    lines += [f"| `{name}` | {statements.get(name, 'of the history that clients see')} |" for name in _promises(system)]
    lines += [
        "",
        "## Your task",
        "",
        f"Write the name of one promise into `{ANSWER}`, **before** you run anything. Then:",
        "",
        "```",
        "windtunnel lab check",
        "```",
        "",
        f"The check takes the rule away and shows a run that breaks a promise. {_shown_by(rule)}",
        "A wrong prediction costs nothing: read the run, and say why you were wrong.",
        "",
        f"To read on: `windtunnel show {system.name}`.",
        "",
    ]
    return "\n".join(lines)


# --- Grading ---


def judge_prediction(lab: Lab, files: dict[str, bytes], report: Report, folder: Path | None) -> None:
    """Fill in the checks of a report: the prediction, the run that shows what breaks, and whether they agree."""
    system, rule = _lab_rule(lab)
    promises = _promises(system)
    predicted = CheckResult(name="a promise is predicted", stage="", verdict="passed")
    breaks = CheckResult(name="without the rule a promise breaks", stage="", verdict="unknown", kind="skipped")
    agrees = CheckResult(name="it is the one that was predicted", stage="", verdict="unknown", kind="skipped")
    report.checks += [predicted, breaks, agrees]
    answer, wrong = _prediction(files, promises)
    if wrong:
        predicted.verdict, predicted.message, predicted.kind = "failed", wrong, "answer"
        breaks.message = agrees.message = "not tried: predict first"
        report.conclude()
        return
    began = time.monotonic()
    run = shown_without(lab.id)
    breaks.seconds = time.monotonic() - began
    _tell(breaks, run, folder)
    good = answer in rule.breaks or answer == run.broken
    agrees.verdict, agrees.kind = ("passed" if good else "failed"), "prediction"
    if not good:
        agrees.message = f"you predicted {answer}; what breaks is {run.broken}: {run.statement}. {run.evidence}"
        agrees.replay = breaks.replay
    report.conclude()


def _prediction(files: dict[str, bytes], promises: tuple[str, ...]) -> tuple[str, str]:
    """The answer, or what is wrong with it."""
    try:
        row = tomllib.loads(files[ANSWER].decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return "", f"{ANSWER} is not TOML: {error}"
    answer = row.get("breaks")
    if not isinstance(answer, str):
        return "", f'{ANSWER}: expected breaks = "the name of a promise"; got {answer!r}'
    if not answer.strip():
        return "", f"{ANSWER}: predict first: write the name of one promise of the table in README.md"
    if answer.strip() not in promises:
        return "", f"{ANSWER}: {unknown('promise', answer.strip(), promises)}"
    return answer.strip(), ""


def _tell(result: CheckResult, run: Shown, folder: Path | None) -> None:
    result.kind, result.seed, result.plan, result.replay = "shown", run.seed, list(run.plan), run.replay
    result.verdict = "passed" if run.broken and run.held_with_it else "unknown"
    if not run.broken:
        result.message = f"{run.how} did not break anything"
    elif not run.held_with_it:
        result.message = f"{run.how} breaks {run.broken} with the rule in place, too"
    else:
        result.message = f"{run.broken} breaks ({run.statement}): {run.evidence}; with the rule in place the same run holds"
    result.first_bad = {"at_s": run.at_s, "host": run.node, "where": "", "kind": run.broken, "text": run.evidence}
    result.trace = list(run.rows)
    result.log = shown(
        [(float(row["t"]), str(row.get("node") or "-"), str(row["kind"]), str(row.get("text", ""))) for row in run.rows]
    )
    if folder is not None and run.html:
        write_text(folder / PAGES / ".gitignore", "*\n")
        page = folder / PAGES / "without-the-rule.html"
        write_text(page, run.html)
        result.page = str(page)
        if run.plan_toml:
            write_text(folder / PAGES / PLAN_FILE, run.plan_toml)
            result.replay = run.replay.replace(f"--plan {PLAN_FILE}", f"--plan {shlex.quote(str(folder / PAGES / PLAN_FILE))}")


@lru_cache(maxsize=2)
def shown_without(name: str) -> Shown:
    """The run that a rule names ("system/safeguard"), without it and with it: the same every time, so it is kept for a while."""
    system, rule = _rule_of(name)
    how, _, script = rule.by.partition(" ")
    if how == "search":
        return _by_search(system, rule)
    return _by_script(system, rule, script) if how == "scenario" else _by_seeds(system, rule)


def _by_search(system: System, rule: SafeguardInfo) -> Shown:
    from windtunnel.sim.explore import explore  # noqa: PLC0415 - only these rules

    found = explore(system, safeguards=system.safeguards_without([rule.name]), **_SEARCH)  # type: ignore[arg-type]
    held = explore(system, **_SEARCH).verdict == "valid"  # type: ignore[arg-type]
    violation = found.violation
    return Shown(
        broken=violation.property if violation else "",
        statement=violation.statement if violation else "",
        evidence=violation.evidence if violation else found.why or "",
        held_with_it=held,
        how=f"a search of {found.states:,} states",
        replay=f"windtunnel explore {system.name} --nodes {_SEARCH['size']} --without {rule.name}",
        node=(violation.node if violation else "") or "",
        at_s=float(violation.steps) if violation else 0.0,
        rows=tuple(violation.rows) if violation else (),
    )


def _by_script(system: System, rule: SafeguardInfo, script: str) -> Shown:
    from windtunnel.scenarios import Scenario, run  # noqa: PLC0415 - only these rules

    scenario = Scenario(system=system.name, seed=1, script=script, without=(rule.name,))
    return _of_run(run(scenario), scenario, f"the scenario {script}")


def _by_seeds(system: System, rule: SafeguardInfo) -> Shown:
    from windtunnel.scenarios import Scenario, run  # noqa: PLC0415 - only these rules

    storm = _STORMS.get(f"{system.name}/{rule.name}") or _STORMS.get(system.name) or _STORMS[""]
    scenario = Scenario(system=system.name, seed=0, without=(rule.name,), **storm)
    for seed in range(SEEDS_MAX):
        candidate = scenario.with_changes(seed=seed)
        done = run(candidate)
        if done.verdict == "invalid":
            return _of_run(done, candidate, f"seed {seed}")
    return _of_run(done, candidate, f"{SEEDS_MAX} seeds")


def _of_run(done: Any, scenario: Any, how: str) -> Shown:
    from windtunnel.faults import Plan  # noqa: PLC0415 - only for these rules
    from windtunnel.reports import render  # noqa: PLC0415
    from windtunnel.scenarios import run  # noqa: PLC0415
    from windtunnel.testing.storms import words  # noqa: PLC0415

    violation = done.results["violation"] or {}
    faults: Callable[[Any], list[str]] = words
    return Shown(
        broken=str(violation.get("property") or ""),
        statement=str(violation.get("statement") or ""),
        evidence=str(violation.get("evidence") or ""),
        held_with_it=run(scenario.with_changes(without=()), explained=False).verdict == "valid",
        how=how,
        replay=str(done.results["replay"]),
        seed=None if scenario.script else scenario.seed,
        plan=tuple(faults(done.results.get("faults") or [])),
        plan_toml=Plan.from_rows(scenario.plan).to_toml() if scenario.plan else "",
        node=str(violation.get("node") or ""),
        at_s=float(violation.get("at_s") or 0.0),
        rows=tuple(done.trace),
        html=render(done.results, done.history, done.trace) if violation else "",
    )


def tried(lab: Lab) -> list[tuple[str, str, dict[str, bytes]]]:
    """Submissions that show that the lab grades: (what, wanted verdict, files)."""
    system, rule = _lab_rule(lab)
    right = answer_files(lab)
    attempts = [("start", "failed", {ANSWER: starter_files(lab)[ANSWER]}), ("reference", "passed", right)]
    wrong = next((name for name in _promises(system) if name not in rule.breaks), None)
    if wrong is not None:
        attempts.append(("another promise", "failed: it is the one that was predicted", {ANSWER: _answer(rule, wrong).encode()}))
    return attempts
