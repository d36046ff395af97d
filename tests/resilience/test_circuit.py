"""Circuit breakers around functions, coroutines and blocks."""

import asyncio
import threading

import pytest

from windtunnel.resilience import (
    BadSetting,
    BulkheadFull,
    CircuitBreaker,
    CircuitOpen,
    Consecutive,
    FailureRate,
    PerTarget,
    Tally,
)
from windtunnel.sim import World


class Clock:
    """Stands still until it is moved."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def dependency(breaker, script):
    """A guarded function that does what the script says: raises exceptions, returns the rest. Counts its calls."""
    calls = []

    @breaker
    def call():
        calls.append(1)
        step = script.pop(0)
        if isinstance(step, BaseException):
            raise step
        return step

    return call, calls


def test_an_open_circuit_does_not_call():
    """After the threshold the dependency sees nothing, and callers get CircuitOpen with the time to come back."""
    clock = Clock()
    breaker = CircuitBreaker("db", rule=Consecutive(2), open_s=10.0, clock=clock)
    call, calls = dependency(breaker, [OSError(), OSError(), "well"])
    for _ in range(2):
        with pytest.raises(OSError):
            call()
    clock.now = 4.0
    with pytest.raises(CircuitOpen, match="the circuit 'db' is open; come back in 6 s") as refused:
        call()
    assert (len(calls), refused.value.by, refused.value.retry_after_s) == (2, "db", 6.0)
    clock.now = 10.0
    assert call() == "well"
    assert breaker.state == "closed"


def test_errors_that_do_not_count_show_that_it_answers():
    """A KeyError of a dependency that is alive starts the count again."""
    breaker = CircuitBreaker(rule=Consecutive(2), on=OSError)
    call, _ = dependency(breaker, [OSError(), KeyError(), OSError(), 1])
    for error in (OSError, KeyError, OSError):
        with pytest.raises(error):
            call()
    assert breaker.state == "closed"
    assert call() == 1


def test_refusals_inside_say_nothing():
    """A full bulkhead inside the breaker is not the dependency's fault, and a refused probe is no probe."""
    clock = Clock()
    breaker = CircuitBreaker(rule=Consecutive(1), open_s=1.0, clock=clock)
    call, _ = dependency(breaker, [BulkheadFull("full"), OSError(), BulkheadFull("full"), "well"])
    with pytest.raises(BulkheadFull):
        call()
    assert breaker.state == "closed"
    with pytest.raises(OSError):
        call()
    clock.now = 1.0
    with pytest.raises(BulkheadFull):
        call()
    assert breaker.state == "half_open"
    assert call() == "well"
    assert breaker.state == "closed"


def test_the_rule_given_to_two_breakers_is_not_shared():
    """Each breaker counts for itself."""
    rule = Consecutive(1)
    first, second = CircuitBreaker("a", rule=rule), CircuitBreaker("b", rule=rule)
    with pytest.raises(OSError):
        dependency(first, [OSError()])[0]()
    assert (first.state, second.state) == ("open", "closed")


def test_what_happens_is_told():
    """Opened with its pause, refused with the wait, half-opened, closed."""
    clock, tally = Clock(), Tally()
    breaker = CircuitBreaker("db", rule=Consecutive(1), open_s=5.0, clock=clock, observer=tally)
    call, _ = dependency(breaker, [OSError(), "well"])
    for error in (OSError, CircuitOpen):
        with pytest.raises(error):
            call()
    clock.now = 5.0
    call()
    assert tally.sums == {("db", "opened"): 5.0, ("db", "refused"): 5.0, ("db", "half_opened"): 0.0, ("db", "closed"): 0.0}


def test_only_as_many_probes_as_allowed_reach_a_hanging_dependency():
    """Half-open with two probes: of fifty concurrent calls two get through, the others are refused at once."""

    async def main():
        reached = []
        up = False
        breaker = CircuitBreaker(rule=Consecutive(1), open_s=1.0, probes=2, successes=2)

        @breaker
        async def call():
            reached.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.5)
            if not up:
                raise OSError

        with pytest.raises(OSError):
            await call()
        await asyncio.sleep(1.0)
        up = True
        answers = await asyncio.gather(*[call() for _ in range(50)], return_exceptions=True)
        assert sum(isinstance(answer, CircuitOpen) for answer in answers) == 48
        assert breaker.state == "closed"
        return len(reached)

    assert World(1).run(main) == 3


