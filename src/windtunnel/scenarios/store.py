"""What a run leaves: `store/<system>/<time>-<seed>/`, and `store/latest`, a link to the newest.

| file | what |
|---|---|
| `scenario.toml` | everything that was chosen, with the fault plan as it was drawn |
| `plan.toml` | the faults alone, for `--plan` |
| `history.jsonl` | the operations of the clients |
| `results.json` | the verdict and its evidence, schema 1 |
| `trace.jsonl.gz` | every event, when asked for or when the verdict is invalid |
| `report.html` | one file for a browser |

A run is written beside its place and renamed into it, so that a full disk, a crash or Ctrl-C leaves nothing half-written.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.faults import Plan
from windtunnel.histories import History, read_history, write_jsonl
from windtunnel.reports import render
from windtunnel.scenarios.run import PLAN_FILE, Run
from windtunnel.scenarios.spec import Scenario, read_scenario

FREE_BYTES_MIN = 32 << 20  # a run with its trace and report is a few megabytes; refuse before it is too late to say so


def prepare(root: Path) -> None:
    """Make sure that a run can be stored under `root`, before it starts. Raises UsageError with the reason."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root) as probe:
            probe.write(b"windtunnel")
        free = shutil.disk_usage(root).free
    except OSError as error:
        raise UsageError(f"cannot write to the store {root}: {error.strerror}; choose another with --store DIR") from None
    if free < FREE_BYTES_MIN:
        raise UsageError(f"the store {root} has {free >> 20} MiB free, a run needs {FREE_BYTES_MIN >> 20}; use --store DIR")


def save(run: Run, root: Path) -> Path:
    """Write a run under `root` and point `latest` at it; returns its directory. Raises UsageError when the disk refuses."""
    parent = root / str(run.results["system"])
    name = f"{time.strftime('%Y%m%dT%H%M%S')}-{run.scenario.seed}"
    building: Path | None = None
    try:
        parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=".building-", dir=parent))
        building.chmod(0o755)
        place = _free_place(parent, name)
        _write(run, building, place)
        building.rename(place)
        _point(root / "latest", place)
    except OSError as error:
        raise UsageError(f"cannot write the run to {parent}: {error.strerror}") from None
    finally:
        if building is not None and building.exists():
            shutil.rmtree(building, ignore_errors=True)
    return place


def load(place: Path) -> tuple[Scenario, dict[str, Any]]:
    """Scenario and results of a stored run. Raises UsageError for what is no store directory."""
    place = place.resolve()
    scenario_file, results_file = place / "scenario.toml", place / "results.json"
    if not scenario_file.is_file() or not results_file.is_file():
        raise UsageError(f"{place} is no stored run: expected scenario.toml and results.json in it")
    try:
        results = json.loads(results_file.read_text(encoding="utf-8"))
        scenario = read_scenario(scenario_file.read_text(encoding="utf-8"), str(scenario_file))
    except (OSError, ValueError) as error:
        raise UsageError(f"{place}: cannot be read: {error}") from None
    if not isinstance(results, dict):
        raise UsageError(f"{results_file}: expected one JSON object")
    return scenario, results


def load_run(place: Path) -> Run:
    """A stored run, whole: for exports and for drawing its report again."""
    scenario, results = load(place)
    return Run(scenario, results, _history(place), _trace(place))


def _history(place: Path) -> History:
    return read_history(place / "history.jsonl", format="jsonl")


def _trace(place: Path) -> list[dict[str, Any]]:
    file = place / "trace.jsonl.gz"
    if not file.is_file():
        return []
    try:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]
    except (OSError, EOFError, ValueError) as error:
        raise UsageError(f"{file}: cannot be read: {error}") from None


def _write(run: Run, directory: Path, place: Path) -> None:
    if run.scenario.plan is not None:
        plan = Plan.from_rows(run.scenario.plan).to_toml()
        (directory / PLAN_FILE).write_text(plan, encoding="utf-8")
        run.results["replay"] = run.results["replay"].replace(f"--plan {PLAN_FILE}", f"--plan {place / PLAN_FILE}")
    results = json.dumps(run.results, indent=2, ensure_ascii=False, default=str)
    (directory / "results.json").write_text(results + "\n", encoding="utf-8")
    (directory / "scenario.toml").write_text(run.scenario.to_toml(), encoding="utf-8")
    write_jsonl(run.history, directory / "history.jsonl")
    if run.trace:
        with gzip.open(directory / "trace.jsonl.gz", "wt", encoding="utf-8", compresslevel=4) as lines:
            lines.writelines(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in run.trace)
    page = render(run.results, run.history, run.trace, store=str(place))
    (directory / "report.html").write_text(page, encoding="utf-8")


def _free_place(parent: Path, name: str) -> Path:
    place, again = parent / name, 1
    while place.exists():  # two runs of one seed within a second
        again += 1
        place = parent / f"{name}-{again}"
    return place


def _point(link: Path, place: Path) -> None:
    """Replace the link atomically: readers see the old run or the new one."""
    fresh = link.with_name(f".latest-{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(place.relative_to(link.parent))
    fresh.replace(link)
