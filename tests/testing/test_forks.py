"""A child for each task, and every way in which a child can end."""

import ctypes
import os
import signal
import sys
import time

import pytest
from small_projects import children_of, processes

from windtunnel.testing.forks import OUTPUT_MAX, Crew, alone

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

STATE = []


def test_a_child_returns_its_answer_and_its_output():
    """The value comes back, and what was printed on the way."""

    def work(n):
        sys.stdout.write("on the way\n")
        sys.stderr.write("aside\n")
        return {"squared": n * n}

    ended = alone(work, 7, limit_s=20)
    assert (ended.how, ended.value, ended.item) == ("returned", {"squared": 49}, 7)
    assert ended.out == "on the way\n"
    assert ended.err == "aside\n"


def test_a_child_changes_nothing_here():
    """Module state that one seed leaves behind does not reach the next."""

    def work(n):
        STATE.append(n)
        return len(STATE)

    assert [alone(work, n, limit_s=20).value for n in range(3)] == [1, 1, 1]
    assert STATE == []


def test_answers_larger_than_a_pipe_arrive():
    """A megabyte is read while the child still writes."""
    assert len(alone(lambda n: b"x" * n, 3_000_000, limit_s=20).value) == 3_000_000


def test_of_long_output_the_end_is_kept():
    """A child that floods its stdout neither blocks nor fills the memory."""
    ended = alone(lambda n: sys.stdout.write("y" * n + "the end\n"), 4 * OUTPUT_MAX, limit_s=20)
    assert ended.out.endswith("the end\n")
    assert len(ended.out) < OUTPUT_MAX + 100


def test_an_exception_of_ours_comes_back_as_text():
    """Whatever the function raises, the parent hears of it."""
    ended = alone(lambda n: n / 0, 1, limit_s=20)
    assert ended.how == "raised"
    assert "ZeroDivisionError" in ended.text


def test_what_does_not_pickle_is_told():
    """An answer that cannot travel is an error with its reason, not silence."""
    ended = alone(lambda _: lambda: None, 1, limit_s=20)
    assert ended.how == "raised"
    assert "pickle" in ended.text.lower()


@pytest.mark.parametrize(
    ("deed", "text"),
    [
        (lambda _: os._exit(3), "code 3"),
        (lambda _: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL"),
        (lambda _: ctypes.string_at(0), "SIGSEGV"),
        (lambda _: os.close(1) or os.closerange(3, 64) or time.sleep(0.05), "code"),
    ],
    ids=["exit", "kill", "segfault", "descriptors"],
)
def test_a_child_that_dies_is_told_with_its_item(deed, text):
    """Exit, signal, crash in C: an end like any other, with the item and the way."""
    ended = alone(deed, 41, limit_s=20)
    assert ended.how == "died"
    assert ended.item == 41
    assert text in ended.text


def test_a_crash_in_c_leaves_its_stack():
    """The stack of a segfault is in the child's stderr."""
    ended = alone(lambda _: ctypes.string_at(0), 1, limit_s=20)
    assert "Segmentation fault" in ended.err
    assert "string_at" in ended.err


def test_a_child_that_hangs_is_killed_and_shows_where():
    """The limit is kept though the child ignores everything polite, and its stack says where it stood."""

    def endless(_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(0.01)

    began = time.monotonic()
    ended = alone(endless, 1, limit_s=0.3)
    assert ended.how == "hung"
    assert "0.3 s" in ended.text
    assert "in endless" in ended.err
    assert time.monotonic() - began < 15


def test_a_stopped_child_is_no_hang_of_ours():
    """SIGSTOP in a test ends like any hang."""
    ended = alone(lambda _: os.kill(os.getpid(), signal.SIGSTOP), 1, limit_s=0.3)
    assert ended.how == "hung"


def test_nothing_is_left_behind():
    """An exception in the block that uses a crew takes every child with it."""

    def interrupted():
        with Crew(time.sleep, jobs=2, limit_s=60) as crew:
            crew.start(60)
            crew.start(61)
            assert crew.running == [60, 61]
            assert not crew.free
            raise KeyboardInterrupt

    before = children_of(os.getpid())
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert children_of(os.getpid()) == before


def test_children_do_not_outlive_a_killed_parent():
    """Whoever kills the parent, with whatever signal, kills the children."""

    def parent(_):
        with Crew(time.sleep, jobs=1, limit_s=60) as crew:
            crew.start(60)
            (child,) = (each.pid for each in crew._running.values())
            sys.stdout.write(str(child))
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    grandchild = int(alone(parent, 1, limit_s=20).out)
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        if all(state == "Z" for pid, state, _, _ in processes() if pid == grandchild):
            return  # a zombie: whoever adopted it has not looked yet
        time.sleep(0.01)
    raise AssertionError(f"{grandchild} is alive")


def test_the_unwanted_are_abandoned():
    """Killing some children leaves the others at work."""
    with Crew(time.sleep, jobs=2, limit_s=60) as crew:
        crew.start(0.2)
        crew.start(60)
        crew.abandon(lambda seconds: seconds == 60)
        assert crew.running == [0.2]
        ended = []
        while not ended:
            ended = crew.wait()
        assert [each.item for each in ended] == [0.2]
