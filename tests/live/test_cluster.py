import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import live_toys
import pytest

from windtunnel.base.errors import StorageError, Unsupported, UsageError
from windtunnel.base.interface import Op
from windtunnel.base.streams import Stream
from windtunnel.checkers import check
from windtunnel.histories import Recorder
from windtunnel.live import cluster
from windtunnel.live.cluster import LiveWorld, StartFailed
from windtunnel.live.member import Member
from windtunnel.live.processes import free_ports, tree
from windtunnel.traffic import Client, Closed, workload

PATIENCE_S = 60.0


def world_of(directory, system=live_toys.TOY, **more):
    """A live world of a toy."""
    return LiveWorld(system, loader="live_toys:find", directory=directory, seed=7, **more)


class Traffic:
    """Clients with one recorder."""

    def __init__(self, world, count=3, **more):
        self.recorder = Recorder(lambda: world.now)
        self.world = world
        self.clients = [self.add(f"c{i}", **more) for i in range(count)]

    def add(self, name, **more):
        draws = Stream(7, f"workload/{name}")
        load = workload("kv", keys=3)
        make = lambda out: Client(name, self.world.nodes, out, self.recorder, load, draws, Closed(0.002), **more)  # noqa: E731
        return self.world.add_client(name, make)

    def ok(self):
        """How many operations succeeded so far."""
        return sum(op.type == "ok" for op in self.recorder.operations)

    async def more(self, count=20):
        """Wait for that many more successes."""
        enough = self.ok() + count
        assert await self.world.until(lambda: self.ok() >= enough, PATIENCE_S), self.world.failure

    async def judged(self):
        """Let the clients finish, and check the history."""
        for client in self.clients:
            client.stop()
        assert await self.world.until(lambda: all(client.idle for client in self.clients), PATIENCE_S)
        return check(self.recorder.history(), "kv")


