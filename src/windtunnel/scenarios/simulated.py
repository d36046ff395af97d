"""A simulated run: traffic and faults on a cluster in virtual time, then quiet, then the closing questions.

Phases. Until `for_s` clients ask and faults come and go (every fault has ended by 0.8 of it). Then clients only finish what
they began, and the run goes on until everything that must come about has come about, at most `settle_s` longer. Last, where
the interface has a closing question (the reads of all replicas), it is asked.
"""

from __future__ import annotations

import math

from windtunnel.base.system import System
from windtunnel.faults import Nemesis
from windtunnel.histories import History, Recorder
from windtunnel.scenarios.chosen import client_maker, options_of, plan_of, shed_note
from windtunnel.scenarios.observed import (
    RAISED,
    RAISED_STATEMENT,
    WATCH_S,
    Breach,
    Observed,
    Progress,
    Watch,
    availability,
    timed,
)
from windtunnel.scenarios.spec import Scenario
from windtunnel.sim.kernel import KERNEL
from windtunnel.sim.world import SimWorld
from windtunnel.traffic import Client, workload

SLICE_S = 1.0  # virtual seconds between two calls of `progress`
LOOK_S = 0.1  # between two looks at what must come about
WAITING_MAX = 12  # rows of who waits for what
CLOSING_S = 5.0  # granted to the closing questions


def observe(
    scenario: Scenario, system: System, *, trace: bool, progress: Progress | None = None, watch: Watch | None = None
) -> Observed:
    """Run the scenario in the simulator. watch: looks at the run while it goes on, which needs `trace`."""
    assert trace or watch is None, "what is not traced cannot be watched"
    simulation = _Simulation(scenario, system, trace=trace)
    simulation.watch = watch
    try:
        return timed(lambda: simulation.run(progress))
    finally:
        simulation.world.close()


class _Simulation:
    """One run in its making."""

    def __init__(self, scenario: Scenario, system: System, *, trace: bool) -> None:
        self.scenario = scenario
        self.system = system
        self.world = SimWorld(
            system,
            seed=scenario.seed,
            size=scenario.size,
            safeguards=system.safeguards_without(scenario.without),
            options=options_of(system, scenario.options),
            policy=scenario.policy,
            cpu=(scenario.cores, scenario.service_s),
            watch=scenario.properties,
            trace=trace,
        )
        links = self.world.kernel.links
        links.latency(*scenario.latency)
        links.bandwidth(scenario.bandwidth_bytes_per_s)
        links.fifo(scenario.in_order)
        self.recorder = Recorder(lambda: self.world.now)
        self.workload = workload(system.interface, keys=scenario.keys, zipf=scenario.zipf, mix=scenario.mix)
        self.plan = plan_of(scenario, system, self.world.nodes, self.world.kernel.stream("faults"))
        self.nemesis = Nemesis(self.world, self.plan)
        self.clients: list[Client] = []
        self.watch: Watch | None = None
        self.idle = False

    def run(self, progress: Progress | None) -> Observed:
        """Everything, in order; stops early at a violation or a failure."""
        scenario, world = self.scenario, self.world
        for step in self.plan.steps():
            world.at(step.at_s, self.nemesis.act, step)
        world.boot()
        for i in range(scenario.clients):
            self._add_client(f"c{i + 1}")
        reached: dict[str, bool] = {}
        if self._go_on_until(scenario.for_s, progress):
            for client in self.clients:
                client.stop()
            reached = self._settle()
            self._closing_questions()
        return self._observed(reached)

    def _add_client(self, name: str) -> None:
        stream = self.world.kernel.stream(f"workload/{name}")
        entry = self.system.entry(self.world.nodes)
        make = client_maker(name, self.scenario, entry, self.recorder, self.workload, stream, len(self.clients))
        self.clients.append(self.world.add_client(name, make))

    def _go_on_until(self, when_s: float, progress: Progress | None = None) -> bool:
        """False when a violation or a failure stopped the run before `when_s`."""
        world, watch = self.world, self.watch
        slice_s = WATCH_S if watch is not None else SLICE_S if progress is not None else math.inf
        while world.now < when_s:
            reason = world.run(min(when_s, world.now + slice_s))
            if watch is not None:
                watch(world.now, world.trace.rows, self.recorder.operations)
            if world.violation is not None or world.failure is not None:
                return False
            if reason == "idle":  # nothing can ever happen again: waiting would not change that
                self.idle = True
                return True
            if progress is not None:
                progress(world.now)
        return True

    def _settle(self) -> dict[str, bool]:
        """Let the run go on until liveness is decided and every client is idle."""
        if math.isinf(self.plan.end_s):  # a fault that never ends excuses everything that never comes about
            return {}
        missing = list(self.system.eventually)
        end_s = self.scenario.for_s + self.scenario.settle_s
        while self.world.now < end_s:
            missing = [prop for prop in missing if not prop.holds(self.world.cores)]
            if not missing and all(client.idle for client in self.clients):
                break
            if not self._go_on_until(min(end_s, self.world.now + LOOK_S)) or self.idle:
                break
        names = {prop.name for prop in missing}
        return {prop.name: prop.name not in names for prop in self.system.eventually}

    def _closing_questions(self) -> None:
        question = self.workload.closing
        if question is None or self.world.violation is not None or self.world.failure is not None:
            return
        asker = self.clients[0]
        for node in self.system.entry(self.world.nodes):
            asker.ask(question, node)
        end_s = self.world.now + CLOSING_S
        while not asker.idle and not self.idle and self.world.now < end_s:
            if not self._go_on_until(min(end_s, self.world.now + LOOK_S)):
                break

    def _waiting_note(self, history: History, reached: dict[str, bool]) -> list[str]:
        """Who waits for what at the end, for a run that got nowhere or did not get where it should."""
        if history.counts()["ok"] and all(reached.values()):
            return []
        rows = [f"{who} {what}" for who, what in self.world.kernel.waiting()]
        return [f"at the end, who waits for what: {'; '.join(rows[:WAITING_MAX])}"] if rows else []

    def _observed(self, reached: dict[str, bool]) -> Observed:
        world, kernel = self.world, self.world.kernel
        history = self.recorder.history()
        breach = _breach(world)
        if breach is None:
            reached |= availability(self.plan.end_s, self.scenario.for_s, history)
        return Observed(
            world="sim",
            kernel=KERNEL,
            nodes=world.nodes,
            clients=tuple(client.me for client in self.clients),
            history=history,
            breach=breach,
            faults=self.nemesis.rows,
            plan=self.plan.to_rows(),
            seen=world.seen(),
            reached=reached,
            fingerprint=f"{kernel.fingerprint:016x}",
            events=kernel.events,
            messages=kernel.links.sent,
            sim_s=world.now,
            trace=world.trace.rows if kernel.tracer is not None else [],
            notes=[*self._waiting_note(history, reached), *shed_note(self.clients)],
        )


def _breach(world: SimWorld) -> Breach | None:
    if world.failure is not None:
        failure = world.failure
        return Breach(
            prop=RAISED,
            statement=RAISED_STATEMENT,
            evidence=f"{failure.error} while {failure.node} handled {failure.event}",
            at_s=failure.at_s,
            event=world.kernel.events,
            node=failure.node,
            text=failure.text.strip().splitlines(),
        )
    if world.violation is not None:
        found = world.violation
        return Breach(found.prop.name, found.prop.statement, found.evidence, found.at_s, found.event, found.node)
    return None
