"""The data inside a report: columns of small numbers and dictionaries of texts, so that 100,000 operations stay small.

Times are whole microseconds (on a stage: steps), successive ones as differences. Texts are stored once and named by number.
The result is JSON for a <script> element: `<`, `>` and `&` are escaped, so no value of a history can end the element.
"""

from __future__ import annotations

import base64
import gzip
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from windtunnel.histories import History, Operation
from windtunnel.reports.lanes import lanes
from windtunnel.reports.words import operation_text, unit_of

TRACE_ROWS_MAX = 50_000
"""Rows of a trace in one report: some 40 s of a busy five-node cluster, and about 1.5 MB with the states of the nodes."""

PACKED_FROM = 200_000
"""Characters of JSON from which the trace of a page is compressed, and read after the page is on the screen."""

FAMILIES = {"cut": "network", "weather": "network", "crash": "process", "pause": "process", "skew": "machine", "disk": "machine"}
"""What a fault is done to: the colour of its band."""

_BEFORE = 0.75  # of the trace window lies before the moment it is about
_TYPES = {"ok": 0, "fail": 1, "info": 2}
_ROWS_MAX = 24  # of a client: a thousand reads at once must not push the other clients out of the drawing
_FOREVER = -1


@dataclass(slots=True)
class Words:
    """Texts, each once, in order of first use."""

    texts: list[str] = field(default_factory=list)
    _number: dict[str, int] = field(default_factory=dict)

    def number(self, text: str) -> int:
        """The place of `text` in `texts`."""
        at = self._number.get(text)
        if at is None:
            at = self._number[text] = len(self.texts)
            self.texts.append(text)
        return at


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a trace that a report holds.

    rows: in order; total: of the whole trace; focus: a row index in `rows`. first: how many rows come before. states: what was
    known of each node before the first row, field by field.
    """

    rows: list[Mapping[str, Any]]
    total: int
    focus: int | None
    first: int = 0
    states: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def data_of(results: Mapping[str, Any], history: History | None, window: Window, *, store: str | None = None) -> dict[str, Any]:
    """Everything that the page's drawings and `mountViewer` take, JSON-able. store: the directory of the run, if it has one."""
    operations = history.operations if history is not None else []
    start, end = span(results, operations, window.rows)
    violation = results.get("violation") or {}
    return {
        "unit": unit_of(results, history),
        "start": start,
        "end": end,
        "operations": _operations(results, operations, start),
        "faults": [_fault(row) for row in results.get("faults") or ()],
        "trace": _trace(results, window, start),
        "fork": _fork(results, store),
        "violation": {"at": violation["at_s"], "node": violation.get("node")} if violation.get("at_s") is not None else None,
    }