def gone(pid):
    """Whether no such process is left; a zombie is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


async def nothing_left(pids, ports):
    """Wait until these processes are gone, and nobody listens on these ports."""
    async with asyncio.timeout(PATIENCE_S):
        while not all(gone(pid) for pid in pids):
            await asyncio.sleep(0.01)
        while any(open_port(port) for port in ports):  # a zombie's last thread may hold its sockets for a moment
            await asyncio.sleep(0.01)


def open_port(port):
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- A cluster at work ---


def test_traffic_under_every_kind_of_fault_stays_linearizable(tmp_path):
    """Clients get answers before, during and after each fault; the whole history is linearizable; nothing is left behind."""

    async def main():
        async with world_of(tmp_path) as world:
            pids = [world.pid(node) for node in world.nodes]
            traffic = Traffic(world)
            await traffic.more()
            assert await world.until(lambda: world.leader() == "n1", PATIENCE_S)

            await world.cut([("n1", "n2")], hold=True)
            await traffic.more()
            await world.heal()
            await world.cut([("n1", "n3"), ("n3", "n1")])
            await traffic.more()
            await world.heal()

            await world.crash("n2")
            assert not world.running("n2")
            await traffic.more()
            await world.restart("n2")
            assert world.running("n2")
            await traffic.more()

            await world.pause("n3")
            await world.crash("n2")
            stuck = traffic.ok()
            await asyncio.sleep(0.1)
            assert traffic.ok() <= stuck + len(traffic.clients), "one of three is no majority"
            await world.resume("n3")
            await world.restart("n2")
            await traffic.more()

            await world.weather(drop=0.05, duplicate=0.1, slow_s=0.005)
            await traffic.more()
            await world.weather()
            await world.crash("n1")
            await world.restart("n1")
            await traffic.more()

            verdict = await traffic.judged()
            assert verdict.valid is True, verdict.why
            [prop] = live_toys.TOY.eventually
            assert await world.until(lambda: len(world.states) == 3 and prop.holds(world.states), PATIENCE_S)
            assert world.states["n1"].recovered > 0
            assert world.failure is None
            pids += [world.pid(node) for node in world.nodes]
            ports = [port for _host, port in [*world._addresses.values(), *world._links.values()]]
        await nothing_left(pids, ports)

    asyncio.run(main())


async def look_until_it_raises(world):
    """Inspect again and again."""
    async with asyncio.timeout(PATIENCE_S):
        while await world.inspect():
            await asyncio.sleep(0.01)


def test_what_can_be_seen_of_a_node(tmp_path):
    """Copies of cores show everything, states the scalars; a paused node and one that is down show nothing."""

    async def main():
        async with world_of(tmp_path) as world:
            traffic = Traffic(world, 1)
            await traffic.more()
            await world.pause("n2")
            await world.crash("n3")
            cores = await world.inspect()
            assert list(cores) == ["n1"]
            assert isinstance(cores["n1"], live_toys.Toy)
            assert len(cores["n1"].log) == cores["n1"].size >= 20
            assert await world.until(lambda: list(world.states) == ["n1"], PATIENCE_S)
            await world.resume("n2")
            assert set(await world.inspect()) == {"n1", "n2"}
            traffic.clients[0].ask(Op("keep", None, None), "n2")
            with pytest.raises(Unsupported, match="cannot copy the state of n2: "):
                await look_until_it_raises(world)

    asyncio.run(main())


def test_records_outlive_the_world(tmp_path):
    """A second world on the same directory recovers what the first one acknowledged."""

    async def main():
        async with world_of(tmp_path) as world:
            traffic = Traffic(world, 1)
            await traffic.more()
            size = world.states["n1"].size if await world.until(lambda: "n1" in world.states, PATIENCE_S) else -1
        async with world_of(tmp_path, proxied=False) as world:
            assert await world.until(lambda: "n1" in world.states, PATIENCE_S)
            assert world.states["n1"].recovered >= size > 0

    asyncio.run(main())


def test_a_procedure_runs_in_processes(tmp_path):
    """A procedure serves clients and peers over the same transport, and its records survive kill -9."""

    async def main():
        async with world_of(tmp_path, live_toys.COUNT) as world:
            answers = []

            class Asker:
                def __init__(self, out):
                    self.out = out

                def on_start(self):
                    self.ask(1)

                def ask(self, seq, f="add"):
                    self.out.send("n2", live_toys.Request("a.1", seq, Op(f, None, 5)))

                def on_timer(self, _name):
                    pass

                def on_message(self, _src, reply):
                    answers.append((reply.status, reply.value))

            asker = world.add_client("a", Asker)
            assert await world.until(lambda: answers, PATIENCE_S)
            await world.crash("n1")
            await world.restart("n1")
            asker.ask(2)
            assert await world.until(lambda: len(answers) == 2, PATIENCE_S)
            asker.ask(3, "subtract")
            assert await world.until(lambda: len(answers) == 3, PATIENCE_S)
            assert answers == [("ok", 5), ("ok", 10), ("fail", "only add")]
            assert await world.until(lambda: getattr(world.states.get("n1"), "total", 0) == 10, PATIENCE_S)

    asyncio.run(main())


# --- Clocks and disks ---


def test_disks_refuse_and_come_back(tmp_path):
    """A full disk stops its node without failing the run; a corrupt one prevents its boot; "ok" brings both back."""

    async def main():
        async with world_of(tmp_path) as world:
            traffic = Traffic(world)
            await traffic.more()
            await world.disk("n2", "slow", sync_s=0.02)
            await traffic.more()
            await world.disk("n2", "full")
            assert await world.until(lambda: not world.running("n2"), PATIENCE_S)
            await world.restart("n2")
            assert not world.running("n2")
            await world.disk("n2", "ok")
            assert world.running("n2")

            await traffic.more()
            await world.disk("n3", "corrupt")
            await world.crash("n3")
            await world.restart("n3")
            assert not world.running("n3")
            await world.disk("n3", "ok")
            assert world.running("n3")
            await traffic.more()
            assert (await traffic.judged()).valid is True
            assert world.failure is None

    asyncio.run(main())


def test_clocks_are_skewed(tmp_path):
    """A node whose clock runs at a hundredth of the speed resends a hundred times later; a restart does not reset it."""

    async def main():
        async with world_of(tmp_path) as world:
            await world.skew("n1", offset_s=100.0, drift=1.0)
            await world.crash("n1")
            await world.restart("n1")
            traffic = Traffic(world, 1)
            await traffic.more()
            assert world._members["n1"]._clock == {"offset_s": 100.0, "drift": 1.0}

    asyncio.run(main())


def test_what_a_world_lacks_it_names(tmp_path):
    """Direct links cannot be cut and nodes in memory have no disks: Unsupported says so."""

    async def main():
        async with world_of(tmp_path, proxied=False, durable=False, threaded=True, loop="asyncio") as world:
            traffic = Traffic(world, 1)
            await traffic.more()
            with pytest.raises(Unsupported, match="direct links: it cannot cut them"):
                await world.cut([("n1", "n2")])
            with pytest.raises(Unsupported, match="it has no disks"):
                await world.disk("n1", "full")
            assert not (tmp_path / "n1" / "wal").exists()

    asyncio.run(main())


# --- What breaks by itself ---


@pytest.mark.parametrize(
    ("f", "error", "event"), [("boom", "ZeroDivisionError: told to", "deliver Request"), ("die", "status 5", "running")]
)
def test_a_node_that_breaks_is_a_finding(tmp_path, f, error, event):
    """A handler that raises, or a process that dies, is reported with its node, event and text; waiting ends at once."""

    async def main():
        async with world_of(tmp_path) as world:
            traffic = Traffic(world, 1)
            await traffic.more(1)
            traffic.clients[0].ask(Op(f), "n2")
            assert await world.sleep_until(world.now + PATIENCE_S) is False
            failure = world.failure
            assert failure.node == "n2"
            assert error in failure.error
            assert failure.event.startswith(event)
            if f == "boom":
                assert "in _on_request" in failure.text
            async with asyncio.timeout(PATIENCE_S):
                while world.running("n2"):
                    await asyncio.sleep(0.01)

    asyncio.run(main())


def test_a_client_that_raises_is_a_finding(tmp_path):
    """A bug in a client core is a failure of the run, not of the tool."""

    class Broken:
        def __init__(self, out):
            pass

        def on_start(self):
            raise KeyError("oops")

    async def main():
        async with world_of(tmp_path) as world:
            world.add_client("c1", Broken)
            assert world.failure.node == "c1"
            assert world.failure.error == "KeyError('oops')"

    asyncio.run(main())


# --- Starts that fail ---


def children():
    """The process ids of this process's children."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread may end between the listing and the reading
            found.update(int(pid) for pid in (task / "children").read_text().split())
    return found


