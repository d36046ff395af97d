"""Run a scenario: put a system into a world, let clients and faults at it, and judge what was observed.

    run = scenarios.run(Scenario(system="raft", seed=7, faults=("partition", "crash")))
    print(run.verdict, run.results["fingerprint"])

A simulated run keeps no trace: tracing costs more than the run. When the verdict is invalid the same scenario runs a second
time with the trace on; the fingerprints of the two must agree, which tests determinism where it matters most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from windtunnel.base.system import System
from windtunnel.histories import History
from windtunnel.scenarios.judge import judge
from windtunnel.scenarios.observed import Observed, Progress, Watch
from windtunnel.scenarios.spec import Scenario
from windtunnel.systems import find

PLAN_FILE = "plan.toml"


@dataclass(slots=True)
class Run:
    """A judged run. trace: rows of every event, empty unless asked for or the verdict is invalid."""

    scenario: Scenario
    results: dict[str, Any]
    history: History
    trace: list[dict[str, Any]]

    @property
    def verdict(self) -> str:
        """valid, invalid or unknown."""
        return str(self.results["verdict"])

    @property
    def broken(self) -> str | None:
        """The name of the broken property, or None."""
        violation = self.results["violation"]
        return str(violation["property"]) if violation else None


class Diverged(AssertionError):  # noqa: N818 - what happened
    """Two runs of one scenario differed: the system or the simulator is not deterministic."""


def run(
    scenario: Scenario,
    *,
    trace: bool = False,
    explained: bool = True,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Run:
    """Run and judge a scenario in the world it names.

    explained: run an invalid scenario a second time, for its trace; sweeps and shrinking only want the verdict. watch: looks
    at a simulated run while it goes on; such a run is traced. Raises UsageError for choices that the system does not have.
    """
    system = find(scenario.system)
    if scenario.script is not None:
        return _judged(scenario, system, _observe_stage(scenario, system))
    if scenario.world == "live":
        from windtunnel.scenarios.live import observe  # noqa: PLC0415 - sockets and processes load only for a live run

        return _judged(scenario, system, observe(scenario, system, progress))
    trace = trace or watch is not None
    first = _simulate(scenario, system, trace=trace, progress=progress, watch=watch)
    judged = _judged(scenario, system, first)
    if judged.verdict == "invalid" and explained and not trace:
        again = _simulate(scenario, system, trace=True)
        if again.fingerprint != first.fingerprint:
            raise Diverged(f"{replay_line(scenario)}: fingerprint {first.fingerprint}, then {again.fingerprint}")
        judged.trace = again.trace
    return judged


def _simulate(
    scenario: Scenario, system: System, *, trace: bool, progress: Progress | None = None, watch: Watch | None = None
) -> Observed:
    from windtunnel.scenarios.simulated import observe  # noqa: PLC0415 - the kernel loads only for a simulated run

    return observe(scenario, system, trace=trace, progress=progress, watch=watch)


def _observe_stage(scenario: Scenario, system: System) -> Observed:
    from windtunnel.scenarios.staged import observe  # noqa: PLC0415

    return observe(scenario, system)


def _judged(scenario: Scenario, system: System, observed: Observed) -> Run:
    results = judge(scenario, system, observed, replay_line(scenario))
    if observed.plan is not None:  # written down as it was drawn, so that a stored run outlives changes to the profiles
        scenario = scenario.with_changes(plan=tuple(observed.plan))
        results["scenario"] = scenario.to_json()
    return Run(scenario, results, observed.history, observed.trace)


def replay_line(scenario: Scenario) -> str:
    """The command that runs this scenario again. For a plan of its own the file is `plan.toml`, wherever that is kept."""
    default = Scenario(system=scenario.system, seed=scenario.seed)
    words = ["windtunnel run", scenario.system]
    if scenario.script is not None:
        words += ["--scenario", scenario.script]
    else:
        words += ["--seed", str(scenario.seed), "--for", f"{scenario.for_s:g}"]
    if scenario.world == "live":
        words.append("--live")
    if scenario.faults and scenario.script is None:
        words += ["--faults", ",".join(scenario.faults)]
    if scenario.plan is not None and not scenario.faults and scenario.script is None:
        words += ["--plan", PLAN_FILE]
    for rule in scenario.without:
        words += ["--without", rule]
    flags = {
        "--nodes": "size",
        "--clients": "clients",
        "--rate": "rate_per_s",
        "--keys": "keys",
        "--zipf": "zipf",
        "--policy": "policy",
        "--operations": "operations_max",
        "--bandwidth": "bandwidth_bytes_per_s",
        "--service": "service_s",
        "--cores": "cores",
    }
    for flag, name in flags.items():
        value = getattr(scenario, name)
        if value != getattr(default, name):
            words += [flag, f"{value:g}" if isinstance(value, float) else str(value)]
    if scenario.latency != default.latency:
        kind, first, second = scenario.latency
        words += ["--latency", f"{kind}:{first:g},{second:g}"]
    if scenario.in_order:
        words.append("--in-order")
    if scenario.mix is not None:
        words += ["--mix", ",".join(f"{name}={value:g}" for name, value in scenario.mix.items())]
    for name, value in scenario.options.items():
        words += ["--option", f"{name}={value}"]
    return " ".join(words)