def span(results: Mapping[str, Any], operations: Sequence[Operation], rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """First and last moment of a run, seconds: zero, unless its clock began far from zero, to the last thing that happened."""
    begins = [op.invoked_s for op in operations] + [rows[0]["t"]] if rows else [op.invoked_s for op in operations]
    ends = [op.completed_s if op.completed_s is not None else op.invoked_s for op in operations]
    ends += [float(rows[-1]["t"])] if rows else []
    first, last = min(begins, default=0.0), max(ends, default=0.0)
    start = 0.0 if 0 <= first < 0.5 * last or first < 10 else first
    return start, max(last, start + float(results.get("sim_s") or 0.0) if start == 0 else last, start + 1e-6)


def trace_window(
    results: Mapping[str, Any],
    history: History | None,
    trace: Sequence[Mapping[str, Any]],
    *,
    limit: int = TRACE_ROWS_MAX,
    around_s: float | None = None,
) -> Window:
    """At most `limit` rows of `trace` around the violation, or else `around_s`, or else the first fault, or else the start."""
    rows = _told(results, history, [row for row in trace if "t" in row and "kind" in row])
    at = around_s if around_s is not None else (results.get("violation") or {}).get("at_s")
    focus: int | None = None
    if around_s is None:
        focus = next((i for i, row in enumerate(rows) if row["kind"] == "violation"), None)
    if focus is None and at is None:
        at = next((row["at_s"] for row in results.get("faults") or ()), None)
    if focus is None and at is not None and rows:
        focus = min(bisect_left(rows, at, key=_time), len(rows) - 1)
    first = max(0, min((focus or 0) - int(_BEFORE * limit), len(rows) - limit))
    shown = rows[first : first + limit]
    return Window(shown, len(rows), None if focus is None else focus - first, first, _states_after(rows[:first]))


def _states_after(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """What the nodes look like after these rows, by node and field."""
    states: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["kind"] == "crash":
            states.pop(str(row.get("node")), None)
        elif "state" in row:
            states.setdefault(str(row["node"]), {}).update(row["state"])
    return states


def _told(results: Mapping[str, Any], history: History | None, rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows with the words of the fault plan where links are cut, and with a row for the violation if there is none."""
    words = {row["at_s"]: row["text"] for row in results.get("faults") or () if row.get("verb") == "cut" and row.get("text")}
    told = [{**row, "text": words[row["t"]]} if row["kind"] == "cut" and row["t"] in words else row for row in rows]
    violation = results.get("violation") or {}
    if rows and violation.get("at_s") is not None and not any(row["kind"] == "violation" for row in rows):
        text = f"{violation.get('property')}: {violation.get('evidence') or ''}"
        node = violation.get("node") or _witness(results, history)
        found = {"t": violation["at_s"], "kind": "violation", "node": node, "text": text}
        told.insert(bisect_right(told, violation["at_s"], key=_time), found)
    return told


def _witness(results: Mapping[str, Any], history: History | None) -> str | None:
    """The client whose answer broke the promise: what had happened before that answer is the past of the violation."""
    violation = results["violation"]
    shown = set(violation.get("operations") or ())
    for op in history.operations if history is not None else ():
        client = str(op.process).rpartition(".")[0]
        if op.index in shown and op.completed_s == violation["at_s"] and client in (results.get("clients") or ()):
            return client
    return None


def _time(row: Mapping[str, Any]) -> float:
    return float(row["t"])


def script_json(data: Any) -> str:
    """JSON that may stand in a <script> element whatever it contains."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)
    for unsafe, escaped in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(unsafe, escaped)
    return text.encode("utf-8", "replace").decode("utf-8")


def pack_trace(data: dict[str, Any]) -> str:
    """Takes a long trace out of `data` and gives it as an element of its own, gzip in base 64; nothing for a short one."""
    trace = json.dumps(data["trace"], ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)
    if len(trace) < PACKED_FROM:
        return ""
    data["trace"] = None
    squeezed = gzip.compress(trace.encode("utf-8", "replace"), compresslevel=6, mtime=0)
    return f'<script type="application/octet-stream" id="trace">{base64.b64encode(squeezed).decode("ascii")}</script>'


# --- Columns ---


def _micros(at: float, start: float) -> int:
    return round((at - start) * 1e6)


def _differences(values: Iterable[int]) -> list[int]:
    before, result = 0, []
    for value in values:
        result.append(value - before)
        before = value
    return result


def _operations(results: Mapping[str, Any], operations: Sequence[Operation], start: float) -> dict[str, Any]:
    ordered = sorted(operations, key=lambda op: (op.invoked_s, op.index))
    rows = lanes(ordered, [str(name) for name in results.get("clients") or ()], _ROWS_MAX)
    shown = set((results.get("violation") or {}).get("operations") or ())
    texts, processes = Words(), Words()
    took = [_FOREVER if op.completed_s is None else max(0, _micros(op.completed_s, op.invoked_s)) for op in ordered]
    return {
        "lanes": rows.labels,
        "lane": rows.lane,
        "invoked": _differences(_micros(op.invoked_s, start) for op in ordered),
        "took": took,
        "type": [_TYPES.get(op.type, 2) for op in ordered],
        "process": [processes.number(str(op.process)) for op in ordered],
        "processes": processes.texts,
        "text": [texts.number(operation_text(op)) for op in ordered],
        "texts": texts.texts,
        "marked": [at for at, op in enumerate(ordered) if op.index in shown],
    }


def _fault(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "from": row["at_s"],
        "to": row.get("until_s"),
        "closes": bool(row.get("closes")),
        "family": FAMILIES.get(str(row.get("verb")), "other"),
        "nodes": [str(name) for name in (row.get("args") or {}).get("nodes") or ()],
        "text": str(row.get("text") or row.get("verb")),
    }


def _trace(results: Mapping[str, Any], window: Window, start: float) -> dict[str, Any]:
    names, kinds, texts = Words(), Words(), Words()
    for name in (*(results.get("nodes") or ()), *(results.get("clients") or ())):
        names.number(str(name))
    columns: dict[str, list[int]] = {"t": [], "kind": [], "node": [], "from": [], "to": [], "sent": [], "text": []}
    for row in window.rows:
        columns["t"].append(_micros(row["t"], start))
        columns["kind"].append(kinds.number(str(row["kind"])))
        for column, key in (("node", "node"), ("from", "src"), ("to", "dst")):
            columns[column].append(names.number(str(row[key])) if row.get(key) else -1)
        sent = row.get("sent")
        columns["sent"].append(-1 if sent is None else max(0, columns["t"][-1] - _micros(sent, start)))
        columns["text"].append(texts.number(str(row.get("text") or "")))
    columns["t"] = _differences(columns["t"])
    servers = len(results.get("nodes") or ())
    return {
        **columns,
        "names": names.texts,
        "servers": servers,
        "kinds": kinds.texts,
        "texts": texts.texts,
        "total": window.total,
        "first": window.first,
        "focus": window.focus,
        "state": _state(window, names),
    }


def _state(window: Window, names: Words) -> dict[str, Any]:
    """The states of nodes: fields and values by number; `at` which rows change something (as differences) and `size` how much."""
    fields, values = Words(), Words()
    base = [
        (names.number(node), fields.number(name), values.number(text))
        for node, state in window.states.items()
        for name, text in state.items()
    ]
    columns: dict[str, list[int]] = {"at": [], "size": [], "field": [], "value": []}
    for at, row in enumerate(window.rows):
        changes = row.get("state")
        if changes:
            columns["at"].append(at)
            columns["size"].append(len(changes))
            columns["field"] += [fields.number(name) for name in changes]
            columns["value"] += [values.number(text) for text in changes.values()]
    columns["at"] = _differences(columns["at"])
    return {**columns, "base": base, "fields": fields.texts, "values": values.texts}


def _fork(results: Mapping[str, Any], store: str | None) -> dict[str, Any] | None:
    """What a branch of this run could change; None where a run cannot be forked: only simulated ones are the same again."""
    chosen = results.get("scenario") or {}
    if results.get("world") != "sim" or not isinstance(chosen.get("for_s"), int | float):
        return None
    plan = [{name: row.get(name) for name in ("at_s", "until_s", "verb", "text")} for row in chosen.get("plan") or ()]
    return {"plan": plan, "for_s": chosen["for_s"], "nodes": [str(name) for name in results.get("nodes") or ()], "store": store}