@pytest.mark.parametrize(
    ("boot", "error"), [("raise", r"n3 failed at start: ValueError: told to fail at boot"), ("exit", "n3 ended with status 7")]
)
def test_a_failed_start_leaves_nothing(tmp_path, boot, error):
    """If one node fails to boot the start fails with its reason, and no other node is left."""

    async def main():
        before = children()
        with pytest.raises(StartFailed, match=error):
            async with world_of(tmp_path, options=live_toys.Options(boot=boot)):
                pytest.fail("must not start")
        assert children() <= before

    asyncio.run(main())


def test_a_node_that_hangs_at_boot_is_given_up(tmp_path, monkeypatch):
    """A start has an end: a node that does not serve in time fails it, and is killed."""

    async def main():
        monkeypatch.setattr("windtunnel.live.member.READY_S", 3.0)
        before = children()
        with pytest.raises(StartFailed, match=r"did not serve within 3 s"):
            await world_of(tmp_path, options=live_toys.Options(boot="hang")).start()
        assert children() <= before

    asyncio.run(main())


def test_a_taken_port_is_tried_again_and_then_said(tmp_path, monkeypatch):
    """One start on other ports; if that fails too, an error that names both."""

    async def main():
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
            for each in sockets:
                each.bind(("127.0.0.1", 0))
                each.listen()
            taken = [each.getsockname()[1] for each in sockets]
            choices = [[taken[0], *free_ports(2)], free_ports(3)]
            monkeypatch.setattr(cluster, "free_ports", lambda *_args, **_more: choices.pop(0))
            async with world_of(tmp_path) as world:
                assert world.running("n1")
            assert choices == []
            choices += [[taken[0], *free_ports(2)], [*free_ports(2), taken[1]]]
            with pytest.raises(StartFailed, match=rf"port {taken[0]} .* in a second attempt port {taken[1]}"):
                await world_of(tmp_path).start()

    asyncio.run(main())


