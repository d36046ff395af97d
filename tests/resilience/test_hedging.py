"""Hedging: the first answer wins, nothing runs on, and there are never more copies than allowed."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.base.streams import Stream
from windtunnel.resilience import BadSetting, Copies, Hedge, LatencyQuantile, RetryBudget, Tally, TimedOut, deadline
from windtunnel.sim import World


def now():
    return asyncio.get_running_loop().time()


class Service:
    """Copies take as long as the script says, and fail where it says so; counts what runs."""

    def __init__(self, *script):
        self.script = list(script)
        self.started = []
        self.running = 0
        self.most = 0

    async def __call__(self):
        number = len(self.started)
        took_s, error = self.script[min(number, len(self.script) - 1)]
        self.started.append(now())
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(took_s)
            if error is not None:
                raise error
            return number
        finally:
            self.running -= 1


@given(
    st.lists(st.tuples(st.floats(0.01, 3), st.sampled_from([None, None, OSError("down")])), min_size=1, max_size=6),
    st.integers(1, 4),
    st.floats(0, 1),
)
@settings(max_examples=40, deadline=None)
def test_never_more_copies_than_allowed_and_nothing_runs_on(script, most, after_s):
    """Any latencies and failures: at most `most` start, all are over when the call is, and the answer is the first good one."""

    async def main():
        service = Service(*script)
        try:
            winner = await Hedge(after_s, most=most, name="s")(service.__call__)()
        except OSError:
            winner = None
        assert service.running == 0
        return service.started, winner, service.most

    started, winner, at_once = World(1).run(main)
    assert len(started) <= most
    assert at_once <= most
    good = [
        (begun + script[min(i, len(script) - 1)][0], i)
        for i, begun in enumerate(started)
        if script[min(i, len(script) - 1)][1] is None
    ]
    assert winner == (min(good)[1] if good else None)
    if winner is None:
        assert len(started) == most, "as long as copies are left, a failure is not the end"


def test_a_fast_answer_needs_no_copy():
    """Below the delay there is one call, and the observer hears nothing."""

    async def main():
        service, tally = Service((0.1, None)), Tally()
        assert await Hedge(0.5, observer=tally)(service.__call__)() == 0
        return service.started, tally.counts

    assert World(1).run(main) == ([0.0], {})


def test_a_late_answer_is_asked_for_again():
    """The original takes 10 s, a copy after 0.5 s takes 0.1 s: the answer comes at 0.6 s, the original is cancelled."""

    async def main():
        service, tally = Service((10.0, None), (0.1, None)), Tally()
        assert await Hedge(0.5, name="get", observer=tally)(service.__call__)() == 1
        return now(), service.running, tally.sums

    assert World(1).run(main) == (0.6, 0, {("get", "hedged"): 1, ("get", "won"): 1})


def test_a_failure_brings_the_next_copy_forward():
    """The original fails after 0.1 s: the copy starts then, not after the delay; both failed: the last error."""

    async def main():
        service = Service((0.1, OSError("first")), (0.1, OSError("second")))
        with pytest.raises(OSError, match="second"):
            await Hedge(5.0)(service.__call__)()
        return service.started, now()

    assert World(1).run(main) == ([0.0, 0.1], 0.2)


def test_an_error_that_another_copy_cannot_mend_ends_the_call():
    """`on=OSError`: a KeyError comes out at once, and the other copy is cancelled."""

    async def main():
        service = Service((9.0, None), (0.1, KeyError("no such row")))
        with pytest.raises(KeyError):
            await Hedge(0.2, on=OSError)(service.__call__)()
        return now(), service.running

    assert World(1).run(main) == (pytest.approx(0.3), 0)


def test_the_budget_pays_for_copies():
    """With a budget of two for a hundred slow calls, and 10 % of calls, there are at most twelve copies."""

    async def main():
        service = Service((1.0, None))
        hedge = Hedge(0.1, budget=RetryBudget(0.1, 2))(service.__call__)
        await asyncio.gather(*[hedge() for _ in range(100)])
        return len(service.started)

    assert World(1).run(main) <= 112


def test_the_caller_s_cancellation_and_deadline_end_all_copies():
    """Nothing runs on behind a caller that has gone; and no copy starts after the deadline."""

    async def main():
        service = Service((50.0, None))
        hedge = Hedge(0.4, most=3)(service.__call__)
        with pytest.raises(TimedOut):
            async with deadline(0.5):
                await hedge()
        assert (service.running, len(service.started)) == (0, 2)
        task = asyncio.create_task(hedge())
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return service.running

    assert World(1).run(main) == 0


def test_the_tail_becomes_shorter_for_little_load():
    """Of 1,000 calls 2 % take 1 s instead of 10 ms: a hedge at the 95th percentile brings p99 below 50 ms."""

    def run(*, hedged):
        async def main():
            stream, started, took = Stream(1, "latency"), [], []

            async def call():
                started.append(1)
                await asyncio.sleep(1.0 if stream.chance(0.02) else stream.uniform(0.008, 0.012))

            call_it = Hedge(LatencyQuantile(0.95, first_s=0.05))(call) if hedged else call
            for _ in range(1000):
                begun = now()
                await call_it()
                took.append(now() - begun)
            return sorted(took)[990], len(started)

        return World(1).run(main)

    (before, calls), (after, more) = run(hedged=False), run(hedged=True)
    assert calls == 1000
    assert before == 1.0
    assert after < 0.05
    assert more < 1100


def test_the_quantile_is_that_of_the_last_latencies():
    """`first_s` until there are enough; then the nearest rank; old ones are forgotten."""
    quantile = LatencyQuantile(0.9, first_s=5.0, size=20, least=10)
    for i in range(1, 10):
        quantile.seen(i / 10)
        assert quantile() == 5.0
    quantile.seen(1.0)
    assert quantile() == 0.9
    for _ in range(32):
        quantile.seen(0.01)
    assert quantile() == 0.01


@given(
    st.lists(st.tuples(st.sampled_from(["start", "failed"]), st.floats(0, 2)), max_size=30), st.integers(1, 4), st.floats(0.1, 1)
)
@settings(max_examples=50, deadline=None)
def test_the_core_starts_copies_only_when_due(steps, most, after_s):
    """Never more than `most`; never sooner than the delay after the last start, unless a copy failed since."""
    core, now_s, last, failed = Copies(0.0, after_s, most), 0.0, 0.0, False
    for verb, later in steps:
        now_s += later
        if verb == "failed":
            core.failed(now_s)
            failed = True
        elif core.start(now_s):
            assert failed or now_s >= last + after_s
            last, failed = now_s, False
        assert core.started <= most


def test_hedges_refuse_what_cannot_be_hedged():
    """Functions without async, negative delays, no copies."""
    with pytest.raises(BadSetting, match="coroutine function"):
        Hedge(1.0)(len)
    with pytest.raises(BadSetting, match="after_s"):
        Hedge(-1.0)
    with pytest.raises(BadSetting, match="most"):
        Hedge(1.0, most=0)
    with pytest.raises(BadSetting, match="q"):
        LatencyQuantile(1.0)
