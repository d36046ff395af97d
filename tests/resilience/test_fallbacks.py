"""Fallbacks, health checks, and all of it on top of each other."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.resilience import (
    BadSetting,
    Bulkhead,
    CircuitBreaker,
    CircuitOpen,
    Consecutive,
    Constant,
    Fallback,
    HealthChecks,
    Hedge,
    LastGood,
    Limiter,
    Pulse,
    Retry,
    Tally,
    stack,
    timeout,
)
from windtunnel.sim import World

# --- Fallbacks ---


def test_the_answer_instead():
    """A value, a function of the arguments, a coroutine function; other errors come out."""
    tally = Tally()

    @Fallback([], on=OSError, name="list", observer=tally)
    def listing(fail):
        if fail:
            raise fail
        return [1]

    assert listing(None) == [1]
    assert listing(OSError()) == []
    with pytest.raises(KeyError):
        listing(KeyError())
    assert tally.counts == {("list", "fell_back"): 1}

    async def cached(x):
        await asyncio.sleep(1)
        return -x

    @Fallback(cached, on=lambda error: "down" in str(error))
    async def fetch(x):
        raise OSError("down" if x else "other")

    async def main():
        assert await fetch(3) == -3
        with pytest.raises(OSError, match="other"):
            await fetch(0)

    World(1).run(main)


def test_the_last_good_answer_is_served_until_it_is_too_old():
    """Per arguments; beyond its age the error comes out."""
    clock, tally, up = [0.0], Tally(), [True]

    @LastGood(10.0, on=OSError, name="price", observer=tally, clock=lambda: clock[0], size=2)
    def price(item, *, currency="EUR"):
        if not up[0]:
            raise OSError
        return f"{item} {currency}"

    assert price("a") == "a EUR"
    up[0] = False
    clock[0] = 10.0
    assert price("a") == "a EUR"
    assert tally.sums == {("price", "stale"): 10.0}
    with pytest.raises(OSError):
        price("a", currency="USD")
    clock[0] = 10.1
    with pytest.raises(OSError):
        price("a")
    up[0] = True
    for item in "abc":
        price(item)
    up[0] = False
    assert price("c") == "c EUR"
    with pytest.raises(OSError):
        price("a")


def test_the_last_good_answer_of_a_coroutine():
    """The same for coroutine functions."""

    async def main():
        answers = [1, OSError()]

        @LastGood(10.0)
        async def read():
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return [await read(), await read()]

    assert World(1).run(main) == [1, 1]


# --- Health ---


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_a_pulse_changes_after_exactly_so_many_in_a_row(results, rise, fall):
    """Against looking back: it goes down when the last `fall` results are bad since it went up, and the other way round."""
    pulse, up, since = Pulse(rise, fall), True, []
    for ok in results:
        since.append(ok)
        needed = fall if up else rise
        changes = len(since) >= needed and all(result != up for result in since[-needed:])
        assert pulse.saw(ok=ok) == changes
        if changes:
            up, since = not up, []
        assert pulse.up == up


def test_checks_run_at_once_each_with_its_timeout():
    """One passes, one hangs, one says no, one raises; after `fall` rounds the report says so, and who is critical decides."""

    async def main():
        tally = Tally()
        checks = HealthChecks(fall=2, rise=1, observer=tally)
        healthy = [False]

        async def good():
            await asyncio.sleep(0.1)

        async def hangs():
            await asyncio.sleep(1 if healthy[0] else 1000)

        async def says_no():
            return healthy[0]

        checks.add("good", good)
        checks.add("cache", says_no, critical=False)
        checks.add("db", hangs, timeout_s=2.0)
        assert checks.status == "up"
        begun = asyncio.get_running_loop().time()
        report = await checks.run()
        assert asyncio.get_running_loop().time() - begun == 2.0
        assert report["status"] == "up", "one bad round changes nothing"
        report = await checks.run()
        assert report["status"] == "down"
        assert report["checks"]["cache"] == {
            "up": False, "critical": False, "error": "the check returned False", "took_s": 0.0, "age_s": 2.0,
        }  # fmt: skip
        assert "cut off" in report["checks"]["db"]["error"]
        healthy[0] = True
        watching = asyncio.create_task(checks.watch(5.0))
        await asyncio.sleep(7.0)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        assert checks.status == "up"
        assert tally.counts == {("cache", "down"): 1, ("db", "down"): 1, ("cache", "up"): 1, ("db", "up"): 1}
        with pytest.raises(BadSetting, match="not taken"):
            checks.add("db", good)

    World(1).run(main)


def test_what_is_not_critical_only_degrades():
    """A cache that is down leaves the service degraded."""

    async def main():
        checks = HealthChecks(fall=1)

        async def refuse():
            raise OSError("refused")

        checks.add("cache", refuse, critical=False)
        return (await checks.run())["status"]

    assert World(1).run(main) == "degraded"


# --- Together ---


async def coroutine():
    """What people decorate."""


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Retry(coroutine), "^on: expected subclasses of Exception"),
        (lambda: CircuitBreaker(coroutine), "^name: .* with parentheses"),
        (lambda: Bulkhead(coroutine), r"^limit: expected an int, or a core such as Gradient\(\)"),
        (lambda: Limiter(100), r"^limit: expected a limit such as Gcra\("),
        (lambda: Hedge(coroutine), "^after_s: expected seconds"),
    ],
)
def test_the_usual_slips_are_answered(make, message):
    """A decorator without its parentheses, a number where a limit belongs: said where it is written."""
    with pytest.raises(BadSetting, match=message):
        make()


def test_guards_stack_from_the_outside_in():
    """Fallback around retry around breaker around bulkhead around timeout, over a server that dies and comes back."""

    async def main():
        tally, up, calls = Tally(), [True], []
        breaker = CircuitBreaker("db", rule=Consecutive(3), open_s=5.0, on=(OSError, TimeoutError), observer=tally)
        guard = stack(
            Fallback("stale", observer=tally, name="db"),
            Retry((OSError, TimeoutError), attempts=2, backoff=Constant(pause_s=0.1), observer=tally, name="db"),
            breaker,
            Bulkhead(5),
            timeout(1.0),
        )

        @guard
        async def read():
            calls.append(1)
            await asyncio.sleep(0.01 if up[0] else 100)
            return "fresh"

        assert await read() == "fresh"
        up[0] = False
        answers = [await read() for _ in range(20)]
        assert answers == ["stale"] * 20
        assert len(calls) == 4, "three timeouts open the circuit, and the others do not reach the server"
        assert breaker.state == "open"
        with pytest.raises(CircuitOpen), breaker.call():
            pass
        up[0] = True
        await asyncio.sleep(5.0)
        return await read(), breaker.state

    assert World(1).run(main) == ("fresh", "closed")
