"""The report of a failing seed as a page: the one of scenarios, with the logs of the hosts where messages would be."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from typing import Any

from windtunnel import __version__
from windtunnel.reports import render
from windtunnel.testing.campaign import Campaign, Failure
from windtunnel.testing.single import Row
from windtunnel.testing.storms import TEST, words

_KINDS = (
    (r"start\b|restart\b", "start"),
    (r"crash\b|killed\b|the process ended", "crash"),
    (r"pause\b", "pause"),
    (r"resume\b", "resume"),
    (r"cut\b", "cut"),
    (r"heal\b", "heal"),
    (r"weather\b", "weather"),
    (r"skew\b", "skew"),
    (r"disk\b", "disk"),
    (r"found\b", "violation"),
)
"""How rows of the world begin, and as what the drawing knows them."""

FOUND = {
    "test": "the test raised",
    "main": "the main function of a host raised",
    "task": "a task raised, and nobody asked",
    "always": "an assertion of the code under test did not hold",
    "eventually": "what was to come about did not",
    "deadlock": "nothing can ever run again, yet the test waits",
    "livelock": "events without end at one instant",
    "spin": "one step did not end",
    "limit": "the test did not end",
    "escaped": "something was called that only the real world has",
    "died": "the process of the seed died",
    "hung": "the process of the seed did not end",
}
"""The kinds of finding in words."""


def page(campaign: Campaign, failure: Failure, test: str, replay: str) -> str:
    """One file of HTML."""
    row = failure.smallest
    return render(results(campaign, failure, test, replay), None, trace(row))


def results(campaign: Campaign, failure: Failure, test: str, replay: str) -> dict[str, Any]:
    """The run in the words of results.json, as far as it has them."""
    from windtunnel.sim.kernel import KERNEL  # noqa: PLC0415 - loaded already where a seed was run

    row = failure.smallest
    hosts = [name for name in row.hosts if name != TEST] + [TEST]
    shrunk = failure.shrunk
    return {
        "windtunnel": __version__,
        "python": platform.python_version(),
        "verdict": "invalid",
        "title": test,
        "system": test.rpartition("::")[2],
        "claim": f"seed {failure.row.ask.seed}: {FOUND.get(row.kind, row.kind)}",
        "world": "sim",
        "kernel": KERNEL,
        "policy": row.ask.policy,
        "seed": row.ask.seed,
        "fingerprint": row.fingerprint,
        "sim_s": row.sim_s,
        "wall_s": row.wall_s,
        "events": row.events,
        "nodes": hosts,
        "replay": replay,
        "faults": row.faults or row.plan,
        "violation": {
            "property": row.message.partition(":")[0] or row.kind,
            "statement": FOUND.get(row.kind, row.kind),
            "evidence": row.message,
            "at_s": row.at_s,
            "event": row.events,
            "node": row.host if row.host in row.hosts else TEST,
            "door": words(shrunk.plan)[-1] if shrunk is not None and shrunk.plan else None,
            "text": [row.text] if row.text else [],
        },
        "notes": [f"seed {failure.row.ask.seed} of {campaign.asked}; {campaign.layout}"],
    }


def trace(row: Row) -> list[Mapping[str, Any]]:
    """The log as rows of a trace."""
    rows: list[Mapping[str, Any]] = []
    for at_s, host, source, text in row.log:
        node = host if host in row.hosts else None
        rows.append({"i": len(rows), "t": at_s, "kind": _kind(source, text), "node": node, "text": text})
    return rows


def _kind(source: str, text: str) -> str:
    if source != "world":
        return source.lower()
    return next((kind for pattern, kind in _KINDS if re.match(pattern, text)), "note")
