"""Retries: what is tried again, how often, how long, and at whose cost."""

import asyncio
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.resilience import (
    Attempts,
    BadSetting,
    Constant,
    Exponential,
    RateLimited,
    Retry,
    RetryBudget,
    Tally,
    deadline,
)
from windtunnel.sim import World

QUICK = Constant(pause_s=1.0)


class Flaky:
    """Fails as the script says, then answers; counts its calls."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = 0

    def __call__(self, x=0):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return x


def patient(*, attempts=3, slept=None, **settings):
    """A retry that does not really sleep."""
    return Retry(OSError, attempts=attempts, backoff=QUICK, sleep=(slept if slept is not None else []).append, **settings)


# --- Functions ---


def test_the_answer_of_the_first_success_is_returned():
    """Two failures, then the answer; two pauses."""
    slept = []
    fn = Flaky(OSError(1), OSError(2))
    assert patient(slept=slept)(fn)(7) == 7
    assert (fn.calls, slept) == (3, [1.0, 1.0])


def test_the_last_error_is_raised_and_says_how_often_it_was_tried():
    """No wrapper: the error itself, with a note."""
    last = ConnectionError("third")
    fn = Flaky(OSError(1), OSError(2), last)
    with pytest.raises(ConnectionError) as caught:
        patient()(fn)()
    assert caught.value is last
    assert caught.value.__notes__[0].endswith("gave up after attempt 3 of 3: attempts used up")
    assert fn.calls == 3


def test_other_errors_are_not_retried():
    """What `on` does not name is the caller's at once."""
    fn = Flaky(KeyError("x"))
    with pytest.raises(KeyError):
        patient()(fn)()
    assert fn.calls == 1


def test_a_question_decides_about_errors():
    """`on` may be a function of the error."""
    retry = Retry(lambda error: "again" in str(error), attempts=5, backoff=QUICK, sleep=lambda _: None)
    fn = Flaky(OSError("again"), OSError("no"))
    with pytest.raises(OSError, match="no"):
        retry(fn)()
    assert fn.calls == 2


@pytest.mark.parametrize("on", [BaseException, asyncio.CancelledError, KeyboardInterrupt, (), (OSError, int), 3])
def test_cancellation_cannot_be_retried(on):
    """Only subclasses of Exception can be named."""
    with pytest.raises(BadSetting, match=r"^on: expected subclasses of Exception"):
        Retry(on)


def test_generators_are_refused():
    """Their work happens after the call: a retry around it would never see a failure."""

    def generate():
        yield 1

    async def agenerate():
        yield 1

    for fn in (generate, agenerate):
        with pytest.raises(BadSetting, match="generator"):
            Retry(OSError)(fn)


def test_an_error_that_says_when_to_come_back_is_believed():
    """`retry_after_s` above the drawn pause replaces it; below, it does not."""
    slept = []
    fn = Flaky(RateLimited("later", retry_after_s=4.0), RateLimited("soon", retry_after_s=0.1))
    Retry(RateLimited, backoff=QUICK, sleep=slept.append)(fn)()
    assert slept == [4.0, 1.0]


def test_nothing_begins_after_within_s():
    """Pauses of a second, within 2.5 s: attempts at 0, 1, 2 and none at 3."""
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds

    fn = Flaky(*[OSError(n) for n in range(9)])
    with pytest.raises(OSError, match="2") as caught:
        Retry(OSError, attempts=9, backoff=QUICK, within_s=2.5, clock=lambda: now[0], sleep=sleep)(fn)()
    assert fn.calls == 3
    assert "within_s=2.5" in caught.value.__notes__[0]


def test_the_observer_hears_of_trouble_only():
    """Retries and recovery are told, calls that simply succeed are not."""
    tally = Tally()
    retry = patient(name="db", observer=tally)
    retry(Flaky())()
    assert not tally.counts
    retry(Flaky(OSError()))()
    with pytest.raises(OSError):
        retry(Flaky(*[OSError() for _ in range(3)]))()
    assert tally.counts == {("db", "retry"): 3, ("db", "recovered"): 1, ("db", "gave_up"): 1}
    assert tally.sums["db", "recovered"] == 2


def test_a_broken_observer_breaks_no_call(caplog):
    """What it raises is logged."""

    def broken(name, event, value):
        raise ZeroDivisionError

    assert patient(observer=broken)(Flaky(OSError()))(5) == 5
    assert "the observer of" in caplog.text


# --- Coroutines, in virtual time ---


def test_a_coroutine_is_retried_after_its_pauses():
    """Three attempts, with 1 s and 1 s between: two virtual seconds."""

    async def main():
        fn = Flaky(OSError(), OSError())

        @Retry(OSError, backoff=QUICK)
        async def call(x):
            return fn(x)

        assert await call(3) == 3
        return asyncio.get_running_loop().time(), fn.calls

    assert World(1).run(main) == (2.0, 3)


