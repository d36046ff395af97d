"""Running a check of a program that speaks over stdin and stdout: a cluster of its processes for each seed, inside the walls."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from windtunnel.base.errors import UsageError
from windtunnel.faults import Nemesis, Plan
from windtunnel.foreign import Caps, Cluster, ProgramFailed, RpcError
from windtunnel.labs.checking import Check, Unmet
from windtunnel.labs.outcomes import Outcome, shown
from windtunnel.labs.runs import SHRINK_S, TRACE_ROWS_MAX, Bench
from windtunnel.labs.walls import confine_program, enclose_programs
from windtunnel.scenarios.shrink import ddmin
from windtunnel.testing.forks import Crew, Ended, alone
from windtunnel.testing.storms import drawn, words

RUN_S = 30.0
"""Real seconds that one seed may take: programs have to start, and some listen to real clocks."""

Rows = Sequence[Mapping[str, Any]]


@dataclass(slots=True)
class _Run:
    """What one seed came to. wrong: the message, "" if nothing is."""

    wrong: str = ""
    kind: str = ""
    at_s: float = 0.0
    node: str = ""
    plan: list[dict[str, Any]] = field(default_factory=list)
    trace: list[dict[str, Any]] = field(default_factory=list)


def command_of(place: Path, file: str) -> list[str]:
    """How a submission is run: the file `run` if there is one, else the file of the lab; by its suffix or its first line."""
    path = place / ("run" if (place / "run").is_file() else file)
    if path.suffix == ".py":
        return [sys.executable, "-P", str(path)]
    head = path.read_bytes()[:200]
    if head.startswith(b"\x7fELF"):
        return [str(path)]
    line = re.match(rb"#!\s*([^\n]+)", head)
    if line is None:
        raise UsageError(f"{path.name}: expected a Python file, a program, or a first line such as #!/usr/bin/env node")
    return [*line[1].decode("utf-8", "replace").split(), str(path)]


def run_stdio(check: Check, bench: Bench) -> Outcome:
    """Run one check to its end."""
    command_of(bench.submission.place, bench.submission.file)  # raises before anything is started
    outcome = Outcome(name=check.name, stage=check.stage, verdict="passed")
    nodes = tuple(f"n{i}" for i in range(check.options["nodes"]))
    faults = (
        tuple(name.strip() for name in check.faults.split(",") if name.strip()) if isinstance(check.faults, str) else check.faults
    )
    seeds = range(1, check.seeds + 1) if bench.seed is None else [bench.seed]

    def play(task: tuple[int, Rows]) -> _Run:
        bench.around()
        return _play(check, bench, *task)

    for seed, ended in _until_bad(play, [(seed, drawn(seed, faults, nodes, check.for_s or 10.0).to_rows()) for seed in seeds]):
        outcome.seeds += 1
        if ended.how != "returned":
            outcome.verdict, outcome.kind, outcome.seed = "unknown", "ours", seed
            outcome.message = f"the run did not come to an end: {ended.text.strip()}"
            return outcome
        if ended.value.wrong:
            _tell(outcome, seed, _smallest(play, seed, ended.value) if bench.html else ended.value, bench)
            return outcome
    return outcome


def _until_bad(play: Any, tasks: list[tuple[int, Any]]) -> list[tuple[int, Ended]]:
    """Every seed up to the first that fails."""
    done = []
    with Crew(play, jobs=1, limit_s=RUN_S) as crew:  # one at a time: real processes share the real processors
        for task in tasks:
            crew.start(task)
            while crew.running:
                done += [(task[0], ended) for ended in crew.wait()]
            if done[-1][1].how != "returned" or done[-1][1].value.wrong:
                break
    return done


def _smallest(play: Any, seed: int, bad: _Run) -> _Run:
    """The same failure with as few faults as can be found in a short time."""
    best = bad
    ends_s = time.monotonic() + SHRINK_S

    def fails(rows: Rows) -> bool:
        nonlocal best
        if time.monotonic() > ends_s:
            return False
        ended = alone(play, (seed, rows), limit_s=RUN_S)
        if ended.how != "returned" or not ended.value.wrong or ended.value.kind != bad.kind:
            return False
        best = ended.value
        return True

    if bad.plan and not fails([]):
        ddmin(list(bad.plan), fails)
    return best


def _play(check: Check, bench: Bench, seed: int, rows: Rows) -> _Run:
    """One seed, in this process: its children are the programs."""
    function = check.function
    assert function is not None, "a check of programs has a function"
    enclose_programs()
    place, limits = bench.submission.place, bench.limits
    plan = Plan.from_rows(rows)
    run = _Run(plan=[dict(row) for row in rows])
    cluster = Cluster(
        command_of(place, bench.submission.file),
        str(bench.scratch),
        nodes=check.options["nodes"],
        seed=seed,
        latency=check.options["latency"],
        caps=Caps(quiet_s=limits.run_s / 2, out_bytes=limits.file_bytes),
        start=lambda: confine_program(limits, bench.scratch),
        limit_s=check.limit_s,
    )
    with cluster:
        nemesis = Nemesis(cluster, plan)
        cluster.quiet_at_s = plan.end_s if plan.faults else 0.0
        for step in plan.steps():
            cluster.at(step.at_s, nemesis.act, step)
        try:
            cluster.run(function(cluster))
        except Unmet as unmet:
            run.kind, run.wrong, run.node = "test", str(unmet), ""
        except ProgramFailed as failed:
            run.kind, run.wrong, run.node = "program", str(failed), failed.node
        except RpcError as error:
            run.kind, run.wrong = "rpc", f"a request that should succeed did not: {error}"
        if cluster.garbage and not run.wrong:
            run.kind, run.node = "garbage", cluster.garbage[0][0]
            run.wrong = f"{run.node} {cluster.garbage[0][1]}; messages go to stdout, everything else to stderr"
        run.at_s = cluster.now
        run.trace = cluster.trace[-TRACE_ROWS_MAX:] if run.wrong else []
    return run


def _tell(outcome: Outcome, seed: int, run: _Run, bench: Bench) -> None:
    outcome.verdict, outcome.kind, outcome.seed = "failed", run.kind, seed
    outcome.message = run.wrong.replace(f"{bench.submission.place}/", "")
    outcome.plan = words(run.plan)
    outcome.trace = run.trace
    outcome.first_bad = {"at_s": run.at_s, "host": run.node, "where": "", "kind": run.kind, "text": outcome.message}
    outcome.log = shown([(row["t"], row["node"], row["kind"], _line(row)) for row in run.trace])
    if bench.html:
        outcome.html = _page(outcome, run)


def _line(row: Mapping[str, Any]) -> str:
    other = f"from {row['src']}: " if row.get("src") else f"to {row['dst']}: " if row.get("dst") else ""
    return f"{other}{row['text']}"


def _page(outcome: Outcome, run: _Run) -> str:
    """The failing run for a browser."""
    from windtunnel import __version__  # noqa: PLC0415 - failures only
    from windtunnel.reports import render  # noqa: PLC0415

    names = list(dict.fromkeys(name for row in run.trace for name in (row["node"], row.get("src"), row.get("dst")) if name))
    nodes = sorted(names, key=lambda name: (not name.startswith("n"), name))
    results: dict[str, Any] = {
        "windtunnel": __version__,
        "verdict": "invalid",
        "title": outcome.name,
        "system": outcome.name,
        "claim": f"seed {outcome.seed}",
        "world": "foreign",
        "kernel": "",
        "policy": "",
        "seed": outcome.seed,
        "fingerprint": "",
        "sim_s": run.at_s,
        "wall_s": 0.0,
        "events": len(run.trace),
        "nodes": nodes,
        "replay": "",
        "faults": run.plan,
        "violation": {
            "property": outcome.name,
            "statement": outcome.name,
            "evidence": outcome.message,
            "at_s": run.at_s,
            "event": len(run.trace),
            "node": run.node or (nodes[0] if nodes else ""),
            "door": outcome.plan[-1] if outcome.plan else None,
            "text": [],
        },
        "notes": [],
    }
    return render(results, None, run.trace)
