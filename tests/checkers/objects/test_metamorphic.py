"""What must not change a verdict, or must change it in one direction only."""

from dataclasses import replace

import pytest
from random_objects import OBJECTS, random_object_history

from windtunnel.checkers import MODELS, linearizable
from windtunnel.checkers.objects.locks import Semaphore
from windtunnel.histories import History

SEEDS = range(60)
RENAMED = ("queue", "stack", "set")


def verdict(name, history):
    specification = Semaphore(2) if name == "semaphore" else MODELS[name].specification
    return linearizable(history, specification, explained=False).valid


def histories(name):
    for seed in SEEDS:
        history = random_object_history(
            seed, name, operations=14, clients=4, crash=(0, 0.1)[seed % 2], lie=(0, 0.15)[seed // 2 % 2], unique=seed % 3 != 0
        )
        if any(op.type == "ok" for op in history):
            yield history


def placed(operations):
    """The operations as a history, numbered by invocation."""
    ordered = sorted(operations, key=lambda op: op.invoked)
    return History([replace(op, index=index) for index, op in enumerate(ordered)])


@pytest.mark.parametrize("name", OBJECTS)
def test_names_of_processes_do_not_matter(name):
    """A checker sees operations, not clients."""
    for history in histories(name):
        renamed = placed(replace(op, process=f"p{op.process}") for op in history)
        assert verdict(name, renamed) is verdict(name, history)


@pytest.mark.parametrize("name", RENAMED)
def test_values_are_only_names(name):
    """Every value replaced by a text of its own, the same everywhere: the same verdict."""

    def renamed(value):
        return None if value is None else f"v{value}" if isinstance(value, int) and not isinstance(value, bool) else value

    for history in histories(name):
        other = placed(
            replace(
                op,
                value=renamed(op.value),
                result=[renamed(x) for x in op.result] if isinstance(op.result, list) else renamed(op.result),
            )
            for op in history
        )
        assert verdict(name, other) is verdict(name, history)


@pytest.mark.parametrize("name", [name for name in OBJECTS if name != "multi-register"])
def test_keys_are_objects_of_their_own(name):
    """Two histories under two keys, one after the other or woven, are valid exactly if both are."""
    found = list(histories(name))
    for one, other in zip(found[::2], found[1::2], strict=False):
        width = 1 + max(max(op.invoked, op.completed or 0) for op in one)
        for step, shift in ((1, width), (2, 1)):
            scaled = [
                replace(op, key="a", invoked=step * op.invoked, completed=op.completed and step * op.completed) for op in one
            ]
            moved = [
                replace(
                    op,
                    key="b",
                    process=f"b{op.process}",
                    invoked=step * op.invoked + shift,
                    completed=op.completed and step * op.completed + shift,
                )
                for op in other
            ]
            both = placed([*scaled, *moved])
            assert verdict(name, both) is (verdict(name, one) and verdict(name, other))


@pytest.mark.parametrize("name", OBJECTS)
def test_more_time_allows_more(name):
    """An operation that was invoked earlier, or returned later, makes no legal history illegal."""
    for history in histories(name):
        if verdict(name, history) is not True:
            continue
        wider = placed(
            replace(op, invoked=10 * op.invoked - 11 * (op.index % 2), completed=op.completed and 10 * op.completed + 13)
            for op in history
        )
        least = min(op.invoked for op in wider)
        wider = placed(replace(op, invoked=op.invoked - least, completed=op.completed and op.completed - least) for op in wider)
        assert verdict(name, wider) is True


LEGAL_ANYWHERE = {"queue": "enqueue", "stack": "push", "priority-queue": "insert", "counter": "add", "set": "add"}


@pytest.mark.parametrize(("name", "f"), LEGAL_ANYWHERE.items())
def test_an_unanswered_operation_more_makes_nothing_illegal(name, f):
    """It may have had no effect: what was legal stays so."""
    for history in histories(name):
        if verdict(name, history) is not True:
            continue
        extra = replace(history.operations[0], process="late", f=f, value=77, type="info", result=None, completed=None, invoked=0)
        shifted = [replace(op, invoked=op.invoked + 1, completed=op.completed and op.completed + 1) for op in history]
        assert verdict(name, placed([extra, *shifted])) is True


@pytest.mark.parametrize("name", ["queue", "stack", "priority-queue"])
def test_a_legal_operation_more_that_overlaps_all_makes_nothing_illegal(name):
    """A value put in and taken at once can be placed anywhere, if it is the largest of all."""
    put, take = MODELS[name].specification.put, MODELS[name].specification.take
    for history in histories(name):
        if verdict(name, history) is not True:
            continue
        end = 10 + max(max(op.invoked, op.completed or 0) for op in history)
        first = history.operations[0]
        extra = [
            replace(first, process="x", f=put, value=10**6, type="ok", result=None, invoked=0, completed=end),
            replace(first, process="y", f=take, value=None, type="ok", result=10**6, invoked=1, completed=end + 1),
        ]
        shifted = [replace(op, invoked=op.invoked + 2, completed=op.completed and op.completed + 2) for op in history]
        assert verdict(name, placed([*extra, *shifted])) is True
