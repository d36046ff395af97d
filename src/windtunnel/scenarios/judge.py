"""From what was observed to a verdict: safety, then the history, then liveness.

The order matters. A broken invariant or a handler that raised is decisive at once. Otherwise the history is judged by the
model that the system promises. Otherwise what must come about after the last heal is looked at. What could not be decided
is `unknown`, with the reason: no operation succeeded, or the checker ran out of its budget.
"""

from __future__ import annotations

import platform
from dataclasses import replace
from typing import Any

from windtunnel import __version__
from windtunnel.base.errors import UsageError
from windtunnel.base.interface import ADMINISTRATION
from windtunnel.base.system import System
from windtunnel.checkers import MODELS, Verdict, check
from windtunnel.scenarios.observed import AVAILABLE, AVAILABLE_STATEMENT, Breach, Observed
from windtunnel.scenarios.spec import Scenario

SCHEMA = 1


def judge(scenario: Scenario, system: System, observed: Observed, replay: str) -> dict[str, Any]:
    """The results of a run, as results.json holds them (docs/reference/results-json.md)."""
    breach = observed.breach
    checked = _check_history(scenario, system, observed) if breach is None else None
    if checked is not None and checked.valid is False:
        breach = _breach_of(checked, observed)
    if breach is None:
        breach = _liveness(system, observed)
    verdict, why = _decide(breach, checked, observed, scenario)
    results: dict[str, Any] = {
        "schema": SCHEMA,
        "windtunnel": __version__,
        "kernel": observed.kernel,
        "python": platform.python_version(),
        "world": observed.world,
        "system": system.name,
        "title": system.title,
        "nodes": list(observed.nodes),
        "clients": list(observed.clients),
        "verdict": verdict,
        "why": why,
        "seed": scenario.seed,
        "fingerprint": observed.fingerprint,
        "policy": scenario.policy,
        "ops": observed.history.counts(),
        "faults": observed.faults,
        "wall_s": round(observed.wall_s, 3),
        "sim_s": round(observed.sim_s, 6),
        "events": observed.events,
        "messages": observed.messages,
        "properties": _properties(system, observed, breach),
        "checker": _checker_row(system, checked),
        "violation": _violation_row(breach, system, scenario, observed) if breach is not None else None,
        **_performance(observed),
        "notes": list(observed.notes),
        "replay": replay,
        "parent": None if scenario.parent is None else dict(scenario.parent),
        "scenario": scenario.to_json(),
    }
    return results


def _check_history(scenario: Scenario, system: System, observed: Observed) -> Verdict | None:
    if system.interface not in MODELS:
        raise UsageError(f"{system.name} serves {system.interface!r}, for which there is no checker")
    data = [op for op in observed.history.operations if op.f not in ADMINISTRATION]
    if not any(op.type == "ok" for op in data):
        return None  # nothing was answered: `_decide` says what that means
    return check(replace(observed.history, operations=data), system.interface, budget_s=scenario.budget_s)


def _breach_of(checked: Verdict, observed: Observed) -> Breach:
    evidence = checked.evidence
    operations = list(evidence.operations) if evidence is not None else []
    ended = [op.completed_s for op in operations if op.completed_s is not None]
    stuck = evidence.stuck if evidence is not None else None
    at_s = stuck.completed_s if stuck is not None and stuck.completed_s is not None else max(ended, default=observed.sim_s)
    return Breach(
        prop=evidence.property if evidence is not None else checked.model,
        statement=f"{evidence.property if evidence is not None else 'legality'} of the clients' history (model {checked.model})",
        evidence=checked.why,
        at_s=at_s,
        text=list(evidence.text) if evidence is not None else (),
        operations=[op.index for op in operations],
    )


def _liveness(system: System, observed: Observed) -> Breach | None:
    statements = {p.name: p.statement for p in system.eventually} | {AVAILABLE: AVAILABLE_STATEMENT}
    for name, reached in observed.reached.items():
        if not reached:
            evidence = f"not reached by {observed.sim_s:.1f} s, although every fault had ended"
            return Breach(prop=name, statement=statements[name], evidence=evidence, at_s=observed.sim_s)
    return None


def _decide(breach: Breach | None, checked: Verdict | None, observed: Observed, scenario: Scenario) -> tuple[str, str]:
    if breach is not None:
        return "invalid", f"{breach.prop}: {breach.evidence}"
    if checked is not None and checked.valid is None:
        return "unknown", checked.why
    if observed.history.counts()["ok"] == 0 and scenario.script is None:
        return "unknown", "no operation succeeded, so there is nothing to judge"
    return "valid", ""


def _properties(system: System, observed: Observed, breach: Breach | None) -> list[dict[str, str]]:
    rows = []
    unchecked = observed.world == "live"  # nobody looks into the processes after each event
    for prop in (*system.always, *system.sometimes, *system.eventually):
        if prop.kind == "always":
            status = "unchecked" if unchecked else "broken" if breach and breach.prop == prop.name else "held"
        elif prop.kind == "sometimes":
            status = "seen" if prop.name in observed.seen else "unchecked" if unchecked else "unseen"
        else:
            status = {True: "reached", False: "missed", None: "unchecked"}[observed.reached.get(prop.name)]
        rows.append({"name": prop.name, "kind": prop.kind, "statement": prop.statement, "status": status})
    status = {True: "reached", False: "missed", None: "unchecked"}[observed.reached.get(AVAILABLE)]
    rows.append({"name": AVAILABLE, "kind": "eventually", "statement": AVAILABLE_STATEMENT, "status": status})
    return rows


def _checker_row(system: System, checked: Verdict | None) -> dict[str, str]:
    verdict = "unchecked" if checked is None else {True: "valid", False: "invalid", None: "unknown"}[checked.valid]
    why = "" if checked is None else checked.why
    return {"model": system.interface, "promise": system.promise, "verdict": verdict, "why": why}


def _violation_row(breach: Breach, system: System, scenario: Scenario, observed: Observed) -> dict[str, Any]:
    rules = {rule.name: rule for rule in system.rules()}
    removed = [rules[name] for name in scenario.without]
    blamed = next((rule for rule in removed if breach.prop in rule.breaks), removed[0] if removed else None)
    return {
        "property": breach.prop,
        "statement": breach.statement,
        "source": blamed.source if blamed is not None else system.source,
        "at_s": breach.at_s,
        "event": breach.event,
        "node": breach.node,
        "evidence": breach.evidence,
        "operations": list(breach.operations),
        "text": list(breach.text),
        "door": _door(observed.faults, breach.at_s),
        "safeguard": blamed.name if blamed is not None else None,
        "rule": blamed.rule if blamed is not None else None,
    }


def _door(faults: list[dict[str, Any]], at_s: float) -> str | None:
    """The fault that opened the door: the last one to begin before the breach. A guess, and worded as one in reports."""
    before = [row for row in faults if row["at_s"] <= at_s]
    return f"{before[-1]['text']} at {before[-1]['at_s']:.3f} s" if before else None


def _performance(observed: Observed) -> dict[str, Any]:
    took = sorted(
        op.completed_s - op.invoked_s for op in observed.history.operations if op.type == "ok" and op.completed_s is not None
    )
    if not took or observed.world == "stage":  # steps are no seconds
        return {"latency_ms": None, "throughput_per_s": 0.0}
    quantiles = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    latency = {name: round(1e3 * took[min(len(took) - 1, int(q * len(took)))], 3) for name, q in quantiles.items()}
    return {"latency_ms": latency, "throughput_per_s": round(len(took) / max(observed.sim_s, 1e-9), 3)}
