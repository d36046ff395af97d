"""Random programs under random faults: both kernels run them alike, and no stream ever shows bytes that were not sent."""

import asyncio
import importlib
import importlib.util

import pytest
from two_machines import COMPILED, Machines

from windtunnel.base.streams import Stream
from windtunnel.sim import pure

if importlib.util.find_spec(COMPILED) is None:
    pytest.skip("the compiled kernel was not built", allow_module_level=True)
compiled = importlib.import_module(COMPILED)

SEEDS = range(16)
VERBS = "crash start kill pause resume cut hold oneway heal weather calm bandwidth clock latency".split()  # noqa: SIM905


class Talk(asyncio.Protocol):
    """Sends drawn bytes of a known pattern; checks that what comes is a prefix of its peer's pattern."""

    def __init__(self, program, name, draws):
        self.program = program
        self.name = name
        self.draws = draws
        self.sent = self.got = 0
        self.paused = False

    def note(self, *what):
        self.program.log.append((self.program.net.now, self.name, *what))

    def connection_made(self, transport):
        self.transport = transport
        self.note("made")
        self.act()

    def act(self):
        draws = self.draws
        if self.transport.is_closing():
            return
        what = draws.below(20)
        if what < 12 and not self.paused and not getattr(self, "ended", False):
            size = draws.choice([1, 100, 5_000, 90_000, 200_000])
            self.transport.write(pattern(self.sent, size))
            self.sent += size
        elif what == 12:
            self.transport.pause_reading()
            asyncio.get_running_loop().call_later(draws.random(), self.transport.resume_reading)
        elif what == 13 and draws.chance(0.3):
            self.transport.close()
        elif what == 14 and draws.chance(0.2):
            self.transport.abort()
        elif what == 15 and draws.chance(0.3):
            self.ended = True
            self.transport.write_eof()
        asyncio.get_running_loop().call_later(draws.random() * 0.2, self.act)

    def data_received(self, data):
        assert data == pattern(self.got, len(data)), "bytes out of order"
        self.got += len(data)
        self.note(len(data))
        if self.draws.chance(0.05):
            self.act()

    def eof_received(self):
        self.note("eof")
        return self.draws.chance(0.5)

    def pause_writing(self):
        self.paused = True
        self.note("pause")

    def resume_writing(self):
        self.paused = False
        self.note("resume")

    def connection_lost(self, exc):
        self.note("lost", type(exc).__name__)


def pattern(start, size):
    block = bytes(range(251))
    first = start % 251
    return (block * (size // 251 + 2))[first : first + size]


class Program:
    """Three machines that talk, and a hand that breaks things; wholly determined by its seed."""

    def __init__(self, module, seed):
        self.log = []
        self.draws = Stream(seed, "program")
        self.net = Machines(module, seed, self.draws.choice(["fifo", "fifo", "random", "pct"]))
        self.net.add("c")
        self.count = 0
        self.protocols = []
        for name in "abc":
            self.boot(name)
        for _ in range(40):
            self.net.kernel.call_at(self.draws.random() * 10.0, self.fault)

    def boot(self, name):
        self.net.hosts[name].spawn(self.main(name, self.net.hosts[name].port.incarnation))

    def protocol(self, name):
        self.count += 1
        made = Talk(self, f"{name}{self.count}", Stream(1, f"talk/{self.count}"))
        self.protocols.append(made)
        return made

    async def main(self, name, incarnation):
        draws = Stream(1, f"main/{name}/{incarnation}")
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: self.protocol(name), port=80)
        while True:
            await asyncio.sleep(draws.random() * 2.0)
            peer = draws.choice("abc")
            try:
                async with asyncio.timeout(draws.choice([0.5, 5.0, 50.0])):
                    await loop.create_connection(lambda: self.protocol(name), peer, draws.choice([80, 80, 80, 81]))
            except OSError as error:
                self.log.append((self.net.now, name, type(error).__name__))

    def fault(self):
        draws, net = self.draws, self.net
        host = net.hosts[draws.choice("abc")]
        other = draws.choice("abc")
        verb = draws.choice(VERBS)
        self.log.append((net.now, verb, host.name, other))
        if verb == "crash" and host.up:
            host.crash()
        elif verb == "start" and host.life is None:
            host.start()
            self.boot(host.name)
        elif verb == "kill" and host.life is not None:
            host.kill()
        elif verb in ("pause", "resume"):
            getattr(host.port, verb)()
        elif verb in ("cut", "hold") and other != host.name:
            net.links.cut(host.name, other, hold=verb == "hold")
            net.links.cut(other, host.name, hold=verb == "hold")
        elif verb == "oneway" and other != host.name:
            net.links.cut(host.name, other)
        elif verb == "heal":
            net.links.heal()
        elif verb == "weather":
            net.links.weather(drop=draws.random() * 0.3, slow_s=draws.choice([0.0, 0.5]))
        elif verb == "calm":
            net.links.weather()
        elif verb == "bandwidth":
            net.links.bandwidth(draws.choice([0.0, 1e6]))
        elif verb == "clock":
            host.port.set_clock(draws.random() - 0.5, 0.5 + draws.random())
        elif verb == "latency":
            net.links.latency(draws.choice(["constant", "uniform", "exponential"]), 0.001, 0.05)

    def run(self):
        net = self.net
        ends = [(net.kernel.run(until), net.kernel.events, net.kernel.fingerprint) for until in (5.0, 10.0)]
        net.links.weather()
        net.links.heal()
        ends.append((net.kernel.run(30.0), net.kernel.events, net.kernel.fingerprint, net.kernel.upcoming()))
        connections = [[str(end) for end in host.interface.open_connections()] for host in net.hosts.values()]
        for host in net.hosts.values():
            if host.up:
                host.crash()
        net.loop.close()
        return ends, connections, net.rows


@pytest.mark.parametrize("seed", SEEDS)
def test_random_network_programs_run_alike(seed):
    """Same log, same events of the network, same fingerprint; and every byte in its place."""
    ours, oracle = Program(compiled, seed), Program(pure, seed)
    assert ours.run() == oracle.run()
    assert ours.log == oracle.log
    assert len(oracle.log) > 50


def test_the_random_programs_reach_what_they_are_meant_to():
    """Vacuity: over the seeds every kind of event of the network occurs, and streams pause, resume, end and break."""
    kinds, seen = set(), set()
    for seed in SEEDS:
        program = Program(compiled, seed)
        kinds |= {row.kind for row in program.run()[2]}
        seen |= {what for row in program.log for what in row[2:]}
    assert kinds >= {"connected", "accepted", "refused", "reset", "parked", "no answer"}
    assert seen >= {
        "eof",
        "pause",
        "resume",
        "lost",
        "ConnectionResetError",
        "NoneType",
        "TimeoutError",
        "ConnectionRefusedError",
    }
