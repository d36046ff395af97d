"""Bulkheads: never more at once than the limit, in order, and nobody is lost."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.resilience import BadSetting, Bulkhead, BulkheadFull, QueueDelay, Shed, Slots, Tally, deadline
from windtunnel.sim import World


def now():
    return asyncio.get_running_loop().time()


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 300), st.sampled_from([None, None, 20, 150])), max_size=30),
    st.integers(1, 3),
    st.integers(0, 5),
)
@settings(max_examples=30, deadline=None)
def test_never_more_than_the_limit_and_no_slot_is_lost(calls, limit, waiting_max):
    """Any arrivals, durations and cancellations: the limit holds, the queue holds, first come first served; then all is empty."""

    async def main():
        bulkhead = Bulkhead(limit, waiting_max=waiting_max)
        inside, entered = [0], []

        async def call(number, at_ms, works_ms, patience_ms):
            await asyncio.sleep(at_ms / 1000)
            try:
                async with asyncio.timeout(None if patience_ms is None else patience_ms / 1000), bulkhead:
                    inside[0] += 1
                    entered.append((at_ms, number))
                    assert inside[0] <= bulkhead.running <= limit  # a slot is given before its taker runs
                    assert bulkhead.waiting <= waiting_max
                    try:
                        await asyncio.sleep(works_ms / 1000)
                    finally:
                        inside[0] -= 1
            except (BulkheadFull, TimeoutError):
                return

        await asyncio.gather(*[call(i, *row) for i, row in enumerate(calls)])
        assert (bulkhead.running, bulkhead.waiting) == (0, 0)
        return entered

    entered = World(1).run(main)
    assert [at for at, _ in entered] == sorted(at for at, _ in entered)


def test_a_full_bulkhead_refuses_at_once():
    """Two run, one waits, the fourth is refused without waiting; the observer hears of it."""

    async def main():
        tally = Tally()

        @Bulkhead(2, waiting_max=1, name="db", observer=tally)
        async def call():
            await asyncio.sleep(1)
            return now()

        answers = await asyncio.gather(*[call() for _ in range(4)], return_exceptions=True)
        assert isinstance(answers[3], BulkheadFull)
        assert answers[3].by == "db"
        return answers[:3], tally.sums

    assert World(1).run(main) == ([1.0, 1.0, 2.0], {("db", "refused"): 2, ("db", "waited"): 1.0})


def test_nobody_waits_longer_than_allowed():
    """`wait_s` over: BulkheadFull, and the place in the queue is free."""

    async def main():
        bulkhead = Bulkhead(1, waiting_max=5, wait_s=0.5)
        async with bulkhead:
            with pytest.raises(BulkheadFull, match=r"no slot within 0\.5 s"):
                async with bulkhead:
                    pytest.fail("entered")
            assert (now(), bulkhead.waiting) == (0.5, 0)
        async with bulkhead:
            pass

    World(1).run(main)


def test_a_deadline_ends_the_wait():
    """Who waits in a queue is cut at its deadline like anybody else."""

    async def main():
        bulkhead = Bulkhead(1, waiting_max=5)
        async with bulkhead:
            with pytest.raises(TimeoutError):
                async with deadline(0.25), bulkhead:
                    pytest.fail("entered")
        return now(), bulkhead.running, bulkhead.waiting

    assert World(1).run(main) == (0.25, 0, 0)


def test_a_slot_given_to_one_who_is_cancelled_at_that_moment_is_not_lost():
    """The slot comes free and the waiter is cancelled in the same step: the next gets it."""

    async def main():
        bulkhead = Bulkhead(1, waiting_max=5)
        await bulkhead.__aenter__()

        async def enter():
            async with bulkhead:
                return now()

        first, second = asyncio.create_task(enter()), asyncio.create_task(enter())
        await asyncio.sleep(1)
        await bulkhead.__aexit__(None, None, None)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert await second == 1.0
        return first.cancelled(), bulkhead.running

    assert World(1).run(main) == (True, 0)


def test_one_slow_dependency_leaves_the_other_alone():
    """A hangs for a minute: without bulkheads the shared pool of 4 is taken, with one for each, B answers as ever."""

    def latency_of_b(pools):
        async def main():
            async def a():
                async with pools["a"]:
                    await asyncio.sleep(60)

            async def b():
                begun = now()
                async with pools["b"]:
                    await asyncio.sleep(0.01)
                return now() - begun

            hanging = [asyncio.create_task(a()) for _ in range(10)]
            await asyncio.sleep(1)
            took = [await b() for _ in range(3)]
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
            return max(took)

        return World(1).run(main)

    shared = Bulkhead(4, waiting_max=100)
    assert latency_of_b({"a": shared, "b": shared}) > 50
    assert latency_of_b({"a": Bulkhead(2, waiting_max=100), "b": Bulkhead(2, waiting_max=100)}) == pytest.approx(0.01)


def test_shed_callers_get_their_own_error():
    """Dropped from the queue: Shed, which says how long it waited."""

    async def main():
        tally = Tally()
        bulkhead = Bulkhead(1, waiting_max=1000, shedding=QueueDelay(0.05, 0.1), name="q", observer=tally)

        async def call():
            async with bulkhead:
                await asyncio.sleep(0.02)

        answers = await asyncio.gather(*[call() for _ in range(100)], return_exceptions=True)
        shed = [answer for answer in answers if isinstance(answer, Shed)]
        assert 50 < len(shed) < 100
        assert "overloaded: waited" in str(shed[0])
        assert tally.count("shed") == len(shed)
        return bulkhead.running

    assert World(1).run(main) == 0


@given(st.lists(st.sampled_from(["enter", "leave", "withdraw", "grow", "shrink"]), max_size=60), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_the_core_keeps_its_limit_and_its_order(verbs, limit):
    """Any sequence: running rises only below the limit, nobody waits while a slot is free, first come first served."""
    slots = Slots(limit, waiting_max=4)
    running, ticket, last = [], 0, -1
    for verb in verbs:
        before = slots.running
        if verb == "enter":
            ticket += 1
            said = slots.enter(ticket, 0.0)
            if said:
                assert before < slots.limit
                running.append(ticket)
                assert ticket > last
                last = ticket
            elif said is None:
                assert len(slots.queue) == 4
        elif verb == "leave" and running:
            running.pop(0)
            slots.leave()
        elif verb == "withdraw" and slots.queue:
            slots.withdraw(slots.queue[-1][0])
        elif verb == "grow":
            slots.limit += 1
        elif verb == "shrink" and slots.limit > 1:
            slots.limit -= 1
        while (leaving := slots.next(0.0)) is not None:
            assert slots.running <= slots.limit
            assert leaving[0] > last
            last = leaving[0]
            running.append(leaving[0])
        assert slots.running == len(running)
        assert not slots.queue or slots.running >= slots.limit


def test_a_function_without_async_is_refused():
    """Threads are limited by their pool."""
    with pytest.raises(BadSetting, match="expected a coroutine function"):
        Bulkhead(1)(len)
    for bad in (0, True, -1):
        with pytest.raises(BadSetting, match="limit"):
            Bulkhead(bad)
