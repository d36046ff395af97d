"""Both kernels must be one program: the same dispatches, fingerprints and counts for any program and any fault."""

import asyncio
import contextvars
import importlib
import importlib.util

import pytest

from windtunnel.base.streams import Stream
from windtunnel.sim import pure
from windtunnel.sim.life import LIFE, Life
from windtunnel.sim.links import KINDS
from windtunnel.sim.loop import SimLoop

if importlib.util.find_spec("windtunnel.sim._kernel") is None:
    pytest.skip("the compiled kernel was not built", allow_module_level=True)
compiled = importlib.import_module("windtunnel.sim._kernel")

SEEDS = range(60)
NAMES = ["a", "b", "c", "d", "e"]
TIMERS = [f"t{i}" for i in range(12)]  # more than a port keeps in its small table
VERBS = (  # noqa: SIM905
    "crash restart pause resume clock cpu cut hold heal weather latency bandwidth fifo cancel stop burst join poke packet mix"
).split()
DELAYS = [0.0, 0.25, 0.5, 1.0, 1.5, (0.5, 1.5), (0.0, 0.0), 3.0]


class Disk:
    """A disk with drawn sync times, zero included."""

    def __init__(self, stream, log):
        self.stream = stream
        self.log = log

    def append(self, record):
        self.log.append(("append", record))

    def replace(self, records):
        self.log.append(("replace", len(records)))

    def begin_sync(self):
        self.log.append("begin")
        return self.stream.choice([0.0, 0.25, 0.5, 0.125 + self.stream.random()])

    def end_sync(self):
        self.log.append("end")


class Node:
    """A core that does a few drawn things at each event. Its draws come from a stream of its own life."""

    def __init__(self, program, port):
        self.program = program
        self.out = port
        self.draws = Stream(program.seed, f"life/{port.name}/{port.incarnation}")

    def on_start(self):
        self.out.set_timer("t0", 0.5)
        self.act("start")

    def on_timer(self, name):
        if name == "t0":
            self.out.set_timer("t0", (0.25, 1.0))
        self.act(("timer", name))

    def on_message(self, src, message):
        self.act((src, message))

    def act(self, why):
        draws, out, log = self.draws, self.out, self.program.log
        log.append((self.program.kernel.now, out.name, why, out.clock()))
        for _ in range(draws.below(4)):
            what = draws.below(12)
            if what <= 4:
                out.send(draws.choice([*NAMES, "client", "nobody"]), draws.below(1000))
            elif what <= 6:
                out.set_timer(draws.choice(TIMERS), draws.choice(DELAYS))
            elif what == 7:
                out.cancel_timer(draws.choice(TIMERS))
            elif what == 8:
                out.persist(draws.below(1000))
            elif what == 9:
                out.checkpoint([1, 2, 3])
            elif what == 10:
                self.program.kernel.mix(draws.below(1 << 53) << 11)
                out.apply(draws.below(10), "command")
                out.reply("client", draws.below(1000))
            else:
                log.append(out.random())
        if draws.chance(0.01):
            raise RuntimeError(why)


