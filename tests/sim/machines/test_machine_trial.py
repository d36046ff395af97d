import asyncio
import json
import os
import pickle
import random
import subprocess
import sys
import textwrap
import uuid

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.sim import Outcome, buggify, sometimes, trial

# --- Outcomes ---


async def busy(world):
    """Hosts that talk, a fault, dice, points."""

    async def serve():
        async def answer(reader, writer):
            while line := await reader.readline():
                if buggify("slow", 0.5):
                    await asyncio.sleep(random.random())
                writer.write(line)
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, None, 80)
        await server.serve_forever()

    world.host("server", serve)
    await asyncio.sleep(0.1)
    async with world.client("shopper"):
        reader, writer = await asyncio.open_connection("server", 80)
        for _ in range(5):
            writer.write(f"{uuid.uuid4()}\n".encode())
            sometimes(len(await reader.readline()) == 37, "whole line")
        writer.close()
        await writer.wait_closed()


def test_an_outcome_is_complete_and_travels():
    """What a parent process needs, by pickle and as JSON."""
    outcome = trial(busy, 7, index=5)
    assert (outcome.verdict, outcome.finding, outcome.seed, outcome.policy) == ("valid", None, 7, "fifo")
    assert outcome.seen == {"whole line": 5}
    assert outcome.nodes == ("server",)
    assert outcome.steps > 20
    assert outcome.index
    assert outcome.sim_s >= 0.1
    assert outcome.wall_s > 0.0
    assert any(host == "server" and source == "world" for _, host, source, _ in outcome.log)
    assert pickle.loads(pickle.dumps(outcome)) == outcome
    row = json.loads(json.dumps(outcome.to_row()))
    assert int(row["fingerprint"], 16) == outcome.fingerprint


def test_a_failed_test_is_an_outcome():
    """The exception is told in words: class, line, traceback; nothing is raised."""

    async def wrong(world):
        await asyncio.sleep(1.0)
        raise LookupError("no such order")

    outcome = trial(wrong, 1)
    assert isinstance(outcome, Outcome)
    assert (outcome.verdict, outcome.raised, outcome.finding.kind) == ("failed", "builtins.LookupError", "test")
    assert outcome.finding.where.endswith("in wrong")
    assert "no such order" in outcome.finding.text
    assert pickle.loads(pickle.dumps(outcome)) == outcome


def test_pytests_own_failure_is_an_outcome():
    """`pytest.fail` raises no Exception; Ctrl-C is not caught."""

    async def fails(_):
        pytest.fail("on purpose")

    async def interrupted(_):
        raise KeyboardInterrupt

    assert trial(fails, 1).finding.message == "Failed: on purpose"
    with pytest.raises(KeyboardInterrupt):
        trial(interrupted, 1)


def test_faults_are_scheduled_before_the_test():
    """`before` gets the world; options are those of a world."""

    async def watched(world):
        db = world.host("db", lambda: asyncio.sleep(100.0))
        await asyncio.sleep(2.0)
        assert db.running

    outcome = trial(watched, 1, before=lambda world: world.kernel.call_at(1.0, lambda: world.crash("db")))
    assert outcome.raised == "builtins.AssertionError"
    assert trial(watched, 1, limit_s=1.5).finding.kind == "limit"
    assert trial(watched, 1, policy="pct").policy == "pct"
    with pytest.raises(UsageError, match="policy"):
        trial(watched, 1, policy="fair")


def test_a_deadlock_is_run_again_to_say_since_when():
    """The second run counts if it ended in the same way."""
    runs = []

    async def stuck(world):
        runs.append(world.seed)
        await asyncio.sleep(3.0)
        await asyncio.Event().wait()

    outcome = trial(stuck, 5)
    assert runs == [5, 5]
    assert "waits for an event" in outcome.finding.text
    assert "since t=3.000000 s" in outcome.finding.text

    async def differently(world):
        runs.append(world.seed)
        await asyncio.sleep(float(len(runs)))
        await asyncio.Event().wait()

    assert "since" not in trial(differently, 6).finding.text