def test_a_cancelled_probe_frees_its_place():
    """A probe whose caller gave up does not keep the circuit half-open."""

    async def main():
        breaker = CircuitBreaker(rule=Consecutive(1), open_s=1.0)

        @breaker
        async def call(seconds):
            await asyncio.sleep(seconds)
            if seconds == 0:
                raise OSError

        with pytest.raises(OSError):
            await call(0)
        await asyncio.sleep(1.0)
        probe = asyncio.create_task(call(100))
        await asyncio.sleep(0.1)
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        await call(0.1)
        return breaker.state

    assert World(1).run(main) == "closed"


def test_slow_calls_are_measured():
    """A rule that asks for durations gets those of the calls."""

    async def main():
        breaker = CircuitBreaker(rule=FailureRate(calls=4, calls_min=4, slow_s=1.0, slow_rate=0.5))

        @breaker
        async def call(seconds):
            await asyncio.sleep(seconds)

        for seconds in (0.1, 0.1, 1.5):
            await call(seconds)
        assert breaker.state == "closed"
        await call(2.0)
        return breaker.state

    assert World(1).run(main) == "open"


def test_blocks_are_guarded():
    """`with breaker.call():` counts how the block ends, with awaits in it or not."""
    breaker = CircuitBreaker(rule=Consecutive(1))
    with breaker.call():
        pass
    with pytest.raises(OSError), breaker.call():
        raise OSError
    with pytest.raises(CircuitOpen), breaker.call():
        pytest.fail("entered")
    breaker.force("closed")
    with breaker.call():
        pass


def test_threads_do_not_let_more_probes_through():
    """Twenty threads ask a half-open circuit at once; one gets through."""
    clock = Clock()
    breaker = CircuitBreaker(rule=Consecutive(1), open_s=1.0, clock=clock)
    gate, inside = threading.Barrier(20), []

    @breaker
    def call(*, fail):
        inside.append(1)
        if fail:
            raise OSError

    with pytest.raises(OSError):
        call(fail=True)
    clock.now = 1.0
    refused = []
    hold = threading.Event()

    @breaker
    def probe():
        inside.append(1)
        hold.wait(20)

    def run():
        gate.wait(20)
        try:
            probe()
        except CircuitOpen:
            refused.append(1)
            if len(refused) == 19:
                hold.set()

    threads = [threading.Thread(target=run) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(inside), len(refused)) == (2, 19)


def test_each_target_has_its_own():
    """One broken target leaves the others alone; the same name gives the same breaker."""
    circuits = PerTarget(lambda target: CircuitBreaker(target, rule=Consecutive(1)))
    with pytest.raises(OSError), circuits["a"].call():
        raise OSError
    assert (circuits["a"].state, circuits["b"].state, circuits["b"].name) == ("open", "closed", "b")
    assert circuits["a"] is circuits["a"]


def test_targets_are_bounded_and_open_circuits_are_kept():
    """Beyond the bound the one not used for the longest time goes, but not one that must be kept while another can go."""
    circuits = PerTarget(
        lambda target: CircuitBreaker(target, rule=Consecutive(1)), targets_max=2, keep=lambda breaker: breaker.state != "closed"
    )
    circuits["a"].force("open")
    circuits["b"].force("closed")
    circuits["c"].force("open")
    assert [target for target, _ in circuits.items()] == ["a", "c"]
    circuits["d"].force("closed")
    assert [target for target, _ in circuits.items()] == ["c", "d"]
    assert len(circuits) == 2


def test_a_breaker_around_a_generator_is_refused():
    """Its failures would happen after the call."""

    def generate():
        yield 1

    with pytest.raises(BadSetting, match="generator"):
        CircuitBreaker()(generate)
