"""A live run: the same system, traffic, faults and checkers, on real processes, TCP and files.

Nothing here replays exactly: the operating system schedules. The seed fixes the plan, the operations and the nodes' dice.
Invariants are not checked inside the processes; the history is the evidence, and copies of the nodes' states for liveness.
"""

from __future__ import annotations

import asyncio
import math
import tempfile
from pathlib import Path

from windtunnel.base.errors import Unsupported
from windtunnel.base.properties import Property
from windtunnel.base.streams import Stream
from windtunnel.base.system import System
from windtunnel.faults import Nemesis
from windtunnel.histories import Recorder
from windtunnel.live.cluster import LiveWorld
from windtunnel.scenarios.chosen import client_maker, options_of, plan_of, shed_note
from windtunnel.scenarios.observed import RAISED, RAISED_STATEMENT, Breach, Observed, Progress, availability, timed
from windtunnel.scenarios.spec import Scenario
from windtunnel.traffic import Client, workload

LOADER = "windtunnel.systems:find"
PROGRESS_S = 0.25
CLOSING_S = 5.0
LOOK_S = 0.2  # between two looks at what must come about


def observe(scenario: Scenario, system: System, progress: Progress | None) -> Observed:
    """Run the scenario on real processes; returns when every one of them has ended."""
    return timed(lambda: asyncio.run(_observe(scenario, system, progress)))


async def _observe(scenario: Scenario, system: System, progress: Progress | None) -> Observed:
    with tempfile.TemporaryDirectory(prefix="windtunnel-") as directory:
        world = LiveWorld(
            system,
            loader=LOADER,
            directory=Path(directory),
            seed=scenario.seed,
            size=scenario.size,
            safeguards=system.safeguards_without(scenario.without),
            options=options_of(system, scenario.options),
        )
        async with world:
            return await _LiveRun(scenario, system, world).run(progress)


class _LiveRun:
    """One run on a started world. Times are seconds since the traffic began, as in the plan."""

    def __init__(self, scenario: Scenario, system: System, world: LiveWorld) -> None:
        self.scenario = scenario
        self.system = system
        self.world = world
        self.zero = world.now
        self.recorder = Recorder(lambda: self.now)
        self.workload = workload(system.interface, keys=scenario.keys, zipf=scenario.zipf, mix=scenario.mix)
        self.plan = plan_of(scenario, system, world.nodes, Stream(scenario.seed, "faults"))
        self.nemesis = Nemesis(world, self.plan)
        self.clients: list[Client] = []

    @property
    def now(self) -> float:
        """Real seconds since the traffic began."""
        return self.world.now - self.zero

    async def run(self, progress: Progress | None) -> Observed:
        """Traffic and faults, then quiet, then the closing questions."""
        for i in range(self.scenario.clients):
            name = f"c{i + 1}"
            stream = Stream(self.scenario.seed, f"workload/{name}")
            entry = self.system.entry(self.world.nodes)
            make = client_maker(name, self.scenario, entry, self.recorder, self.workload, stream, i)
            self.clients.append(self.world.add_client(name, make))
        ticking = asyncio.create_task(self._tick(progress)) if progress is not None else None
        try:
            reached = await self._play()
        finally:
            if ticking is not None:
                ticking.cancel()
        return self._observed(reached)

    async def _play(self) -> dict[str, bool]:
        for step in self.plan.steps():
            if not await self.world.sleep_until(self.zero + step.at_s):
                return {}
            await self.nemesis.act_live(step)
        await self.world.sleep_until(self.zero + self.scenario.for_s)
        for client in self.clients:
            client.stop()
        missing = await self._settle()
        await self._closing_questions()
        if missing is None or math.isinf(self.plan.end_s):
            return {}
        return {prop.name: prop not in missing for prop in self.system.eventually}

    async def _settle(self) -> list[Property] | None:
        """Wait until every client is idle and liveness holds; what is still missing then, or None where nobody can look."""
        missing = list(self.system.eventually)
        looking = True
        end_s = self.world.now + self.scenario.settle_s
        while self.world.now < end_s and self.world.failure is None:
            if looking:
                try:
                    nodes = await self.world.inspect()
                except Unsupported:
                    looking = False
                else:
                    missing = [prop for prop in missing if not prop.holds(nodes)]
            if (not missing or not looking) and all(client.idle for client in self.clients):
                break
            await self.world.sleep_until(min(end_s, self.world.now + LOOK_S))
        return missing if looking else None

    async def _closing_questions(self) -> None:
        question = self.workload.closing
        if question is None or self.world.failure is not None:
            return
        asker = self.clients[0]
        for node in self.system.entry(self.world.nodes):
            asker.ask(question, node)
        await self.world.until(lambda: asker.idle, CLOSING_S)

    async def _tick(self, progress: Progress | None) -> None:
        assert progress is not None, "nobody asked"
        while True:
            progress(self.now)
            await asyncio.sleep(PROGRESS_S)

    def _observed(self, reached: dict[str, bool]) -> Observed:
        history = self.recorder.history()
        breach = _breach(self.world, self.zero)
        if breach is None:
            reached |= availability(self.plan.end_s, self.scenario.for_s, history)
        return Observed(
            world="live",
            kernel="live",
            nodes=self.world.nodes,
            clients=tuple(client.me for client in self.clients),
            history=history,
            breach=breach,
            faults=self.nemesis.rows,
            plan=self.plan.to_rows(),
            reached=reached,
            sim_s=self.now,
            notes=[
                "real processes on this machine: the seed fixes plan and operations, not the schedule",
                *shed_note(self.clients),
            ],
        )


def _breach(world: LiveWorld, zero_s: float) -> Breach | None:
    failure = world.failure
    if failure is None:
        return None
    return Breach(
        prop=RAISED,
        statement=RAISED_STATEMENT,
        evidence=f"{failure.error} while {failure.node} handled {failure.event}",
        at_s=failure.at_s - zero_s,
        node=failure.node,
        text=failure.text.strip().splitlines(),
    )
