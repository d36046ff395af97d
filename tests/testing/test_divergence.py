"""Two runs of one seed that are not the same: noticed, located, explained."""

import asyncio
import ctypes
import os
import random

import pytest

from windtunnel.testing import check
from windtunnel.testing.divergence import compared, differing
from windtunnel.testing.recording import Step
from windtunnel.testing.single import Ask, Row

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

LIBC = ctypes.CDLL(None)
STEP = Step(1, 0.5, "db", "task a (f)", (), 7)


class Connection:
    """Hashed by its address, as objects are."""

    def __init__(self, number):
        self.number = number


async def greet(connection):
    await asyncio.sleep(0.001 * connection.number)


async def greets_a_set(world):
    """Broadcasts to a set of objects: in the order of their addresses."""
    await asyncio.sleep(1.0)
    connections = {Connection(n) for n in range(40)}
    for connection in connections:
        await greet(connection)
    await asyncio.sleep(1.0)


class Nanoseconds(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


def real_nanoseconds():
    """A clock that no hook sees."""
    now = Nanoseconds()
    LIBC.clock_gettime(1, ctypes.byref(now))
    return now.nanoseconds


async def reads_a_real_clock(world):
    """Waits for a time that comes from outside."""
    for _ in range(200):
        await asyncio.sleep(0.01)
    await jitter()


async def jitter():
    await asyncio.sleep(0.001 + real_nanoseconds() / 1e12)
    await asyncio.sleep(0.5)


async def tells_the_time():
    """A server that answers with a clock that no hook sees, in as many bytes each time."""

    async def answer(reader, writer):
        while await reader.readline():
            writer.write(b"%020d\n" % real_nanoseconds())

    async with await asyncio.start_server(answer, port=80) as server:
        await server.serve_forever()


async def asks_for_the_time(world):
    """Does nothing with the answers."""
    world.host("db", main=tells_the_time)
    await asyncio.sleep(1.0)
    async with world.client("client"):
        reader, writer = await asyncio.open_connection("db", 80)
        for _ in range(50):
            writer.write(b"?\n")
            await reader.readline()
        writer.close()


async def is_deterministic(world):
    """Uses randomness and sets as one may."""
    for name in sorted({"a", "b", "c"}):
        await asyncio.sleep(random.random() + len(name))


def test_a_real_clock_is_found_in_the_first_seed():
    """The first seed runs twice without being asked: the step, its stacks and the hint are shown."""
    campaign = check(reads_a_real_clock, seeds=3)
    divergence = campaign.divergence
    assert campaign.verdict == "unknown"
    assert divergence.found
    assert not divergence.addresses
    text = "\n".join(campaign.lines())
    assert "not deterministic: two runs of seed 1 differ" in text
    assert "in jitter" in text
    assert "test_divergence.py" in text
    assert "real clock" in text
    assert divergence.first[0].at_s != divergence.second[0].at_s
    assert divergence.first[0].at_s == pytest.approx(2.001, abs=0.01)
    assert divergence.common[-1].at_s == pytest.approx(2.0, abs=0.01)


def test_bytes_that_differ_are_traced_to_who_sent_them():
    """Two runs with the same steps at the same times, but other payloads: the step that sent them is shown."""
    campaign = check(asks_for_the_time, seeds=3)
    lines = campaign.lines()
    at = next(i for i, line in enumerate(lines) if line.startswith("both go on in the same way"))
    assert "in answer" in lines[at - 1] or "in answer" in lines[at - 2]
    assert "db  task" in lines[at - 2] or "db  task" in lines[at - 3]
    assert "windtunnel/testing" not in "\n".join(lines)


def test_the_order_of_a_set_of_objects_is_found_with_twice():
    """Under other addresses the broadcast has another order; the hint says what kind of thing it is."""
    assert check(greets_a_set, seeds=3).verdict == "valid"  # one layout is one order
    campaign = check(greets_a_set, seeds=3, twice=True)
    divergence = campaign.divergence
    assert divergence.addresses
    assert divergence.found
    text = "\n".join(campaign.lines())
    assert "in greet" in text
    assert "set of objects" in text


def test_what_is_deterministic_is_so_under_any_addresses():
    """Seeded randomness, ordered sets: twice finds nothing."""
    campaign = check(is_deterministic, seeds=5, twice=True)
    assert campaign.divergence is None
    assert campaign.verdict == "valid"
    assert campaign.done == 5


def test_a_failure_that_does_not_repeat_is_told_as_such():
    """A finding that depends on a real clock is no finding about a seed; the report says so."""

    async def sometimes_fails(world):
        await asyncio.sleep(0.1 + real_nanoseconds() / 1e12)
        assert real_nanoseconds() < 0

    campaign = check(sometimes_fails, seeds=range(2, 5))
    assert campaign.failure.repeats is False
    assert "did not fail again in the same way" in "\n".join(campaign.lines())
    assert campaign.divergence is not None


def test_the_index_is_bisected():
    """The window lies between the last digest that agrees and the first that does not."""

    def row(*digests):
        return Row(ask=Ask(seed=1), index=[(64 * (i + 1), digest) for i, digest in enumerate(digests)], events=1000)

    assert differing(row(1, 2, 3, 4), row(1, 2, 9, 8)) == (124, 196)
    assert differing(row(5, 2), row(1, 3)) == (0, 68)
    assert differing(row(1, 2), row(1, 2)) == (124, 1004)
    assert differing(row(), row()) == (0, 1004)


def test_steps_are_laid_side_by_side():
    """The first pair that differs, the ones before it; an end is a difference too."""
    other = STEP._replace(at_s=0.75)
    stacked = STEP._replace(stack=(("a.py", 1, "f"),))
    assert compared([STEP, STEP, STEP], [STEP, STEP, other]) == ((STEP, STEP), (STEP,), (other,))
    assert compared([STEP], [STEP, other]) == ((STEP,), (), (other,))
    assert compared([STEP, STEP], [STEP, other, STEP, stacked, STEP]) == ((STEP,), (STEP,), (other, STEP, stacked))
    assert compared([STEP], [STEP]) is None
