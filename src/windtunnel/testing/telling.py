"""What a campaign says: on the terminal, and in the files that a failure leaves.

| file | what |
|---|---|
| `report.html` | one file for a browser: what broke, the hosts side by side with their logs and the faults |
| `plan.toml` | the smallest storm, for `--windtunnel-plan` |
| `log.txt` | the log of all hosts, interleaved by virtual time |
| `failure.txt` | what the terminal showed |
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from windtunnel.faults import Plan
from windtunnel.testing.campaign import Campaign, Failure
from windtunnel.testing.single import Row
from windtunnel.testing.storms import words

XFAIL = "xfail: "
REPORT_FILE, PLAN_FILE, LOG_FILE, TEXT_FILE = "report.html", "plan.toml", "log.txt", "failure.txt"

LOG_LINES = 40
"""Rows of the log that a terminal shows; the report has them all."""

PLAN_LINES = 20
_NAME_MAX = 120


def campaign_lines(campaign: Campaign) -> list[str]:
    """What was found, in one screen; nothing if nothing was."""
    lines: list[str] = []
    failure = campaign.failure
    if failure is not None:
        lines += _failure_lines(campaign, failure)
    if campaign.divergence is not None:
        lines += campaign.divergence.lines()
    if campaign.never_seen:
        lines.append(never_seen_text(campaign))
    return lines


def never_seen_text(campaign: Campaign) -> str:
    """What the seeds did not reach."""
    names = ", ".join(campaign.never_seen)
    return f"never true in {campaign.done} seeds: {names}; these seeds have not tested what they are about"


def _failure_lines(campaign: Campaign, failure: Failure) -> list[str]:
    row, smallest = failure.row, failure.smallest
    others = len(campaign.failures) - 1
    more = f"; {others} more of {campaign.done} seeds fail: {_seeds(campaign.failures[1:])}" if others else ""
    lines = [f"seed {row.ask.seed} fails, after {_plural(campaign.done, 'seed')} at {campaign.rate_per_s:.0f}/s{more}"]
    where = f" at {smallest.where}" if smallest.where else ""
    lines.append(f"{smallest.kind}: on {smallest.host}, t={smallest.at_s:.6f} s{where}: {smallest.message}")
    if failure.repeats:
        small = "" if smallest.fingerprint == row.fingerprint else f" ({smallest.fingerprint} under the smallest storm)"
        lines.append(f"policy {smallest.ask.policy}, fingerprint {row.fingerprint or 'none'}{small}, {campaign.layout}")
    else:
        lines.append("it did not fail again in the same way: see below why two runs of one seed differ")
    lines += _storm_lines(failure)
    log = smallest.log
    if log:
        shown = log[-LOG_LINES:]
        part = f"the last {len(shown)} of {len(log)} rows" if len(shown) < len(log) else "all rows"
        lines += [f"log of all hosts, {part}:", *log_lines(shown)]
    return lines


def _storm_lines(failure: Failure) -> list[str]:
    """The faults, and what they have to do with it."""
    shrunk = failure.shrunk
    if not failure.row.plan:
        return ["no fault is needed: it fails in a quiet world"]
    if shrunk is None:
        return [f"{_plural(len(failure.row.plan), 'fault')}, not shrunk:", *_cut(words(failure.row.plan))]
    how = f"{_plural(shrunk.runs, 'run')}, {shrunk.wall_s:.1f} s"
    if not shrunk.plan:
        return [f"no fault is needed: without the {shrunk.before} drawn this seed fails in the same way ({how})"]
    head = f"{len(shrunk.plan)} of {_plural(shrunk.before, 'fault')} opened the door"
    if shrunk.complete:
        one = "it" if len(shrunk.plan) == 1 else "any one of them"
        return [f"{head}; without {one} this seed passes ({how}):", *_cut(words(shrunk.plan))]
    return [f"{head}, perhaps fewer do: the time for shrinking was up ({how}):", *_cut(words(shrunk.plan))]


def log_lines(log: Sequence[tuple[float, str, str, str]]) -> list[str]:
    """Rows of a log, aligned."""
    width = max((len(host) for _, host, _, _ in log), default=0)
    return [f"  {at_s:11.6f}  {host:<{width}}  {source:<7}  {text}" for at_s, host, source, text in log]


def _cut(lines: list[str]) -> list[str]:
    shown = [f"  {line}" for line in lines[:PLAN_LINES]]
    return shown if len(lines) <= PLAN_LINES else [*shown, f"  ... and {len(lines) - PLAN_LINES} more"]


def _seeds(failures: Sequence[Failure]) -> str:
    numbers = [str(failure.row.ask.seed) for failure in failures]
    return ", ".join(numbers[:12]) + (", ..." if len(numbers) > 12 else "")


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


# --- Files ---


def saved(campaign: Campaign, root: Path, test: str, replay: str) -> Path | None:
    """Write the files of a failure to a directory of `test` below `root`, each whole or not at all; None if the disk refuses."""
    failure = campaign.failure
    if failure is None:
        return None
    from windtunnel.testing.page import page  # noqa: PLC0415 - the makers of pages load for failures only

    row: Row = failure.smallest
    files: dict[str, str] = {
        REPORT_FILE: page(campaign, failure, test, replay),
        LOG_FILE: "\n".join(log_lines(row.log)) + "\n",
        TEXT_FILE: "\n".join([*campaign_lines(campaign), f"replay: {replay}", "", _whole_text(row)]) + "\n",
        PLAN_FILE: Plan.from_rows(row.plan).to_toml(),
    }
    place = root / _file_name(test)
    try:
        place.mkdir(parents=True, exist_ok=True)
        ignore = root / ".gitignore"
        if not ignore.exists():
            _write(ignore, "*\n")
        for name, text in files.items():
            _write(place / name, text)
    except OSError:
        return None
    return place


def _whole_text(row: Row) -> str:
    parts: list[Any] = [row.text or row.message]
    parts += [f"--- {name} ---\n{text}" for name, text in (("stdout", row.out), ("stderr", row.err)) if text]
    return "\n".join(str(part) for part in parts)


def _write(path: Path, text: str) -> None:
    """Replace a file atomically: readers see the old one or the new one."""
    handle, fresh = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        Path(fresh).chmod(0o644)
        shutil.move(fresh, path)
    finally:
        Path(fresh).unlink(missing_ok=True)


def _file_name(test: str) -> str:
    """A name of a directory for a test: readable, and where it had to be cut, still its own."""
    name = re.sub(r"[^A-Za-z0-9_.=-]+", "-", test.replace("::", "__").replace("/", "_")).strip("-.")
    if len(name) <= _NAME_MAX:
        return name
    return f"{name[:_NAME_MAX]}-{hashlib.blake2b(test.encode(), digest_size=4).hexdigest()}"