class Program:
    """A random cluster under random faults, wholly determined by its seed."""

    def __init__(self, module, seed, *, traced):
        self.seed = seed
        self.log = []
        self.draws = draws = Stream(seed, "program")
        policy = draws.choice(["fifo", "random", "pct"])
        self.kernel = kernel = module.Kernel(seed, policy=policy, depth=1 + draws.below(5), index=draws.choice([0, 1, 7, 64]))
        kernel.on_heal.append(lambda: self.log.append((kernel.now, "mended")))
        kernel.after_event = lambda node: self.log.append(("after", node, kernel.events))
        if traced:
            kernel.tracer = self
        if draws.chance(0.5):
            kernel.links.latency("constant", 0.5)
        self.ports = []
        for name in [*NAMES, "client"]:
            port = kernel.add_node(name)
            port.observer = self
            if draws.chance(0.8):
                port.disk = Disk(Stream(seed, f"disk/{name}"), self.log)
            self.ports.append(port)
        for port in self.ports:
            self.start(port)
        for _ in range(60):
            kernel.call_at(draws.random() * 20.0, self.fault)
        self.handles = [kernel.call_later(draws.random() * 20.0, self.log.append, i) for i in range(20)]

    def start(self, port):
        node = Node(self, port)
        port.bind(node)
        try:
            node.on_start()
        except RuntimeError:
            port.unbind()

    def fault(self):
        draws, links, kernel = self.draws, self.kernel.links, self.kernel
        port = draws.choice(self.ports)
        src, dst = draws.choice(NAMES), draws.choice(NAMES)
        ends = draws.choice([{}, {"src": src}, {"dst": dst}, {"src": src, "dst": dst}])
        verb = draws.choice(VERBS)
        self.log.append((kernel.now, verb, port.name, port.pending()))
        if verb == "crash" and port.up:
            port.unbind()
        elif verb == "restart" and not port.up:
            self.start(port)
        elif verb == "pause":
            port.pause()
        elif verb == "resume":
            port.resume()
        elif verb == "clock":
            port.set_clock(draws.uniform(-1.0, 1.0), draws.uniform(0.5, 2.0))
        elif verb == "cpu":
            port.set_cpu(1 + draws.below(3), draws.choice([0.0, 0.125, 0.3]))
        elif verb in ("cut", "hold"):
            links.cut(src, dst, hold=verb == "hold")
        elif verb == "heal":
            links.heal(**ends)
        elif verb == "weather":
            links.weather(drop=draws.random() * 0.3, duplicate=draws.random() * 0.3, slow_s=draws.choice([0.0, 0.5]), **ends)
        elif verb == "latency":
            links.latency(draws.choice(KINDS), 0.25, draws.choice([0.25, 0.5]), **ends)
        elif verb == "bandwidth":
            links.bandwidth(draws.choice([0.0, 800.0]), **ends)
        elif verb == "fifo":
            links.fifo(draws.chance(0.5), **ends)
        elif verb == "cancel":
            draws.choice(self.handles).cancel()
            kernel.call_at(kernel.now + draws.random() - 0.2, self.log.append, draws.random())
        elif verb == "stop":
            kernel.stop()
        elif verb == "poke":
            port.set_timer(draws.choice(TIMERS), draws.choice(DELAYS))
            port.cancel_timer(draws.choice(TIMERS))
        elif verb == "burst":
            for i in range(5):
                port.send(dst, i)
                port.set_timer("t3", 0.5)
        elif verb == "packet":
            for size in (40, 1500):
                packet = kernel.carry(port, kernel.port(dst), size), kernel.datagram(port, kernel.port(dst), size)
                self.log.append((kernel.now, packet, port.monotonic()))
            context = contextvars.copy_context()
            context.run(LIFE.set, draws.choice([None, Life(port)]))
            kernel.task_true(kernel.now + draws.random() - 0.2, self.log.append, "packet", context=context)
        elif verb == "mix":
            kernel.mix((1 << 64) - 1 - draws.below(1000))
            self.log.append((kernel.now, kernel.fingerprint))
            kernel.mix(draws.below(2))
        elif verb == "join" and kernel.port(f"late{len(self.ports)}") is None:
            late = kernel.add_node(f"late{len(self.ports)}")
            self.ports.append(late)
            self.start(late)

    def run(self):
        kernel = self.kernel
        ends = [
            (self.go(until, limit), kernel.now, kernel.events, kernel.fingerprint, kernel.current)
            for until in (5.0, 5.0, 7.5, 20.0)
            for limit in (17, 100, 2000)
        ]
        links = kernel.links
        ends.append((kernel.upcoming(), kernel.waiting()))
        ends.append((links.sent, links.delivered, links.dropped, links.duplicated))
        ends.append(kernel.index)
        return ends

    def go(self, until, limit):
        try:
            return self.kernel.run(until, limit)
        except RuntimeError as error:
            return str(error)

    # --- Observer and tracer ---

    def applied(self, node, index, command):
        self.log.append(("applied", node, index))

    def replied(self, node, client, message):
        self.log.append(("replied", node, message))

    def sent(self, *row):
        self.log.append(row)

    def dispatched(self, *row):
        self.log.append(row)

    def stepped(self, seq, t, host, handle):
        self.log.append((t, seq, host, "stepped", handle.when()))


@pytest.mark.parametrize("seed", SEEDS)
def test_random_programs_run_alike(seed):
    """Same dispatches, clocks, draws, ends, counts, fingerprints; time never goes back. Every second seed is traced."""
    ours, oracle = (Program(module, seed, traced=seed % 2 == 0) for module in (compiled, pure))
    assert ours.run() == oracle.run()
    assert ours.log == oracle.log
    assert len(oracle.log) > 100
    times = [row[0] for row in oracle.log if isinstance(row, tuple) and isinstance(row[0], float)]
    assert times == sorted(times), "the clock went back"


