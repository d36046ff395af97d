"""Exports to the tools of others: ShiViz (space-time diagrams), Chrome's trace viewer and Perfetto, Jepsen's EDN."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from windtunnel.histories import History
from windtunnel.histories.jepsen import edn_lines
from windtunnel.reports.lanes import lanes
from windtunnel.reports.words import operation_text, printable, unit_of

Row = Mapping[str, Any]

SHIVIZ_HEADER = r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)"
"""The first line of a ShiViz file: how to read the others. The second, empty, says that there is one execution."""

_SAME_MOMENT_S = 1e-9  # the times of one event may differ by a rounding error
_PROCESSES = ("clients", "nodes", "faults")
_STEP_US = 1000.0  # a step of a stage is drawn as a millisecond


def edn(history: History) -> str:
    """The history as EDN, one event a line: what Jepsen, Knossos and Elle read."""
    return "".join(line + "\n" for line in edn_lines(history))


# --- Who sent what, when ---


def senders(rows: Sequence[Row]) -> list[int]:
    """For each row that names a message's `src` and the time it was `sent`, the row of the event that sent it; -1 if unknown.

    A trace has a row where a message arrives, not where it leaves: the sender is the last event on `src` up to that time.
    """
    times: dict[str, list[float]] = {}
    places: dict[str, list[int]] = {}
    found = []
    for at, row in enumerate(rows):
        sender = -1
        if row.get("src") and row.get("sent") is not None:
            seen = bisect_right(times.get(row["src"], []), row["sent"] + _SAME_MOMENT_S)
            sender = places[row["src"]][seen - 1] if seen else -1
        found.append(sender)
        if row.get("node"):
            times.setdefault(row["node"], []).append(row["t"])
            places.setdefault(row["node"], []).append(at)
    return found


# --- ShiViz ---


@dataclass(slots=True)
class _Clocks:
    """Vector clocks (Fidge 1988, Mattern 1989) of the hosts of a log."""

    now: dict[str, dict[str, int]] = field(default_factory=dict)

    def event(self, host: str, received: Mapping[str, int] | None = None) -> dict[str, int]:
        """The clock of the next event on `host`, which may have received a message with a clock."""
        clock = self.now.setdefault(host, {})
        for other, count in (received or {}).items():
            clock[other] = max(clock.get(other, 0), count)
        clock[host] = clock.get(host, 0) + 1
        return dict(clock)


def shiviz(trace: Sequence[Row]) -> str:
    """A log for ShiViz: two lines an event, `host clock` and its text. Every message is an event where it leaves, too.

    Rows that belong to no node (cuts, captions) have no place in a partial order and are left out.
    """
    lines = [SHIVIZ_HEADER, ""]
    clocks = _Clocks()
    leaving: dict[int, list[int]] = {}
    for at, sender in enumerate(senders(trace)):
        if trace[at].get("src") and trace[at].get("sent") is not None:
            leaving.setdefault(sender, []).append(at)
    sent: dict[int, dict[str, int]] = {}

    def write(host: str, clock: Mapping[str, int], text: str) -> None:
        lines.append(f"{_host(host)} {json.dumps({_host(name): count for name, count in clock.items()}, ensure_ascii=False)}")
        lines.append(printable(text))

    def launch(after: int) -> None:
        for at in sorted(leaving.get(after, ()), key=lambda i: (trace[i]["sent"], i)):
            row = trace[at]
            sent[at] = clocks.event(row["src"])
            write(row["src"], sent[at], f"{row['sent']:.6f} send to {row.get('node')}: {row.get('text', '')}")

    launch(-1)
    for at, row in enumerate(trace):
        if row.get("node") and row["kind"] != "lost-at-node":
            write(row["node"], clocks.event(row["node"], sent.get(at)), _event_text(row))
        launch(at)
    return "\n".join(lines) + "\n"


def _host(name: str) -> str:
    return re.sub(r"\s", "_", name)


def _event_text(row: Row) -> str:
    peer = f" from {row['src']}" if row.get("src") else f" to {row['dst']}" if row.get("dst") else ""
    return f"{row['t']:.6f} {row['kind']}{peer}: {row.get('text', '')}"


# --- Chrome trace ---


def chrome_trace(results: Mapping[str, Any], history: History | None, trace: Sequence[Row]) -> str:
    """Chrome's trace format as JSON text, for chrome://tracing and ui.perfetto.dev.

    Three processes: clients (a slice per operation), nodes (a slice per event, a flow per message), faults. Times in
    microseconds; a step of a stage, or an event of a history without times, is drawn as a millisecond.
    """
    scale = 1e6 if unit_of(results, history) == "s" else _STEP_US
    events = [
        {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": name}}
        for pid, name in enumerate(_PROCESSES, 1)
    ]
    events += _operation_slices(results, history, scale)
    events += _node_slices(results, trace, scale)
    events += _fault_spans(results, scale)
    violation = results.get("violation")
    if violation and violation.get("at_s") is not None:
        name = f"violation: {violation.get('property')}"
        events.append(
            {"ph": "i", "s": "g", "name": name, "cat": "violation", "pid": 2, "tid": 1, "ts": violation["at_s"] * scale}
        )
    about = {
        name: results[name] for name in ("system", "seed", "fingerprint", "verdict", "replay") if results.get(name) is not None
    }
    document = {"traceEvents": events, "displayTimeUnit": "ms", "otherData": about}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str)


def _thread(pid: int, tid: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": name}}


def _operation_slices(results: Mapping[str, Any], history: History | None, scale: float) -> Iterator[dict[str, Any]]:
    if history is None:
        return
    rows = lanes(history.operations, [str(name) for name in results.get("clients") or ()])
    label = ""
    for tid, name in enumerate(rows.labels, 1):
        label = name or label
        yield _thread(1, tid, label)
    for op, lane in zip(history.operations, rows.lane, strict=True):
        end = op.completed_s if op.completed_s is not None else op.invoked_s
        yield {
            "ph": "X",
            "name": operation_text(op),
            "cat": f"operation,{op.type}",
            "pid": 1,
            "tid": lane + 1,
            "ts": op.invoked_s * scale,
            "dur": (end - op.invoked_s) * scale,
            "args": {"process": op.process, "type": op.type, "index": op.index},
        }


def _node_slices(results: Mapping[str, Any], trace: Sequence[Row], scale: float) -> Iterator[dict[str, Any]]:
    names = [str(name) for name in results.get("nodes") or ()]
    names += [row[key] for row in trace for key in ("node", "src") if row.get(key)]
    tids = {name: tid for tid, name in enumerate(dict.fromkeys(names), 1)}
    for name, tid in tids.items():
        yield _thread(2, tid, name)
    # A flow begins and ends inside a slice: where no event stands at the moment of sending, the sending is one.
    occupied = {(row["node"], row["t"]) for row in trace if row.get("node")}
    for at, row in enumerate(trace):
        if not row.get("node"):
            yield {
                "ph": "i",
                "s": "p",
                "name": f"{row['kind']} {row.get('text', '')}",
                "cat": row["kind"],
                "pid": 2,
                "tid": 0,
                "ts": row["t"] * scale,
            }
            continue
        yield _slice(tids[row["node"]], row["kind"], row["t"] * scale, row.get("text", ""))
        if not row.get("src") or row.get("sent") is None:
            continue
        if (row["src"], row["sent"]) not in occupied:
            occupied.add((row["src"], row["sent"]))
            yield _slice(tids[row["src"]], "send", row["sent"] * scale, row.get("text", ""))
        flow = {"name": str(row.get("text", "")).split("(", 1)[0] or "message", "cat": "message", "id": at, "pid": 2}
        yield {**flow, "ph": "s", "tid": tids[row["src"]], "ts": row["sent"] * scale}
        yield {**flow, "ph": "f", "bp": "e", "tid": tids[row["node"]], "ts": row["t"] * scale}


def _slice(tid: int, kind: str, ts: float, text: str) -> dict[str, Any]:
    return {"ph": "X", "name": kind, "cat": kind, "pid": 2, "tid": tid, "ts": ts, "dur": 1, "args": {"text": text}}


def _fault_spans(results: Mapping[str, Any], scale: float) -> Iterator[dict[str, Any]]:
    for at, row in enumerate(results.get("faults") or ()):
        end_s = row["until_s"] if row.get("until_s") is not None else max(float(results.get("sim_s") or 0.0), row["at_s"])
        span = {"name": str(row.get("text") or row["verb"]), "cat": "fault", "id": at, "pid": 3, "tid": 1}
        yield {**span, "ph": "b", "ts": row["at_s"] * scale, "args": row.get("args") or {}}
        yield {**span, "ph": "e", "ts": end_s * scale}
