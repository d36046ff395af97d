"""The frames of the two drawings of a page, with everything a reader needs who cannot see or point: labels, legends, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from windtunnel.histories import History, Operation
from windtunnel.reports.embed import FAMILIES, Window, span
from windtunnel.reports.markup import e, section, table
from windtunnel.reports.sections import events_table
from windtunnel.reports.words import count_text, plural, seconds_text, unit_of

EVENTS_LISTED = 300
"""Rows of the text alternative of the message diagram; more would be read by nobody and double the file."""

_BUCKETS = 24  # rows of the text alternative of the timeline
_KEYS = "Arrow keys move, + and &minus; zoom, Home shows everything, Tab goes to the next event of note, Escape lets go."

_OUTCOMES = (("ok", "ok"), ("fail", "failed: certainly not done"), ("info", "unknown: may have been done"))
_FAULTS = (("network", "network fault"), ("process", "crash, pause"), ("machine", "clock, disk"))


def timeline(results: Mapping[str, Any], history: History | None, window: Window) -> str:
    """Operations per client, latency and throughput over one axis of time, faults as bands across all three."""
    if history is None or not history.operations:
        return ""
    start, end = span(results, history.operations, window.rows)
    label = f"{plural(len(history.operations), 'operation')} over time, per client, with latency, throughput and faults"
    listed = "" if unit_of(results, history) != "s" else _buckets_table(results, history.operations, start, end)
    return section("timeline", "Operations over time", _deck("timeline", label) + _legend(results, history) + listed)


def _legend(results: Mapping[str, Any], history: History) -> str:
    """What the bars and bands mean, as far as they occur."""
    types = {str(op.type) for op in history.operations}
    families = {FAMILIES.get(str(row.get("verb"))) for row in results.get("faults") or () if not row.get("closes")}
    items = [(name, words) for name, words in _OUTCOMES if name in types]
    items += [(f"band {name}", words) for name, words in _FAULTS if name in families]
    return (
        '<ul class="legend">' + "".join(f'<li><span class="swatch {name}"></span>{words}</li>' for name, words in items) + "</ul>"
    )


def messages(results: Mapping[str, Any], window: Window) -> str:
    """The place of the trace viewer; and for those who run no script, the events around its focus as a table."""
    if not window.rows:
        return ""
    part = "all" if len(window.rows) == window.total else f"{count_text(len(window.rows))} of {count_text(window.total)}"
    around = window.focus if window.focus is not None else 0
    first = max(0, min(around - EVENTS_LISTED * 3 // 4, len(window.rows) - EVENTS_LISTED))
    listed = events_table(results, window.rows[first : first + EVENTS_LISTED], window.total)
    lead = f'<p class="lead">Who knew what, and when: {part} events of the trace. Step with the arrow keys; ? lists all keys.</p>'
    return section("messages", "Messages", lead + f'<div id="viewer"></div><noscript>{listed}</noscript>')


def _deck(name: str, label: str) -> str:
    """A canvas with its toolbar, its readout and its keys; the script fills it."""
    return f"""<div class="deck" id="{name}-deck">
<div class="tools"><span class="range" data-range></span><span class="buttons">
<button type="button" data-do="in" aria-label="Zoom in">+</button>
<button type="button" data-do="out" aria-label="Zoom out">&minus;</button>
<button type="button" data-do="fit">All</button>
<button type="button" data-do="focus" hidden>Violation</button></span></div>
<div class="surface" tabindex="0" role="application" aria-roledescription="zoomable diagram"
 aria-label="{e(label)}" aria-describedby="{name}-keys">
<canvas data-layer="base"></canvas><canvas data-layer="over"></canvas></div>
<p class="readout" role="status" aria-live="polite" data-readout></p>
<p class="keys" id="{name}-keys">{_KEYS}<span> Drag to move; Ctrl and wheel, or pinch, to zoom.</span></p>
<noscript><p>The drawing needs the script in this file; the tables do not.</p></noscript></div>"""


# --- The timeline in words ---


def _buckets_table(results: Mapping[str, Any], operations: Sequence[Operation], start: float, end: float) -> str:
    step = (end - start) / _BUCKETS
    counts = [[0, 0, 0] for _ in range(_BUCKETS)]
    took: list[list[float]] = [[] for _ in range(_BUCKETS)]
    for op in operations:
        at = op.completed_s if op.completed_s is not None else op.invoked_s
        bucket = min(_BUCKETS - 1, max(0, int((at - start) / step)))
        counts[bucket][("ok", "fail", "info").index(op.type)] += 1
        if op.type == "ok" and op.completed_s is not None:
            took[bucket].append(op.completed_s - op.invoked_s)
    rows = []
    for i in range(_BUCKETS):
        begin = start + i * step
        active = e("; ".join(_active(results, begin, begin + step)))
        rows.append((f"{begin:.2f}", *map(str, counts[i]), *_percentiles(sorted(took[i])), active))
    columns = ("From, s", "Ok", "Failed", "Unknown", "p50", "p95", "p99", "Faults")
    listed = table("Operations by time", columns, rows, numbers=7)
    return f'<details class="alternative"><summary>The timeline as a table</summary>{listed}</details>'


def _percentiles(took: list[float]) -> list[str]:
    if not took:
        return [""] * 3
    return [seconds_text(took[min(len(took) - 1, int(q * len(took)))]) for q in (0.5, 0.95, 0.99)]


def _active(results: Mapping[str, Any], begin: float, end: float) -> list[str]:
    rows = [row for row in results.get("faults") or () if not row.get("closes")]
    until = [row["until_s"] if row.get("until_s") is not None else float("inf") for row in rows]
    return [
        str(row.get("text") or row["verb"]) for row, last in zip(rows, until, strict=True) if row["at_s"] < end and last > begin
    ]