def test_no_retry_after_the_deadline():
    """With 1.5 s left and pauses of 1 s there is one retry; the second would begin too late, so the error comes at 1 s."""

    async def main():
        fn = Flaky(*[OSError() for _ in range(9)])

        @Retry(OSError, attempts=9, backoff=QUICK)
        async def call():
            return fn()

        with pytest.raises(OSError) as caught:
            async with deadline(1.5):
                await call()
        assert "deadline" in caught.value.__notes__[0]
        return asyncio.get_running_loop().time(), fn.calls

    assert World(1).run(main) == (1.0, 2)


def test_cancellation_ends_a_retry_at_once():
    """A task that sleeps between attempts can be cancelled."""

    async def main():
        @Retry(OSError, attempts=9, backoff=Constant(pause_s=100))
        async def call():
            raise OSError

        task = asyncio.create_task(call())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return asyncio.get_running_loop().time()

    assert World(1).run(main) == 1.0


def test_blocks_are_retried():
    """`async for` and `for`: the block runs until it succeeds; its last error comes out."""

    async def main():
        fn = Flaky(OSError(), OSError())
        async for attempt in Retry(OSError, backoff=QUICK):
            with attempt:
                assert attempt.number == fn.calls + 1
                fn()
        return fn.calls, asyncio.get_running_loop().time()

    assert World(1).run(main) == (3, 2.0)
    slept = []
    fn = Flaky(*[OSError(n) for n in range(3)])
    with pytest.raises(OSError, match="2"):  # noqa: PT012 - the loop is the subject
        for attempt in patient(slept=slept):
            with attempt:
                fn()
    assert slept == [1.0, 1.0]
    fn = Flaky(KeyError())
    with pytest.raises(KeyError):  # noqa: PT012
        for attempt in patient():
            with attempt:
                fn()
    assert fn.calls == 1


def test_jitter_keeps_callers_apart():
    """A hundred callers that fail together come back together without jitter, and spread with it."""

    def moments(jitter):
        async def main():
            seen = []

            @Retry(OSError, attempts=4, backoff=Exponential(first_s=1.0, jitter=jitter))
            async def call():
                seen.append(round(asyncio.get_running_loop().time(), 1))
                raise OSError

            await asyncio.gather(*[call() for _ in range(100)], return_exceptions=True)
            return seen

        seen = World(1).run(main)
        return max(seen.count(moment) for moment in set(seen) if moment > 0)

    assert moments("none") == 100
    assert moments("full") < 30


# --- The budget ---


@given(st.lists(st.booleans(), max_size=200), st.sampled_from([0.0, 0.05, 0.1, 0.3, 1.0]), st.integers(0, 20))
@settings(max_examples=40, deadline=None)
def test_the_budget_caps_retries_in_every_run_of_events(events, ratio, burst):
    """Between any two points: retries <= burst + ratio x calls."""
    budget = RetryBudget(ratio, burst)
    path = [0.0]
    for is_call in events:
        if is_call:
            budget.deposit()
            path.append(path[-1] - ratio)
        elif budget.withdraw():
            path.append(path[-1] + 1.0)
    low = inf
    for point in path:
        low = min(low, point)
        assert point - low <= burst + 1e-6


def test_amplification_in_an_outage_is_one_plus_the_ratio():
    """A thousand calls that all fail make 1,110 attempts with a budget of 10 %, 3,000 without."""

    def attempts(budget):
        fn = Flaky(*[OSError() for _ in range(9000)])
        call = patient(budget=budget)(fn)
        for _ in range(1000):
            with pytest.raises(OSError):
                call()
        return fn.calls

    assert attempts(None) == 3000
    assert 1100 <= attempts(RetryBudget(0.1, 10)) <= 1110


def test_an_empty_budget_is_told():
    """The error is raised at once, and says why."""
    tally = Tally()
    with pytest.raises(OSError) as caught:
        patient(budget=RetryBudget(0.0, 0), observer=tally)(Flaky(OSError()))()
    assert "budget is empty" in caught.value.__notes__[0]
    assert tally.count("budget_empty") == 1


# --- The core ---


@given(
    st.integers(1, 6),
    st.lists(st.floats(0, 5), min_size=1, max_size=8),
    st.floats(0.1, 10),
    st.floats(0.1, 10),
    st.lists(st.floats(0, 1, exclude_max=True), min_size=8, max_size=8),
)
@settings(max_examples=50, deadline=None)
def test_no_attempt_begins_too_late_or_too_often(attempts, took, within_s, left_s, draws):
    """Whatever the draws and how long attempts take: at most `attempts`, all begun within `within_s` and before the deadline."""
    policy = Retry(OSError, attempts=attempts, within_s=within_s, backoff=Exponential(first_s=0.5))
    core = Attempts(policy, 0.0, iter(draws).__next__)
    now, begun = 0.0, [0.0]
    for seconds in took:
        now += seconds
        pause = core.failed(OSError(), now, left_s - now)
        if pause is None:
            assert core.why
            break
        now += pause
        begun.append(now)
    assert len(begun) <= attempts
    assert all(moment < within_s and moment < left_s for moment in begun[1:])
