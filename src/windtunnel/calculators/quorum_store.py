"""A small store of N replicas on the simulator's kernel: a writer, a reader, messages with delays. It knows no formula.

Each trial writes a new version to all replicas, waits for W acknowledgements, waits on, asks all replicas, and takes the newest
version of the first R answers. Delays are those of the simulated network's links.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from windtunnel.quant.agreement import Row, within
from windtunnel.quant.calculator import Evidence, Values
from windtunnel.quant.catalogue.staleness import TRIALS as DRAWS
from windtunnel.quant.intervals import CONFIDENCE, normal_quantile, share_interval
from windtunnel.quant.result import Result
from windtunnel.sim.kernel import Kernel

TRIALS = 8000
QUIET = 60.0  # mean delays between two trials: what is still on its way has then arrived


class Replica:
    """Keeps the newest version that it was sent."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self.version = 0

    def on_message(self, src: str, message: tuple[str, int]) -> None:
        """A write is stored and acknowledged; a read is answered with the version."""
        kind, number = message
        if kind == "write":
            self.version = max(self.version, number)
            self._out.send(src, ("ack", number))
        else:
            self._out.send(src, ("response", number, self.version))


@dataclass(slots=True)
class Coordinator:
    """Writes and reads, one trial after the other. The writer and the reader are two of these: each has links of its own."""

    kernel: Any
    out: Any
    replicas: list[str]
    needed: int
    done: Any
    number: int = 0
    began: float = 0.0
    answers: int = 0
    newest: int = 0
    took_s: list[float] = field(default_factory=list)

    def ask(self, kind: str, number: int) -> None:
        """Send to all replicas; `done` is called with the needed answer."""
        self.number, self.began, self.answers, self.newest = number, self.kernel.now, 0, 0
        for replica in self.replicas:
            self.out.send(replica, (kind, number))

    def on_message(self, _src: str, message: tuple[Any, ...]) -> None:
        """One answer; those of earlier trials, and those beyond the quorum, are forgotten."""
        if message[1] != self.number or self.answers >= self.needed:
            return
        self.answers += 1
        self.newest = max(self.newest, message[2] if message[0] == "response" else 0)
        if self.answers == self.needed:
            self.took_s.append(self.kernel.now - self.began)
            self.done()


def run(values: Values, *, trials: int, seed: int) -> tuple[int, list[float], list[float]]:
    """(stale reads, write latencies, read latencies) of `trials` writes, each followed by a read."""
    kernel = Kernel(seed)
    names = [f"replica{i}" for i in range(values["replicas"])]
    ports = {name: kernel.add_node(name) for name in ("writer", "reader", *names)}
    for name in names:
        ports[name].bind(Replica(ports[name]))
        kernel.links.latency("exponential", 0.0, values["write-delay"], src="writer", dst=name)
        kernel.links.latency("exponential", 0.0, values["ack-delay"], src=name, dst="writer")
        kernel.links.latency("exponential", 0.0, values["read-delay"], src="reader", dst=name)
        kernel.links.latency("exponential", 0.0, values["response-delay"], src=name, dst="reader")
    pause_s = QUIET * sum(values[name] for name in ("write-delay", "ack-delay", "read-delay", "response-delay"))
    stale = 0
    left = trials

    def written() -> None:
        kernel.call_later(values["after"], lambda: reader.ask("read", writer.number))

    def answered() -> None:
        nonlocal stale, left
        stale += reader.newest < writer.number
        left -= 1
        if left:
            kernel.call_later(pause_s, begin)

    def begin() -> None:
        writer.ask("write", writer.number + 1)

    writer = Coordinator(kernel, ports["writer"], names, values["writes"], written)
    reader = Coordinator(kernel, ports["reader"], names, values["reads"], answered)
    ports["writer"].bind(writer)
    ports["reader"].bind(reader)
    kernel.call_soon(begin)
    kernel.run()
    return stale, sorted(writer.took_s), sorted(reader.took_s)


def staleness(values: Values, result: Result, seed: int, length: float) -> Evidence:
    """The store against the WARS draws; both have noise, and the interval has both."""
    trials = int(TRIALS * length)
    stale, writes, reads = run(values, trials=trials, seed=seed)
    share, low, high = share_interval(stale, trials)
    value = result.number("p-stale")
    _own, own_low, own_high = share_interval(value * DRAWS, DRAWS)
    overlap = values["reads"] + values["writes"] > values["replicas"]
    half = 0.0 if overlap else max(high - share, share - low) + max(own_high - value, value - own_low)
    rows = [within("p-stale", value, share, half, unit="fraction", width_max=0.5)]
    if rows[0].agrees is None and half < 0.005:
        rows = [
            Row(
                output="p-stale",
                formula=value,
                observed=share,
                low=low,
                high=high,
                agrees=True,
                unit="fraction",
                why="both below 0.5 %",
            )
        ]
    for name, times in (("write", writes), ("read", reads)):
        for label, p in (("p50", 0.5), ("p99", 0.99)):
            spread = normal_quantile(CONFIDENCE) * sqrt(trials * p * (1 - p) * (1 + trials / DRAWS))
            ends = [times[max(0, min(trials - 1, round(trials * p + sign * spread)))] for sign in (-1, 1)]
            formula = result.number(f"{name}-{label}")
            agrees = ends[0] <= formula <= ends[1]
            observed = times[int(trials * p)]
            rows.append(
                Row(
                    output=f"{name}-{label}",
                    formula=formula,
                    observed=observed,
                    low=ends[0],
                    high=ends[1],
                    agrees=agrees,
                    unit="s",
                )
            )
    store = f"A store of {values['replicas']} replicas on the simulated network"
    how = f"{store}: {trials} writes, each followed by a read; intervals of {CONFIDENCE:.1%}."
    return rows, how
