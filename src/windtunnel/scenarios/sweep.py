"""Many seeds of one scenario: what held in all of them, what broke in which, what was never seen.

Each seed is one run, and a run is a function of its scenario; so the totals do not depend on how many workers there were, on who
finished first, or on how often the sweep was interrupted and resumed. The first failure is the one with the lowest seed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.scenarios.executor import Executor, Forked, InProcess
from windtunnel.scenarios.journal import Journal
from windtunnel.scenarios.run import Run
from windtunnel.scenarios.spec import Scenario

Runner = Callable[[Scenario], Run]


@dataclass(slots=True)
class Tally:
    """The rows so far and their totals.

    first_failure: the row of the lowest invalid seed. resumed: rows that were in the journal. wall_s: of this session.
    interrupted: not every seed has been run.
    """

    asked: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    first_failure: dict[str, Any] | None = None
    resumed: int = 0
    wall_s: float = 0.0
    interrupted: bool = False

    def add(self, row: dict[str, Any]) -> None:
        """Count one seed."""
        self.rows.append(row)
        self.verdicts[row["verdict"]] += 1
        if row["property"]:
            self.broken[row["property"]] += 1
        if row["verdict"] == "invalid" and (self.first_failure is None or row["seed"] < self.first_failure["seed"]):
            self.first_failure = row
        for name in row["situations"]:
            self.seen[name] += row["situations"][name]

    @property
    def done(self) -> int:
        """Seeds that have been run."""
        return len(self.rows)

    @property
    def rate_per_s(self) -> float:
        """Seeds a second in this session."""
        return (self.done - self.resumed) / self.wall_s if self.wall_s > 0 else 0.0

    @property
    def eta_s(self) -> float | None:
        """Seconds to the end at this rate; None when nothing has ended yet."""
        return (self.asked - self.done) / self.rate_per_s if self.rate_per_s > 0 else None

    @property
    def never_seen(self) -> list[str]:
        """`sometimes` properties that no run has seen: the campaign was vacuous in that respect."""
        return [name for name, times in self.seen.items() if not times]

    def verdict(self) -> tuple[str, str]:
        """The verdict on all seeds, and the reason if it is not `valid`."""
        if self.verdicts["invalid"]:
            worst = ", ".join(f"{name} {times} times" for name, times in sorted(self.broken.items()))
            return "invalid", f"{self.verdicts['invalid']} of {self.done} seeds broke a promise: {worst}"
        if self.interrupted:
            return "unknown", f"{self.done} of {self.asked} seeds were run"
        if self.verdicts["unknown"]:
            why = min((row for row in self.rows if row["verdict"] == "unknown"), key=lambda row: int(row["seed"]))["why"]
            return "unknown", f"{self.verdicts['unknown']} of {self.done} seeds could not be judged, the first because: {why}"
        if self.never_seen:
            return "unknown", f"no run has seen {', '.join(self.never_seen)}: these seeds prove little"
        return "valid", ""

    def totals(self) -> dict[str, Any]:
        """What depends on the seeds only: the same for any number of workers."""
        verdict, why = self.verdict()
        failure = self.first_failure
        return {
            "verdict": verdict,
            "why": why,
            "seeds": {"asked": self.asked, "done": self.done},
            "verdicts": {name: self.verdicts[name] for name in ("valid", "invalid", "unknown")},
            "broken": dict(sorted(self.broken.items())),
            "situations": dict(sorted(self.seen.items())),
            "ops": {name: sum(row["ops"][name] for row in self.rows) for name in ("total", "ok", "fail", "info")},
            "sim_s": round(sum(row["sim_s"] for row in self.rows), 3),
            "events": sum(row["events"] for row in self.rows),
            "first_failure": failure and {"seed": failure["seed"], "property": failure["property"], "why": failure["why"]},
        }


def sweep(
    scenario: Scenario,
    seeds: Sequence[int],
    run: Runner,
    *,
    workers: int = 1,
    journal: Path | None = None,
    progress: Callable[[Tally], None] = lambda _: None,
    until_failure: bool = False,
    executor: Executor | None = None,
) -> Tally:
    """Run `scenario` once per seed (its own seed is not used) and count.

    journal: a file of rows that makes the sweep resumable: seeds that it holds are not run again. progress: called after each
    seed and at least every quarter of a second. until_failure: stop at the first invalid seed that comes in. Ctrl-C gives the
    tally so far, marked interrupted. Raises UsageError for a journal of another sweep and for choices that the system does
    not have.
    """
    if not seeds:
        raise UsageError("a sweep needs at least one seed")
    book = Journal(journal, head_of(scenario)) if journal is not None else None
    tally = Tally(asked=len(seeds))
    if book is not None:
        for known in _wanted(book.rows, seeds):
            tally.add(known)
        tally.resumed = tally.done
    have = {row["seed"] for row in tally.rows}
    left = [seed for seed in seeds if seed not in have]
    executor = executor or (Forked(min(workers, len(left))) if workers > 1 and len(left) > 1 else InProcess())
    began = time.monotonic()
    rows = executor.map(partial(one_seed, scenario, run), left)
    try:
        for row in rows:
            tally.wall_s = time.monotonic() - began
            if row is not None:
                tally.add(row)
                if book is not None:
                    book.append(row)
            progress(tally)
            if until_failure and row is not None and row["verdict"] == "invalid":
                break
    except KeyboardInterrupt:
        pass  # the tally says how far it came
    finally:
        if isinstance(rows, Iterator) and hasattr(rows, "close"):
            rows.close()
        if book is not None:
            book.close()
    tally.interrupted = tally.done < tally.asked
    tally.rows.sort(key=lambda row: int(row["seed"]))
    return tally


def warm() -> None:
    """Load what a simulated run needs, so that forked children find it loaded."""


def one_seed(scenario: Scenario, run: Runner, seed: int) -> dict[str, Any]:
    """The row of one seed: what the totals need of a run, small enough to send and to keep by the ten thousand."""
    judged = run(scenario.with_changes(seed=seed))
    results = judged.results
    return {
        "seed": seed,
        "verdict": results["verdict"],
        "why": results["why"],
        "property": judged.broken,
        "fingerprint": results["fingerprint"],
        "ops": results["ops"],
        "sim_s": results["sim_s"],
        "wall_s": results["wall_s"],
        "events": results["events"],
        "situations": {row["name"]: int(row["status"] == "seen") for row in results["properties"] if row["kind"] == "sometimes"},
    }


def head_of(scenario: Scenario) -> dict[str, Any]:
    """The first line of a journal: everything that was chosen, but the seed."""
    from windtunnel import __version__  # noqa: PLC0415 - the package's own name, read where it is written

    chosen = {name: value for name, value in scenario.to_json().items() if name != "seed"}
    return {"schema": 1, "windtunnel": __version__, **chosen}


def _wanted(rows: Iterable[dict[str, Any]], seeds: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The rows of these seeds, each seed once."""
    left = set(seeds)
    for row in rows:
        if row.get("seed") in left:
            left.discard(row["seed"])
            yield row
