"""Latency of a request as text: `2ms + all(shard: exp(5ms), exp(8ms)) + hedge(lognormal(4ms, 60ms), 10ms)`.

graph = item ("+" item)*              one after the other
item  = [label ":"] [N "*"] step      N times one after the other
step  = 50ms | const(t) | exp(mean) | uniform(low, high) | lognormal(median, p99)
| mmc(rate, service time, servers)     response time of a queue
| fiber(km)                            there and back in glass, 200,000 km/s
| all(graph, ...)                      waits for the slowest
| any(graph, ...)                      takes the fastest
| fanout(N, graph)                     all() of N alike ones
| hedge(graph, after)                  a second try after that time, the faster one counts
| (graph)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from windtunnel.quant.errors import QuantError
from windtunnel.quant.units import parse

FIBER_KM_PER_S = 200_000.0
"""Light in glass: c over a refractive index of about 1.47, rounded down."""
LEAVES = {"const": 1, "exp": 1, "uniform": 2, "lognormal": 2, "mmc": 3, "fiber": 1}
NODES = ("all", "any", "fanout", "hedge")
TIMES_MAX = 10_000
DEPTH_MAX = 50
STEPS_MAX = 20_000
_NUMBER = re.compile(r"\s*(\d+)\s*\*")
_LABEL = re.compile(r"\s*([A-Za-z][\w.-]*)\s*:")
_CALL = re.compile(r"\s*([a-z]+)\s*\(")
_VALUE = re.compile(r"\s*([^\s,()+*|][^,()+]*)")


@dataclass(frozen=True, slots=True)
class Step:
    """One step. kind: a leaf of `LEAVES`, "sum", or a node of `NODES`. numbers: seconds, rates, counts, as the kind says."""

    kind: str
    numbers: tuple[float, ...] = ()
    steps: tuple[Step, ...] = ()
    times: int = 1
    label: str = field(default="", compare=False)


def read_graph(text: str) -> Step:
    """The graph of a text. Raises QuantError that shows where it stopped making sense."""
    reader = _Reader(text)
    step = reader.graph()
    if text[reader.at :].strip():
        raise reader.fail("+ or the end")
    if steps_of(step) > STEPS_MAX:
        raise QuantError(f"graph: expected at most {STEPS_MAX} steps in a request; got {steps_of(step)}")
    return step


def steps_of(step: Step) -> int:
    """How many single steps a request makes."""
    inside = sum(steps_of(each) for each in step.steps) or 1
    return step.times * inside * (int(step.numbers[0]) if step.kind == "fanout" else 2 if step.kind == "hedge" else 1)


def hops_of(step: Step) -> tuple[Step, ...]:
    """The steps that follow each other at the top."""
    return step.steps if step.kind == "sum" and step.times == 1 else (step,)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0
        self._depth = 0

    def fail(self, expected: str) -> QuantError:
        rest = self._text[self.at :].strip()
        came = f"{rest[:20]!r} at position {self.at + 1}" if rest else "the end of the text"
        example = "2ms + all(exp(5ms), exp(8ms)) + 3*0.5ms"
        return QuantError(f'graph: expected {expected}; got {came} in {self._text!r}; an example: "{example}"')

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._text, self.at)
        if match:
            self.at = match.end()
        return match

    def _take(self, sign: str) -> bool:
        rest = self._text[self.at :]
        if not rest.lstrip().startswith(sign):
            return False
        self.at += len(rest) - len(rest.lstrip()) + len(sign)
        return True

    def _must(self, sign: str) -> None:
        if not self._take(sign):
            raise self.fail(sign)

    def graph(self) -> Step:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self.fail(f"at most {DEPTH_MAX} parentheses within each other")
        steps = [self._item()]
        while self._take("+"):
            steps.append(self._item())
        self._depth -= 1
        return steps[0] if len(steps) == 1 else Step("sum", steps=tuple(steps))

    def _item(self) -> Step:
        began = self.at
        label = self._match(_LABEL)
        times = self._match(_NUMBER)
        count = int(times[1]) if times else 1
        if not 1 <= count <= TIMES_MAX:
            raise self.fail(f"1 to {TIMES_MAX} times before this")
        step = self._step()
        name = label[1] if label else self._text[began : self.at].strip()
        return Step(step.kind, step.numbers, step.steps, step.times * count, name)

    def _step(self) -> Step:
        if self._take("("):
            inside = self.graph()
            self._must(")")
            return inside
        call = self._match(_CALL)
        if call is None:
            value = self._match(_VALUE)
            if value is None:
                raise self.fail("a time or a step such as exp(5ms)")
            return Step("const", (self._quantity(value[1], "s"),))
        kind = call[1]
        if kind in LEAVES:
            return self._leaf(kind)
        if kind not in NODES:
            self.at -= len(call[0])
            raise self.fail(f"a step ({', '.join((*LEAVES, *NODES))})")
        return self._node(kind)

    def _leaf(self, kind: str) -> Step:
        units = {"mmc": ("1/s", "s", ""), "fiber": ("km",)}.get(kind, ("s",) * LEAVES[kind])
        numbers = []
        for place, unit in enumerate(units):
            if place:
                self._must(",")
            value = self._match(_VALUE)
            if value is None:
                raise self.fail(f"{len(units)} values in {kind}(...)")
            numbers.append(self._quantity(value[1], unit))
        self._must(")")
        self._check(kind, numbers)
        return Step(kind, tuple(numbers))

    def _check(self, kind: str, numbers: list[float]) -> None:
        if kind == "uniform" and numbers[0] > numbers[1]:
            raise self.fail("uniform(low, high) with low <= high before this")
        if kind == "lognormal" and not 0.0 < numbers[0] < numbers[1]:
            raise self.fail("lognormal(median, p99) with 0 < median < p99 before this")
        if kind == "exp" and numbers[0] <= 0.0:
            raise self.fail("exp(mean) with a mean above 0 before this")
        if kind == "mmc" and (min(numbers) <= 0.0 or numbers[2] != int(numbers[2])):
            raise self.fail("mmc(rate, service time, whole servers), all above 0, before this")

    def _node(self, kind: str) -> Step:
        if kind == "fanout":
            value = self._match(_VALUE)
            if value is None or not value[1].strip().isdigit() or not 1 <= int(value[1]) <= TIMES_MAX:
                raise self.fail(f"fanout(N, graph) with N from 1 to {TIMES_MAX}")
            self._must(",")
            step = Step(kind, (float(value[1]),), (self.graph(),))
        elif kind == "hedge":
            inside = self.graph()
            self._must(",")
            value = self._match(_VALUE)
            if value is None:
                raise self.fail("hedge(graph, after)")
            step = Step(kind, (self._quantity(value[1], "s"),), (inside,))
        else:
            steps = [self.graph()]
            while self._take(","):
                steps.append(self.graph())
            step = Step(kind, steps=tuple(steps))
        self._must(")")
        return step

    def _quantity(self, text: str, unit: str) -> float:
        try:
            value = parse(text, unit)
        except QuantError as error:
            raise QuantError(f"graph: {error}") from None
        if value < 0:
            raise QuantError(f"graph: expected nothing below 0; got {text!r}")
        return value