def test_wrong_input_is_said_before_anything_runs_on(tmp_path):
    """A loader that does not exist, a directory that cannot be written, records of somebody else: one clear error each."""

    async def main():
        with pytest.raises(UsageError, match="expected a loader like"):
            await LiveWorld(live_toys.TOY, loader="live_toys:lose", directory=tmp_path, seed=1).start()
        (tmp_path / "file").write_text("")
        with pytest.raises(StartFailed, match=r"cannot write .*: Not a directory"):
            await world_of(tmp_path / "file").start()
        (tmp_path / "n2").mkdir(exist_ok=True)
        (tmp_path / "n2" / "wal").write_text("these are somebody's notes")
        with pytest.raises(StorageError, match=r"n2/wal: not a log of this release"):
            await world_of(tmp_path).start()

    asyncio.run(main())


# --- Ends of the tool ---

TOOL = """
import asyncio, sys
from pathlib import Path
import live_toys
from windtunnel.live.cluster import LiveWorld

async def main():
    async with LiveWorld(live_toys.TOY, loader="live_toys:find", directory=Path(sys.argv[1]), seed=7) as world:
        await world.pause("n2")
        ports = [port for _host, port in [*world._addresses.values(), *world._links.values()]]
        print(*(world.pid(node) for node in world.nodes), "|", *ports, flush=True)
        if sys.argv[2] == "raise":
            raise ZeroDivisionError
        await asyncio.sleep(3600)

asyncio.run(main())
"""


@pytest.mark.parametrize(("end", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, -2), (signal.SIGTERM, -15), ("raise", 1)])
def test_nothing_outlives_the_tool(tmp_path, end, status):
    """However the tool ends, its nodes end with it, a paused one too, and no port stays open."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    how = "raise" if end == "raise" else "wait"
    command = [sys.executable, "-c", TOOL, str(tmp_path), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True) as tool:
        pids, _, ports = tool.stdout.readline().partition("|")
        assert pids, "the tool started its nodes"
        if end != "raise":
            tool.send_signal(end)
        assert tool.wait(PATIENCE_S) in {status, 1 if end == signal.SIGINT else status}
    asyncio.run(nothing_left([int(pid) for pid in pids.split()], [int(port) for port in ports.split()]))


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_a_tool_that_ends_while_it_starts(tmp_path, end):
    """Killed or interrupted while its nodes still load their code, the tool leaves none of them."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    command = [sys.executable, "-c", TOOL, str(tmp_path), "wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True) as tool:
        born = []
        deadline = time.monotonic() + PATIENCE_S
        while len(born) < 2:
            assert time.monotonic() < deadline, "the tool starts its nodes"
            born = tree(tool.pid)[1:]
        tool.send_signal(end)
        tool.wait(PATIENCE_S)
    asyncio.run(nothing_left(born, []))
    wait_for_no(str(tmp_path))


def wait_for_no(word):
    """Wait until no process has `word` among its arguments."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = [path.parent.name for path in Path("/proc").glob("[0-9]*/cmdline") if names(path, word)]
        if not found:
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def names(path, word):
    """Whether that command line contains the word."""
    try:
        return word.encode() in path.read_bytes()
    except OSError:
        return False


def test_member_knows_when_it_is_up(tmp_path):
    """A member that was never booted is not up, and killing it is no error."""

    async def main():
        member = Member("n1", tmp_path, failed=lambda *_args: None, now=lambda: 0.0)
        assert not member.up
        await member.kill()
        assert member.pid is None

    asyncio.run(main())
