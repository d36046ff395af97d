"""The oracle of the commit's cost: the system two-phase-commit on the simulator's kernel, its messages counted."""

from __future__ import annotations

from typing import Any

from windtunnel.base.interface import Op, Reply, Request
from windtunnel.base.system import Setup
from windtunnel.quant.agreement import exact
from windtunnel.quant.calculator import Evidence, Values
from windtunnel.quant.result import Result
from windtunnel.sim.disk import SimDisk
from windtunnel.sim.kernel import Kernel
from windtunnel.systems.commit.two_phase_commit import SYSTEM, Options

TRIALS = 50
CLIENT_MESSAGES = 2  # the request and its answer


class Client:
    """Asks for one transaction after the other."""

    def __init__(self, kernel: Any, out: Any, trials: int) -> None:
        self._kernel = kernel
        self._out = out
        self._left = trials
        self._began = 0.0
        self.took_s: list[float] = []

    def ask(self) -> None:
        """Start the next transaction."""
        self._left -= 1
        self._began = self._kernel.now
        self._out.send("tm", Request("client", len(self.took_s) + 1, Op("txn", value="yes")))

    def on_message(self, _src: str, message: Reply) -> None:
        """The answer."""
        assert message.status == "ok", "everybody is willing"
        self.took_s.append(self._kernel.now - self._began)
        if self._left:
            self._kernel.call_later(10.0 * (self.took_s[-1] + 0.001), self.ask)


def two_phase_commit(values: Values, result: Result, seed: int, length: float) -> Evidence:
    """Messages and latency of quiet transactions."""
    _ = length
    kernel = Kernel(seed)
    kernel.links.latency("constant", values["rtt"] / 2)
    names = SYSTEM.nodes(values["participants"] + 1)
    patient = Options(vote_timeout_s=1e9, doubt_s=1e9)
    cores = []
    for name in names:
        port = kernel.add_node(name)
        port.disk = SimDisk(kernel.stream(f"disk {name}"), (values["sync"], values["sync"]))
        setup = Setup(me=name, nodes=names, out=port, safeguards=SYSTEM.safeguards(), options=patient)
        port.bind(SYSTEM.build(setup))
        cores.append(port.core)
    port = kernel.add_node("client")
    client = Client(kernel, port, TRIALS)
    port.bind(client)
    kernel.links.latency("constant", 0.0, src="client", dst="tm")
    kernel.links.latency("constant", 0.0, src="tm", dst="client")
    for core in cores:
        core.on_start()
    kernel.call_soon(client.ask)
    kernel.run(1e8)
    messages = kernel.sent / TRIALS - CLIENT_MESSAGES
    latency = sum(client.took_s) / len(client.took_s)
    rows = [
        exact("messages", result.number("messages"), messages, by="simulation"),
        exact("latency", result.number("latency"), latency, by="simulation", unit="s", tolerance=1e-6),
    ]
    return (
        rows,
        f"The system two-phase-commit of the catalogue, {TRIALS} transactions on a network of constant delay; messages counted.",
    )
