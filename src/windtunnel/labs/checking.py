"""What a grader is made of: the module that the `checks.py` of a lab imports.

    from windtunnel.labs.checking import check, expect

    @check("opens after five failures in a row", seeds=20, faults="partition,crash")
    async def opens(world, lab):
        breaker = lab.Breaker(threshold=5)
        ...
        expect(breaker.state == "open", "after five failures in a row the breaker is open", got=breaker.state)

`world` is a `sim.World`: virtual time, hosts, a network, faults. `lab` is the learner's module, imported anew for each run. A
check that needs no world is a plain function of `lab`, and one seed is enough for it. Each check is a campaign of
`testing.check`: seeds in forked children, faults drawn after a quiet run, a failure shrunk to its smallest storm. `always`,
`sometimes` and `eventually` of `windtunnel.sim` may be used as well, and histories with their checkers.

A lab whose subject is a protocol core is graded by scenarios instead: see `scenario_check`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from windtunnel.base.errors import UsageError

__all__ = ["Check", "Unmet", "check", "expect", "expect_valid", "scenario_check", "stdio_check"]

SEEDS = 20
LIMIT_S = 600.0
"""Virtual seconds that a check may take unless it says otherwise."""

LINES_SHOWN = 4
"""Lines of a checker's explanation that a message has."""

T = TypeVar("T", bound=Callable[..., Any])


class Unmet(AssertionError):  # noqa: N818 - reads as what happened
    """An expectation of a check was not met."""


def expect(condition: object, what: str, **details: object) -> None:
    """Fail the check unless `condition` is true. what: the fact that should hold, in words for the learner.

    details: what was seen instead, shown as name=value. Raises Unmet.
    """
    if condition:
        return
    seen = ", ".join(f"{name}={_short(value)}" for name, value in details.items())
    raise Unmet(f"expected: {what}; {seen}" if seen else f"expected: {what}")


def expect_valid(verdict: Any) -> None:
    """Fail the check unless a checker's verdict on a history is valid; its explanation is the message. Raises Unmet."""
    if verdict.word != "valid":
        raise Unmet("\n  ".join(verdict.lines()[:LINES_SHOWN]))


def _short(value: object, most: int = 300) -> str:
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - the learner's __repr__
        text = f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"
    return text if len(text) <= most else f"{text[: most - 3]}..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of a lab, as it was declared. kind: how it is run; function: of a world check, the coroutine to run."""

    name: str
    stage: str = ""
    kind: Literal["world", "scenario", "maelstrom"] = "world"
    seeds: int = SEEDS
    faults: str | tuple[str, ...] = ""
    for_s: float | None = None
    policy: str = "fifo"
    limit_s: float = LIMIT_S
    plan: Sequence[dict[str, Any]] | None = None
    function: Callable[..., Any] | None = None
    needs_world: bool = True
    options: dict[str, Any] = field(default_factory=dict)


_declared: list[Check] | None = None  # those of the `checks.py` that is being loaded


@contextmanager
def declaring() -> Iterator[list[Check]]:
    """Within it, checks that are declared are collected. Raises UsageError if two have one name."""
    global _declared  # noqa: PLW0603 - a decorator has nowhere else to put what it saw
    before, _declared = _declared, []
    try:
        yield _declared
        names = [check.name for check in _declared]
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"two checks are called {name!r}")
    finally:
        _declared = before


def stdio_check(
    name: str,
    *,
    stage: str = "",
    seeds: int = 5,
    faults: str | tuple[str, ...] = "",
    for_s: float = 10.0,
    nodes: int = 3,
    latency: tuple[str, float, float] = ("uniform", 0.001, 0.010),
    limit_s: float = LIMIT_S,
) -> Callable[[T], T]:
    """Declare a check of a program that speaks the Maelstrom protocol: `async def f(cluster)`.

    cluster: a `foreign.Cluster` of `nodes` processes of the submission, n0, n1, ...; `await cluster.rpc("n0", {"type": "echo"})`
    asks one. faults: of partition, crash, pause, loss, duplicate, slow; drawn over the first `for_s` virtual seconds.
    """

    def declare(function: T) -> T:
        options = {"nodes": nodes, "latency": latency}
        _declare(
            Check(
                name=name,
                stage=stage,
                kind="maelstrom",
                seeds=seeds,
                faults=faults,
                for_s=for_s,
                limit_s=limit_s,
                function=function,
                options=options,
            )
        )
        return function

    return declare


def _declare(made: Check) -> None:
    if _declared is not None:
        _declared.append(made)


def check(
    name: str,
    *,
    stage: str = "",
    seeds: int | None = None,
    faults: str | tuple[str, ...] = "",
    for_s: float | None = None,
    policy: str = "fifo",
    limit_s: float = LIMIT_S,
    plan: Sequence[dict[str, Any]] | None = None,
) -> Callable[[T], T]:
    """Declare a check. name: the fact that it tests, as the learner reads it. stage: id, "" for a lab without stages.

    The function is `async def f(world, lab)`, `async def f(world)`-less forms are `def f(lab)` and `async def f(lab)`, for which
    seeds is 1 unless said otherwise. seeds: how many, 1 to N. faults: profiles such as "partition,crash:2", aimed at every
    host that the check makes with `world.host`; for_s: virtual seconds over which they are drawn, None for twice a quiet run.
    policy: schedule, "fifo", "random" or "pct". limit_s: virtual seconds. plan: rows of a fault plan of the author's own.
    """

    def declare(function: T) -> T:
        needs_world = "world" in inspect.signature(function).parameters
        count = seeds if seeds is not None else SEEDS if needs_world else 1
        _declare(
            Check(
                name=name,
                stage=stage,
                seeds=count,
                faults=faults,
                for_s=for_s,
                policy=policy,
                limit_s=limit_s,
                plan=plan,
                function=function,
                needs_world=needs_world,
            )
        )
        return function

    return declare


def scenario_check(
    name: str,
    *,
    stage: str = "",
    seeds: int = SEEDS,
    faults: str | tuple[str, ...] = "",
    for_s: float = 20.0,
    broken: tuple[str, ...] = (),
    **choices: Any,
) -> None:
    """Declare a check that runs the learner's System through scenarios, one for each seed, as `windtunnel run` does.

    The submission defines `SYSTEM`, or else `checks.py` defines `system(lab)`, which makes one around the learner's class.

    broken: the properties that this check is about; a run that breaks one of them fails it. Without any, every broken promise
    fails it. It fails too if in no seed a single operation of a client succeeds. choices: fields of `scenarios.Scenario`, such as
    size=5, script="figure-8", without=(...), rate_per_s=20.
    """
    options = {"broken": broken, "choices": choices}
    _declare(Check(name=name, stage=stage, kind="scenario", seeds=seeds, faults=faults, for_s=for_s, options=options))
