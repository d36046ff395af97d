import os
import signal
from pathlib import Path

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.scenarios.executor import Forked, InProcess, WorkerFailed


def results(executor, function, items):
    return [result for result in executor.map(function, items) if result is not None]


def square(n):
    return n * n


def die(n):
    if n == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return n


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_forked_children_return_every_result_once(workers):
    """Whatever the number of children, and with more children than work."""
    assert sorted(results(Forked(workers), square, range(4))) == [0, 1, 4, 9]


def test_in_process_is_in_order():
    """The plain executor runs the inputs as they come."""
    assert results(InProcess(), square, [3, 1, 2]) == [9, 1, 4]


def test_children_inherit_what_exists():
    """The function is not pickled: closures over the parent's objects work."""
    seen = {"factor": 7}
    assert sorted(results(Forked(2), lambda n: n * seen["factor"], [1, 2])) == [7, 14]


def test_wrong_usage_in_a_child_is_wrong_usage_here():
    """A UsageError keeps its type and its text."""

    def refuse(_):
        raise UsageError("no such thing")

    with pytest.raises(UsageError, match="no such thing"):
        results(Forked(2), refuse, [1, 2])


def test_a_bug_in_a_child_is_raised_with_its_traceback():
    """Any other exception arrives as text, with the input that caused it."""
    with pytest.raises(WorkerFailed, match=r"(?s)input 0.*ZeroDivisionError"):
        results(Forked(1), lambda n: 1 // n, [0])


def test_a_child_that_dies_is_replaced_and_its_input_tried_again(tmp_path):
    """One death costs nothing: the input is run by another child."""
    mark = tmp_path / "died"

    def die_once(n):
        if n == 1 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return n

    assert sorted(results(Forked(2), die_once, range(5))) == [0, 1, 2, 3, 4]
    assert mark.exists()


def test_an_input_that_kills_is_reported():
    """Two deaths of one input end the map, and say which signal."""
    with pytest.raises(WorkerFailed, match=r"input 3 \(SIGKILL\)"):
        results(Forked(2), die, range(6))


def children():
    """The process ids of this process's children, zombies too; other tests of this process may have left some."""
    return {int(pid) for tasks in Path("/proc/self/task").glob("*/children") for pid in tasks.read_text().split()}


def test_an_early_end_leaves_no_children():
    """Closing the iterator kills and reaps every child."""
    before = children()
    rows = Forked(2).map(lambda n: (n, os.getpid()), range(100))
    first = next(row for row in rows if row is not None)
    assert children() > before
    rows.close()
    with pytest.raises(ProcessLookupError):
        os.kill(first[1], 0)
    assert children() <= before


def test_ctrl_c_is_the_parents_business():
    """Children ignore the interrupt that reaches the whole process group."""

    def interrupted(n):
        os.kill(os.getpid(), signal.SIGINT)
        return n

    assert sorted(results(Forked(2), interrupted, range(3))) == [0, 1, 2]
