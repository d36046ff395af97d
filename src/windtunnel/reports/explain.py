"""The verdict on one screen, for a terminal.

Invalid: which promise broke, by its name in the literature; the few operations that show it; the fault that opened the
door; the safeguard that would have closed it; and, always last, the line that replays the run. Unknown says why.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from windtunnel.histories import History, Operation
from windtunnel.reports.lanes import end_s
from windtunnel.reports.words import (
    VERDICTS,
    claim,
    count_text,
    cut,
    literature,
    milliseconds_text,
    moment,
    operation_text,
    plural,
    printable,
    seconds_text,
    unit_of,
)

WIDTH = 100
_LABEL = 13  # columns of the labels on the left, indent included
_TRACK = 36  # columns of the small timeline
_SHOWN = 8  # operations of the small timeline; a longer story belongs into the report
_TEXT_LINES = 6  # lines of evidence, a traceback among them


def explain(results: Mapping[str, Any], history: History | None = None, *, markup: bool = False) -> str:
    """The explanation of `results` (results.json as a dict): plain lines of at most 100 columns, the replay line excepted.

    history: where the operations that show a violation are looked up. markup: a coloured verdict for `rich.print`; all
    other text is escaped for it.
    """
    head, *body = _lines(results, history)
    if markup:
        from rich.markup import escape  # noqa: PLC0415 - only a terminal needs rich

        colour = {"valid": "green", "invalid": "red"}.get(str(results.get("verdict")), "yellow")
        return "\n".join([f"[bold {colour}]{escape(head)}[/]", *map(escape, body)])
    return "\n".join([head, *body])


def _lines(results: Mapping[str, Any], history: History | None) -> list[str]:
    lines = [_headline(results)]
    if results.get("violation"):
        lines += _story(results, history)
    elif results.get("why"):
        lines += _entry("why", str(results["why"]))
    lines += _figures(results)
    for note in results.get("notes") or ():
        lines += _entry("note", str(note))
    lines += _entry("", _identity(results))
    if results.get("replay"):
        lines.append(f"  replay: {results['replay']}")
    return lines


def _headline(results: Mapping[str, Any]) -> str:
    verdict = str(results.get("verdict", "unknown"))
    icon, word = VERDICTS.get(verdict, VERDICTS["unknown"])
    return cut(printable(f"{icon} {word.upper()}  {claim(results)}"), WIDTH)


# --- The story of a violation ---


def _story(results: Mapping[str, Any], history: History | None) -> list[str]:
    violation = results["violation"]
    name, definition, source = literature(results)
    unit = unit_of(results, history)
    place = moment(violation["at_s"], unit) if violation.get("at_s") is not None else "the end"
    if violation.get("event") is not None and unit == "s":
        place += f", event {count_text(violation['event'])}"
    if violation.get("node"):
        place += f", on {violation['node']}"
    lines = textwrap.wrap(
        printable(f"{name} broken at {place}: {violation.get('evidence') or 'no evidence was recorded'}"),
        WIDTH,
        subsequent_indent="  ",
        max_lines=4,
        placeholder=" …",
    )
    if definition:
        lines += _entry("promise", definition + (f" ({source})" if source else ""))
    lines += _shown_by(results, history)
    if violation.get("door"):
        lines += _entry("cause", f"{violation['door']} (the last fault to begin before it)")
    if violation.get("safeguard"):
        rule = f"{violation['safeguard']} is off: {str(violation.get('rule') or '').rstrip('.')}"
        source = str(violation.get("source") or "")
        lines += _entry("safeguard", rule + (f" ({source})" if source else ""))
    return lines


def _shown_by(results: Mapping[str, Any], history: History | None) -> list[str]:
    violation = results["violation"]
    wanted = set(violation.get("operations") or ())
    found = [op for op in history.operations if op.index in wanted] if history is not None and wanted else []
    lines = small_timeline(found, unit_of(results, history)) if found else []
    text = [printable(line) for entry in violation.get("text") or () for line in str(entry).splitlines()]
    if lines:
        lines[0] = _labelled("shown by", lines[0])
        lines[1:] = [_labelled("", line) for line in lines[1:]]
    elif text:
        kept = text if len(text) <= _TEXT_LINES else ["…", *text[1 - _TEXT_LINES :]]  # a traceback ends with what matters
        lines = [cut(_labelled("shown by" if i == 0 else "", line), WIDTH) for i, line in enumerate(kept)]
    return lines


def small_timeline(operations: Sequence[Operation], unit: str = "s") -> list[str]:
    """A scale, then one line per operation in order of invocation: process, bar from invocation to completion, call, outcome."""
    shown = sorted(operations, key=lambda op: (op.invoked_s, op.index))
    last = shown[-_SHOWN:]
    start = min(op.invoked_s for op in last)
    ends = [end_s(op) for op in last if op.completed_s is not None]
    stop = max([*ends, max(op.invoked_s for op in last), start + 1e-9])
    scale = (_TRACK - 1) / (stop - start)
    who = min(12, max(len(str(op.process)) for op in last))
    left, right = moment(start, unit), moment(stop, unit)
    lines = [" " * (who + 2) + left + right.rjust(_TRACK - len(left))]
    for op in last:
        begin = int((op.invoked_s - start) * scale)
        done = op.completed_s is not None and op.type != "info"
        end = int((end_s(op) - start) * scale) if done else _TRACK - 1
        bar = "|" if end <= begin else "├" + "─" * (end - begin - 1) + ("┤" if done else "╌")
        track = (" " * begin + bar).ljust(_TRACK)
        lines.append(f"{cut(printable(str(op.process)), 12):<{who}}  {track}  {operation_text(op)}")
    lines = [cut(line, WIDTH - _LABEL) for line in lines]
    if len(shown) > len(last):
        lines.append(f"and {plural(len(shown) - len(last), 'earlier operation')}: see the report")
    return lines


# --- Figures ---


def _figures(results: Mapping[str, Any]) -> list[str]:
    ops = results.get("ops") or {}
    outcomes = ", ".join(f"{count_text(ops[k])} {word}" for k, word in _OUTCOMES if ops.get(k))
    lines = _entry("operations", count_text(ops.get("total", 0)) + (f": {outcomes}" if outcomes else ""))
    latency = results.get("latency_ms")
    if latency and results.get("world") != "stage":
        text = ", ".join(f"{q} {milliseconds_text(latency[q])}" for q in ("p50", "p95", "p99", "max") if q in latency)
        rate = results.get("throughput_per_s")
        lines += _entry("latency", text + (f"; {rate:,.1f} ok/s" if rate else ""))
    faults = [row for row in results.get("faults") or () if not row.get("closes")]
    if faults:
        verbs: dict[str, int] = {}
        for row in faults:
            verbs[row["verb"]] = verbs.get(row["verb"], 0) + 1
        lines += _entry("faults", f"{len(faults)}: " + ", ".join(f"{n} {verb}" for verb, n in verbs.items()))
    lines += _properties(results.get("properties") or ())
    return lines


_OUTCOMES = (("ok", "ok"), ("fail", "failed"), ("info", "unknown"))


def _properties(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    by: dict[str, list[str]] = {}
    for row in rows:
        by.setdefault(row["status"], []).append(row["name"])
    parts = [f"{len(by[status])} {status}" for status in ("held", "reached", "seen", "unchecked") if status in by]
    parts += [f"{status}: {', '.join(by[status])}" for status in ("broken", "missed", "unseen") if status in by]
    return _entry("properties", "; ".join(parts)) if parts else []


def _identity(results: Mapping[str, Any]) -> str:
    parts = []
    if results.get("seed") is not None:
        parts.append(f"seed {results['seed']}")
    if results.get("fingerprint"):
        parts.append(f"fingerprint {results['fingerprint']}")
    world = {"sim": "simulated", "live": "real processes", "stage": "moved by hand"}.get(str(results.get("world")), "")
    if results.get("world") == "sim" and results.get("sim_s"):
        world = f"{seconds_text(results['sim_s'])} simulated in {seconds_text(results.get('wall_s') or 0.0)}"
    elif results.get("world") == "live" and results.get("wall_s"):
        world = f"{seconds_text(results['wall_s'])} of real processes"
    parts += [world] if world else []
    if results.get("world") == "sim":
        parts.append(f"{results.get('kernel', 'pure')} kernel, {results.get('policy', 'fifo')} schedule")
    return "; ".join(parts)


# --- Layout ---


def _labelled(label: str, text: str) -> str:
    return f"  {label}".ljust(_LABEL) + text


def _entry(label: str, text: str) -> list[str]:
    """A labelled paragraph, wrapped; at most five lines."""
    text = printable(text)
    if not text:
        return []
    wrapped = textwrap.wrap(text, WIDTH - _LABEL, max_lines=5, placeholder=" …") if label else textwrap.wrap(text, WIDTH - 2)
    return [_labelled(label if i == 0 else "", line) if label else "  " + line for i, line in enumerate(wrapped)]
