"""The text of a report page, section by section. Every value is escaped here: histories are written by strangers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from windtunnel.base.toml import toml_text
from windtunnel.histories import History, Operation
from windtunnel.reports.lanes import end_s
from windtunnel.reports.markup import cite, e, pairs, section, table
from windtunnel.reports.words import (
    STATUSES,
    VERDICTS,
    claim,
    count_text,
    literature,
    milliseconds_text,
    moment,
    operation_text,
    plural,
    seconds_text,
    unit_of,
)

Results = Mapping[str, Any]

ICONS: Mapping[str, str] = {
    "valid": '<path d="M6.5 12.5l3.7 3.7 7.3-8.2"/>',
    "invalid": '<path d="M8 8l8 8M16 8l-8 8"/>',
    "unknown": '<path d="M9 9.4a3 3 0 1 1 4.3 2.7c-.9.4-1.3 1-1.3 1.9v.4"/><path d="M12 17.3v.1"/>',
}
"""Strokes of the icon of a verdict, in a square of 24."""

_NAMES_MAX = 12
_NAME_LENGTH = 32  # what is longer is no name of a promise but a sentence
_OPERATIONS_MAX = 40  # rows of the story; evidence is the few operations that show it


# --- Masthead ---


def masthead(results: Results) -> str:
    """The verdict as icon, word and sentence; the figures of the run; the replay line."""
    verdict = str(results.get("verdict", "unknown"))
    verdict = verdict if verdict in VERDICTS else "unknown"
    reason = str(results.get("why") or "")
    if results.get("violation"):
        reason = str(results["violation"].get("evidence") or reason)
    title = results.get("title") or results.get("system") or "a recorded history"
    parts = [
        f'<p class="brand"><b>windtunnel</b><span>{e(title)}</span></p>',
        f'<div class="verdict {verdict}">',
        f'<svg class="seal" viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="11"/>{ICONS[verdict]}</svg>',
        f"<div><h1>{VERDICTS[verdict][1]}</h1>",
        f'<p class="claim">{e(claim(results))}</p></div></div>',
        f'<p class="reason">{e(reason)}</p>' if reason else "",
        *(f'<p class="note">{e(note)}</p>' for note in results.get("notes") or ()),
        _parent(results),
        _figures(results),
    ]
    if results.get("replay"):
        parts.append(
            '<div class="replay"><span class="label" id="replay-label">Replay</span>'
            f'<code id="replay" tabindex="0" aria-labelledby="replay-label">{e(results["replay"])}</code>'
            '<button type="button" data-copy="replay">Copy</button></div>'
        )
    return "\n".join(filter(None, parts))


def _parent(results: Results) -> str:
    """Where a branch comes from."""
    parent = results.get("parent")
    if not parent:
        return ""
    run = f"<code>{e(parent['run'])}</code>" if parent.get("run") else "another run"
    return f'<p class="note">A branch of {run}: the same run up to {e(parent["at_s"])} s, then other faults.</p>'


def _figures(results: Results) -> str:
    ops = results.get("ops") or {}
    latency = results.get("latency_ms") or {}
    opened = [row for row in results.get("faults") or () if not row.get("closes")]
    words = (("ok", "ok"), ("fail", "failed"), ("info", "unknown"))
    outcomes = " · ".join(_unbroken(f"{count_text(ops[name])} {word}") for name, word in words if ops.get(name))
    cells: list[tuple[str, str, str]] = [("Operations", count_text(ops.get("total", 0)), outcomes)] if "ops" in results else []
    if latency and results.get("world") != "stage":
        rest = " · ".join(_unbroken(f"{q} {milliseconds_text(latency[q])}") for q in ("p95", "p99") if q in latency)
        cells.append(("Latency p50", milliseconds_text(latency["p50"]), rest))
    if results.get("throughput_per_s") and results.get("world") != "stage":
        cells.append(("Throughput", f"{results['throughput_per_s']:,.0f}/s", "operations that ended ok"))
    if results.get("nodes"):
        size = plural(len(results["nodes"]), "node")
        size += f" · {plural(len(results['clients']), 'client')}" if results.get("clients") is not None else ""
        cells.append(("Faults", str(len(opened)), size))
    cells.append(_time_cell(results))
    if results.get("seed") is not None:
        fingerprint = results.get("fingerprint")
        cells.append(("Seed", str(results["seed"]), f"fingerprint {fingerprint}" if fingerprint else ""))
    items = "".join(f"<div><dt>{e(n)}</dt><dd>{e(v)}<small>{e(more)}</small></dd></div>" for n, v, more in cells)
    return f'<dl class="figures">{items}</dl>'


def _unbroken(text: str) -> str:
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _time_cell(results: Results) -> tuple[str, str, str]:
    wall = seconds_text(float(results.get("wall_s") or 0.0))
    if results.get("world") == "sim":
        return ("Simulated", seconds_text(float(results.get("sim_s") or 0.0)), f"in {wall} of wall time")
    if results.get("world") == "stage":
        return ("Moved by hand", f"{results.get('sim_s') or 0:.0f} steps", f"in {wall} of wall time")
    return ("Wall time", wall, "real processes" if results.get("world") == "live" else "")


# --- The violation ---


def story(results: Results, history: History | None) -> str:
    """What broke, the operations that show it, the fault before it and the safeguard that would have closed the door."""
    violation = results.get("violation")
    if not violation:
        return ""
    name, definition, source = literature(results)
    unit = unit_of(results, history)
    where = [moment(violation["at_s"], unit)] if violation.get("at_s") is not None else []
    if violation.get("event") is not None and unit == "s":
        where.append(f"event {count_text(violation['event'])}")
    where += [f"node {violation['node']}"] if violation.get("node") else []
    rule = e(str(violation.get("rule") or "").rstrip(".")) + cite(violation.get("source"))
    listed = pairs(
        (
            ("Promise", f"<b>{e(name)}</b>: {e(definition)}{cite(source)}"),
            ("Broken at", e(" · ".join(where))),
            ("Cause", _cause(violation)),
            ("Safeguard", f"<code>{e(violation['safeguard'])}</code> is off: {rule}" if violation.get("safeguard") else ""),
        )
    )
    figure = _figure(results, history)
    lines = [line for entry in violation.get("text") or () for line in str(entry).splitlines()]
    full = e("\n".join(lines))
    detail = (
        f"<details{'' if figure else ' open'}><summary>Evidence in full</summary><pre>{full}</pre></details>" if lines else ""
    )
    return section("story", "What broke", listed + figure + detail)


def _cause(violation: Mapping[str, Any]) -> str:
    door = violation.get("door")
    return f"{e(door)} <small>the last fault to begin before it</small>" if door else ""


def _figure(results: Results, history: History | None) -> str:
    """The operations that show the violation: a row each, a bar from invocation to completion on one common scale."""
    wanted = set(results["violation"].get("operations") or ())
    found = [op for op in history.operations if op.index in wanted] if history is not None and wanted else []
    if not found:
        return ""
    shown = sorted(found, key=lambda op: (op.invoked_s, op.index))[-_OPERATIONS_MAX:]
    start = min(op.invoked_s for op in shown)
    ends = [end_s(op) for op in shown if op.completed_s is not None]
    stop = max([*ends, max(op.invoked_s for op in shown), start + 1e-9])
    unit = unit_of(results, history)
    rows = "".join(_figure_row(op, start, stop, unit) for op in shown)
    left, right = moment(start, unit), moment(stop, unit)
    return (
        '<figure class="few"><table><caption>The operations that show it</caption>'
        '<thead><tr><th scope="col">Process</th><th scope="col">Operation</th>'
        f'<th scope="col" class="when"><span>{e(left)}</span><span>{e(right)}</span></th></tr></thead>'
        f"<tbody>{rows}</tbody></table></figure>"
    )


def _figure_row(op: Operation, start: float, stop: float, unit: str) -> str:
    scale = 100.0 / (stop - start)
    over = op.completed_s is not None and op.type != "info"
    left = (op.invoked_s - start) * scale
    width = ((end_s(op) if over else stop) - op.invoked_s) * scale
    ends = moment(op.completed_s, unit) if op.completed_s is not None and over else "never answered"
    title = f"{moment(op.invoked_s, unit)} to {ends}"
    place = f"left:{left:.2f}%;width:{max(width, 0.4):.2f}%"
    bar = f'<span class="bar {e(op.type)}" style="{place}" title="{e(title)}"><span class="unseen">{e(title)}</span></span>'
    head = f'<th scope="row">{e(op.process)}</th><td class="call">{e(operation_text(op))}</td>'
    return f'<tr>{head}<td class="track">{bar}</td></tr>'


# --- Promises, faults, scenario ---


def promises(results: Results) -> str:
    """Every property with its statement and status; the promise on the history first."""
    rows = []
    checker = results.get("checker") or {}
    if checker:
        name, _, meaning = str(checker.get("promise") or checker.get("model")).partition(": ")
        if not meaning and len(name) > _NAME_LENGTH:
            name, meaning = str(checker.get("model")), name
        statement = f"{meaning or f'the history of the clients is {name}'} ({checker.get('model')} model)"
        statement += f": {checker['why']}" if checker.get("why") and not results.get("violation") else ""
        rows.append((name, "history", statement, str(checker.get("verdict") or "unchecked")))
    rows += [(row["name"], row["kind"], row["statement"], row["status"]) for row in results.get("properties") or ()]
    if not rows:
        return ""
    cells = [(f"<code>{e(name)}</code>", e(kind), e(statement), _status(status)) for name, kind, statement, status in rows]
    listed = table("Properties", ("Property", "Kind", "Statement", "Status"), cells, heads=True)
    return section("promises", "What was promised", listed)


def _status(status: str) -> str:
    icon, tone = STATUSES.get(status, ("·", "none"))
    return f'<span class="status {tone}"><span aria-hidden="true">{icon}</span> {e(status)}</span>'


def faults(results: Results) -> str:
    """What was done to the system, in order."""
    rows = list(results.get("faults") or ())
    if not rows:
        return ""
    cells = [(f"{row['at_s']:.3f}", _until(row), f"<code>{e(row['verb'])}</code>", e(row.get("text") or "")) for row in rows]
    return section("faults", "Faults", table("Faults", ("From, s", "Until, s", "Verb", "What was done"), cells, numbers=2))


def _until(row: Mapping[str, Any]) -> str:
    if row.get("until_s") is not None:
        return f"{row['until_s']:.3f}"
    return "" if row.get("closes") else "end"


def scenario(results: Results) -> str:
    """Everything that was chosen, as the TOML that a scenario file holds."""
    chosen = results.get("scenario")
    if not chosen:
        return ""
    text = f'<pre id="scenario-toml">{e(toml_text(chosen))}</pre><button type="button" data-copy="scenario-toml">Copy</button>'
    return section("scenario", "Scenario", f"<details><summary>scenario.toml</summary>{text}</details>")


def environment(results: Results) -> str:
    """Versions and counters."""
    world = {"sim": "simulation", "live": "real processes", "stage": "moved by hand"}
    simulated = results.get("world") == "sim"
    listed = {
        "windtunnel": results.get("windtunnel"),
        "Python": results.get("python"),
        "World": world.get(str(results.get("world")), results.get("world")),
        "Kernel": results.get("kernel") if simulated else None,
        "Schedule": results.get("policy") if simulated else None,
        "Events": count_text(results["events"]) if results.get("events") else None,
        "Messages": count_text(results["messages"]) if results.get("messages") else None,
        "Nodes": _names(results.get("nodes") or ()),
        "Clients": _names(results.get("clients") or ()),
    }
    return section("environment", "Environment", pairs((name, e(value)) for name, value in listed.items() if value))


def _names(names: Sequence[object]) -> str:
    """All of a few names; of many the first ones and their number."""
    shown = ", ".join(map(str, names[:_NAMES_MAX]))
    return shown if len(names) <= _NAMES_MAX else f"{shown}, … ({count_text(len(names))})"


# --- The trace in words ---


def events_table(results: Results, rows: Sequence[Mapping[str, Any]], total: int) -> str:
    """The text alternative of the message diagram."""
    stage = results.get("world") == "stage"
    cells = [
        (
            f"{row['t']:.0f}" if stage else f"{row['t']:.6f}",
            e(row.get("node") or ""),
            f"<code>{e(row['kind'])}</code>",
            _peer(row),
            e(row.get("text") or ""),
        )
        for row in rows
    ]
    listed = table("Events", ("Step" if stage else "Time, s", "Node", "Event", "Peer", "Text"), cells, numbers=1)
    shown = f"{plural(len(rows), 'row')} of {count_text(total)}"
    return f'<details class="alternative"><summary>The events as a table: {shown}</summary>{listed}</details>'


def _peer(row: Mapping[str, Any]) -> str:
    return f"from {e(row['src'])}" if row.get("src") else f"to {e(row['dst'])}" if row.get("dst") else ""