def test_leaks_are_part_of_the_outcome():
    """They are no finding, and no warning is raised here."""

    async def leaky(world):
        world.kept = asyncio.create_task(asyncio.sleep(100.0))

    outcome = trial(leaky, 1)
    assert outcome.verdict == "valid"
    assert len(outcome.leaks) == 1


def test_seeds_differ_and_repeat_in_one_process():
    """Another seed is another run; the same seed is the same run."""
    one, again, two = trial(busy, 1), trial(busy, 1), trial(busy, 2)
    assert (one.fingerprint, one.log, one.steps) == (again.fingerprint, again.log, again.steps)
    assert one.fingerprint != two.fingerprint


# --- The same in every process ---

PROGRAM = """
    import asyncio, json, random, sys, time, uuid
    from windtunnel.sim.machines.trial import trial

    class Node:
        def __init__(self, name, peers):
            self.name, self.peers, self.seen = name, peers, {}

        async def main(self):
            server = await asyncio.start_server(self.answer, None, 7000)
            async with asyncio.TaskGroup() as group:
                group.create_task(server.serve_forever())
                for peer in self.peers:
                    group.create_task(self.gossip(peer))

        async def answer(self, reader, writer):
            try:
                while line := await reader.readline():
                    self.seen[line.decode()] = time.time()
                    writer.write(b"ok\\n")
            except ConnectionError:
                pass
            finally:
                writer.close()

        async def gossip(self, peer):
            while True:
                await asyncio.sleep(random.random())
                try:
                    async with asyncio.timeout(0.5):
                        reader, writer = await asyncio.open_connection(peer, 7000)
                        writer.write(f"{uuid.uuid4()} {set('abcdefgh') and self.name}\\n".encode())
                        await reader.readline()
                        writer.close()
                except (OSError, TimeoutError):
                    pass

    async def cancelled_in_order():
        async def waits(i):
            try:
                await asyncio.Event().wait()
            finally:
                print(i, end=" ")

        try:
            async with asyncio.TaskGroup() as group:
                for i in range(20):
                    group.create_task(waits(i))
                await asyncio.sleep(0.1)
                print(len({task.get_name() for task in asyncio.all_tasks()}), [t.get_name() for t in asyncio.all_tasks()])
                raise ValueError
        except* ValueError:
            print()

    async def test(world):
        names = ["a", "b", "c", "d"]
        for name in names:
            node = lambda name=name: Node(name, [n for n in names if n != name]).main()
            world.host(name, node)
        world.kernel.call_at(2.0, world.crash, "b")
        world.kernel.call_at(3.0, world.restart, "b")
        world.kernel.call_at(3.5, world.cut, [("a", "c"), ("c", "a")])
        world.kernel.call_at(5.0, world.heal)
        done, _ = await asyncio.wait([asyncio.create_task(asyncio.sleep(0.1 * (i % 3)), name=f"t{i}") for i in range(30)])
        print([task.get_name() for task in done])
        await cancelled_in_order()
        await asyncio.sleep(8.0)

    for policy in ("fifo", "random"):
        outcome = trial(test, 11, policy=policy, limit_s=100.0)
        assert outcome.verdict == "valid", outcome.finding
        row = outcome.to_row()
        del row["wall_s"]
        print(json.dumps(row))
"""


@pytest.mark.slow
def test_one_seed_is_one_run_in_every_process():
    """Three processes, three hash seeds, both kernels: same fingerprint, same log, same everything."""
    told = []
    for hash_seed, kernel in (("1", "pure"), ("2", "compiled"), ("3", "")):
        if kernel == "compiled" and not _compiled():
            kernel = ""  # noqa: PLW2901
        environ = {**os.environ, "PYTHONHASHSEED": hash_seed, "WINDTUNNEL_KERNEL": kernel}
        command = [sys.executable, "-c", textwrap.dedent(PROGRAM)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, env=environ)
        assert done.returncode == 0, done.stderr
        told.append(done.stdout)
    assert len(told[0]) > 1000
    assert told[0] == told[1] == told[2]


def _compiled():
    from importlib.util import find_spec

    return find_spec("windtunnel.sim._kernel") is not None