def test_the_programs_reach_what_they_are_meant_to_reach():
    """Vacuity: over the seeds, every kind of event, loss, hold, repetition and policy occurs."""
    seen = set()
    for seed in SEEDS:
        program = Program(pure, seed, traced=True)
        program.run()
        seen.add(program.kernel.policy)
        seen.update(row[2] for row in program.log if isinstance(row, tuple) and len(row) == 7)
        seen.update("held" for row in program.log if isinstance(row, tuple) and row[-1] == float("inf"))
        seen.update("repeated" for _ in range(program.kernel.links.duplicated))
        seen.update(row[3] for row in program.log if isinstance(row, tuple) and len(row) == 5)
        for row in program.log:
            if isinstance(row, tuple) and len(row) == 3 and isinstance(row[1], tuple) and len(row[1]) == 2:
                segment, packet = row[1]
                seen.add("parked" if segment == -1.0 else "carried")
                seen.add(packet if packet is None else f"{len(packet)} packets")
    wanted = {"fifo", "random", "pct", "deliver", "timer", "synced", "lost-at-node", "held", "repeated", "stepped"}
    wanted |= {"parked", "carried", None, "0 packets", "1 packets", "2 packets"}
    assert wanted <= seen


def test_long_runs_draw_alike():
    """A hundred thousand messages: the generators agree beyond one block of words, and so does the fingerprint."""

    class Ping:
        def __init__(self, port):
            self.out = port

        def on_timer(self, name):
            """Never armed."""

        def on_message(self, src, message):
            self.out.send(src, message)

    prints = []
    for module in (compiled, pure):
        kernel = module.Kernel(5)
        kernel.links.latency("lognormal", 0.01, 0.5)
        ports = [kernel.add_node(name) for name in NAMES]
        for i, port in enumerate(ports):
            port.bind(Ping(port))
            port.send(NAMES[i - 1], "m")
        kernel.run(max_events=100_000)
        prints.append((kernel.now, kernel.fingerprint))
    assert prints[0] == prints[1]


@pytest.mark.parametrize("policy", ["fifo", "random", "pct"])
@pytest.mark.parametrize("seed", range(5))
def test_asyncio_programs_run_alike(policy, seed):
    """Tasks, queues and sleeps of the world and of a host that is paused, skewed and killed: same log, same fingerprint."""
    runs = []
    for module in (compiled, pure):
        loop = SimLoop(module.Kernel(seed, policy=policy))
        kernel, log = loop.kernel, []
        port = kernel.add_node("a")
        port.bind(object())
        life = Life(port)
        context = contextvars.copy_context()
        context.run(LIFE.set, life)
        draws = kernel.stream("test")

        async def worker(queue, i, kernel=kernel, log=log, draws=draws):
            while True:
                item = await queue.get()
                await asyncio.sleep(draws.random() * 0.01)
                log.append((i, item, kernel.now, asyncio.get_running_loop().time()))
                if item > 150:
                    return
                queue.put_nowait(item + i)

        async def main(worker=worker):
            queue = asyncio.Queue()
            for i in range(8):
                queue.put_nowait(i)
            await asyncio.gather(*(worker(queue, i) for i in range(1, 9)))

        loop.create_task(main(), context=context)
        loop.create_task(main())
        kernel.call_at(0.02, port.pause)
        kernel.call_at(0.03, port.resume)
        kernel.call_at(0.05, port.set_clock, 1.0, 1.5)
        kernel.call_at(0.08, setattr, life, "alive", False)
        kernel.run(0.1)
        runs.append((log, kernel.events, kernel.now, kernel.fingerprint, kernel.upcoming()))
        loop.close()
    assert runs[0] == runs[1]
    assert len(runs[0][0]) > 50


def test_a_kernel_in_a_cycle_is_collected():
    """Whoever holds the kernel and is held by its heap goes with it: the collector sees into the C heap."""
    import gc
    import weakref

    class World:
        def __init__(self):
            self.kernel = compiled.Kernel(1)
            self.kernel.call_at(1.0, self.act)
            self.kernel.call_at(9.0, self.act)
            self.kernel.run(2.0)

        def act(self):
            """Keeps the world in the heap."""

    world = weakref.ref(World())
    gc.collect()
    assert world() is None
