"""The log as xAPI statements, one JSON object a line, for a learning record store.

Verbs are those of cmi5 (passed, failed, completed, waived, satisfied, terminated), so that the export fits a learning
management system without a table of its own. The actor is an account with an identifier drawn once; no e-mail address.

Sources: ADL, Experience API 1.0.3; AICC, cmi5 specification, sections 9.3 (verbs) and 10.2.4 (moveOn).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.learn import items, path_file
from windtunnel.learn.progress import Evidence, Progress

HOME_PAGE = "https://windtunnel.invalid"
"""xAPI wants an address for the system of the account; this top-level name can never exist (RFC 2606)."""
VERBS = {
    "passed": "http://adlnet.gov/expapi/verbs/passed",
    "failed": "http://adlnet.gov/expapi/verbs/failed",
    "completed": "http://adlnet.gov/expapi/verbs/completed",
    "terminated": "http://adlnet.gov/expapi/verbs/terminated",
    "waived": "https://w3id.org/xapi/adl/verbs/waived",
    "satisfied": "https://w3id.org/xapi/adl/verbs/satisfied",
}
MOVE_ON = {"lab": "Passed", "lesson": "Completed"}
"""cmi5's criterion by kind of item; the others are Passed too."""
_SPACE = uuid.UUID("0d3f3a1e-2f0c-5a0e-9a55-0f7f8a4f9f10")


def statements(progress: Progress, learner: str) -> Iterator[dict[str, Any]]:
    """One statement per record, and `satisfied` for each path when its last node is done. learner: a UUID."""
    seen: set[str] = set()
    open_paths = {name: [n.item for n in path.nodes if not n.optional] for name, path in path_file.paths().items()}
    for e in progress.evidence:
        yield _statement(e, learner)
        if e.passed and e.item not in seen:
            seen.add(e.item)
            for name in [name for name, needed in open_paths.items() if seen.issuperset(needed)]:
                del open_paths[name]
                yield _satisfied(name, e, learner)


def ndjson(found: Iterable[dict[str, Any]]) -> str:
    """Statements as text, one a line."""
    return "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in found)


def _verb(e: Evidence) -> str:
    if e.override:
        return "waived"
    if e.passed:
        return "completed" if e.kind == "lesson" else "passed"
    return "failed" if e.verdict in ("failed", "invalid") else "terminated"


def _statement(e: Evidence, learner: str) -> dict[str, Any]:
    verb = _verb(e)
    result: dict[str, Any] = {"extensions": {f"{HOME_PAGE}/evidence": e.hash, f"{HOME_PAGE}/verdict": e.verdict}}
    if verb in ("passed", "failed"):
        result["success"] = e.passed
    if verb in ("passed", "completed"):
        result["completion"] = True
    return {
        **_head(e, learner, e.hash, verb),
        "object": _activity(e.item, e.kind),
        "result": result,
        "context": {
            "platform": e.grader or "windtunnel",
            "extensions": {f"{HOME_PAGE}/moveOn": MOVE_ON.get(e.kind, "Passed")},
        },
    }


def _satisfied(path: str, e: Evidence, learner: str) -> dict[str, Any]:
    activity = _activity(f"path:{path}", "path")
    return {**_head(e, learner, f"{path} {e.hash}", "satisfied"), "object": activity}


def _head(e: Evidence, learner: str, name: str, verb: str) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid5(_SPACE, name)),
        "actor": {"objectType": "Agent", "account": {"homePage": HOME_PAGE, "name": learner}},
        "verb": {"id": VERBS[verb], "display": {"en": verb}},
        "timestamp": e.at,
    }


def _activity(item: str, kind: str) -> dict[str, Any]:
    bare, _, part = item.partition("#")
    try:
        title = items.find(bare).title
    except UsageError:
        title = bare
    return {
        "objectType": "Activity",
        "id": f"{HOME_PAGE}/{item.replace(':', '/', 1)}",
        "definition": {"name": {"en": f"{title}: {part}" if part else title}, "type": f"{HOME_PAGE}/kind/{kind}"},
    }
