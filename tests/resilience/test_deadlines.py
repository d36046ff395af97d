"""Deadlines: nothing continues after them, and they are inherited."""

import asyncio
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.base.errors import Definite, Indefinite
from windtunnel.resilience import (
    HEADER,
    BadSetting,
    NoTimeLeft,
    Tally,
    TimedOut,
    check_deadline,
    deadline,
    decode_timeout,
    encode_timeout,
    outgoing_header,
    remaining_s,
    timeout,
)
from windtunnel.sim import World


def now():
    return asyncio.get_running_loop().time()


def test_a_block_is_cut_at_its_deadline():
    """After 2 s of 5 the work is cancelled, TimedOut is raised, and the observer hears of it."""

    async def main():
        tally = Tally()
        done = []
        with pytest.raises(TimedOut, match=r"read was cut off after 2\.000 s"):  # noqa: PT012
            async with deadline(2.0, name="read", observer=tally):
                try:
                    await asyncio.sleep(5)
                    done.append("finished")
                except asyncio.CancelledError:
                    done.append("cancelled")
                    raise
        assert (done, tally.sums) == (["cancelled"], {("read", "timed_out"): 2.0})
        return now()

    assert World(1).run(main) == 2.0


def test_errors_say_whether_the_work_may_have_happened():
    """Cut work is indefinite, work that did not begin is definite; both are TimeoutErrors."""
    assert issubclass(TimedOut, Indefinite)
    assert issubclass(NoTimeLeft, Definite)
    assert issubclass(TimedOut, TimeoutError)
    assert issubclass(NoTimeLeft, TimeoutError)


@given(st.lists(st.floats(0.01, 5), min_size=1, max_size=5), st.floats(0, 6))
@settings(max_examples=40, deadline=None)
def test_nested_deadlines_end_at_the_soonest(limits, work_s):
    """However they are nested, work ends at the smallest of them, or when it is done."""

    async def main():
        async def nest(left):
            if left:
                async with deadline(left[0]):
                    await nest(left[1:])
            else:
                assert remaining_s() <= min(limits)
                await asyncio.sleep(work_s)

        try:
            await nest(limits)
        except TimedOut:
            return now(), "cut"
        return now(), "done"

    ended_s, how = World(1).run(main)
    assert ended_s == pytest.approx(min(work_s, *limits), abs=1e-6)
    if abs(work_s - min(limits)) > 1e-6:
        assert how == ("cut" if work_s > min(limits) else "done")


def test_the_outer_deadline_is_the_outer_block_s():
    """An inner, longer deadline does not catch what the outer one cuts."""

    async def main():
        inner = []
        with pytest.raises(TimedOut, match="outer"):  # noqa: PT012
            async with deadline(1.0, name="outer"):
                try:
                    async with deadline(9.0, name="inner"):
                        await asyncio.sleep(5)
                except TimeoutError:
                    inner.append("caught")
        return inner

    assert World(1).run(main) == []


def test_tasks_inherit_the_time_and_arm_their_own_timer():
    """A task made inside knows what is left; `deadline()` in it ends it in time, though the block that made it has gone on."""

    async def main():
        async def child():
            assert remaining_s() == pytest.approx(1.0)
            try:
                async with deadline():
                    await asyncio.sleep(50)
            except TimedOut:
                return now()

        async with deadline(1.0):
            task = asyncio.create_task(child())
            await asyncio.sleep(0.5)
        assert remaining_s() == inf
        return await task

    assert World(1).run(main) == 1.0


def test_work_without_time_does_not_begin():
    """Entering with nothing left raises NoTimeLeft before the first line."""

    async def main():
        begun = []
        with pytest.raises(TimedOut):  # noqa: PT012
            async with deadline(1.0):
                try:
                    await asyncio.sleep(2)
                finally:
                    with pytest.raises(NoTimeLeft):
                        async with deadline(5.0):
                            begun.append(1)
        with pytest.raises(NoTimeLeft):
            async with deadline(0):
                begun.append(2)
        return begun

    assert World(1).run(main) == []


def test_code_without_awaits_asks():
    """`with deadline` sets it; `check_deadline` raises when it has passed."""

    async def main():
        with deadline(1.0):
            check_deadline()
            await asyncio.sleep(1.5)
            with pytest.raises(NoTimeLeft, match=r"passed 0\.5"):
                check_deadline()
        check_deadline()

    World(1).run(main)


def test_a_decorated_call_has_its_time():
    """`timeout` cuts coroutine functions, and refuses functions, which nobody can cut."""

    async def main():
        @timeout(1.0)
        async def slow():
            await asyncio.sleep(3)

        with pytest.raises(TimedOut, match="slow was cut off"):
            await slow()
        return now()

    assert World(1).run(main) == 1.0
    with pytest.raises(BadSetting, match="expected a coroutine function"):
        timeout(1.0)(lambda: 1)


def test_an_error_of_the_work_is_not_a_timeout():
    """A TimeoutError that the work raises itself comes out as it is."""

    async def main():
        with pytest.raises(TimeoutError) as caught:
            async with deadline(1.0):
                raise TimeoutError("mine")
        assert not isinstance(caught.value, TimedOut)

    World(1).run(main)


def test_a_deadline_object_serves_one_block():
    """Using it twice is a mistake of the program, and said."""
    once = deadline(1.0)
    with once, pytest.raises(RuntimeError, match="one block"), once:
        pass


@pytest.mark.parametrize("seconds", [float("nan"), "2"])
def test_seconds_are_numbers(seconds):
    """Anything else is refused where it is written."""
    with pytest.raises(BadSetting, match="seconds"):
        deadline(seconds)


# --- The header ---


@given(st.floats(1e-9, 1e12))
@settings(max_examples=60, deadline=None)
def test_the_header_never_gives_more_time_than_there_is(left_s):
    """Rounded down, by less than two parts in 10^5."""
    text = encode_timeout(left_s)
    back = decode_timeout(text)
    assert back <= left_s * (1 + 1e-12)
    assert len(text) <= 9
    if 1e-2 < left_s < 1e7:
        assert back >= left_s * (1 - 2e-5)


@given(st.text(max_size=12))
@settings(max_examples=60, deadline=None)
def test_other_texts_are_refused_and_never_crash(text):
    """Whatever a stranger sends is a number of seconds or a BadSetting."""
    try:
        assert decode_timeout(text) >= 0
    except BadSetting as error:
        assert HEADER in str(error)  # noqa: PT017 - either is right


def test_the_header_travels():
    """A caller with 2 s, a second on the way and at work: the callee has what is left, and stops then."""

    async def main():
        async def callee(headers):
            async with deadline(decode_timeout(headers[HEADER])):
                await asyncio.sleep(60)

        async with deadline(2.0):
            await asyncio.sleep(0.5)
            headers = outgoing_header()
        assert headers == {HEADER: "1500000u"}
        assert outgoing_header() == {}
        begun = now()
        with pytest.raises(TimedOut):
            await callee(headers)
        return now() - begun

    assert World(1).run(main) == pytest.approx(1.5)
    assert encode_timeout(0) == encode_timeout(-3) == "0n"
    assert decode_timeout("2H") == 7200.0
