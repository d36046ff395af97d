"""The generator: the same seed is the same history, faults are where they are said to be, and what there is not is refused."""

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.checkers.ladder import LADDERS, implied
from windtunnel.generators import INTERFACES, generate
from windtunnel.histories.jsonl import event_rows

EVERY = [(name, level) for name, made in INTERFACES.items() for level in made.levels]


@pytest.mark.parametrize(("interface", "level"), EVERY)
def test_a_seed_is_a_history(interface, level):
    """Twice the same seed is twice the same history; another seed is another one."""
    one, two, other = (list(event_rows(generate(interface, level, seed=seed, operations=50).history)) for seed in (1, 1, 2))
    assert one == two
    assert one != other


@pytest.mark.parametrize(("interface", "level"), EVERY)
def test_histories_are_histories(interface, level):
    """Positions rise, a process does one thing at a time, and the traffic has as many operations as were asked for."""
    history = generate(interface, level, seed=1, operations=120).history
    assert len(history) >= 120
    working = set()
    for kind, operation in history.events():
        assert (operation.process in working) is (kind != "invoke")
        (working.add if kind == "invoke" else working.remove)(operation.process)
    assert {operation.type for operation in history} >= {"ok"}


def test_planted_operations_are_those_of_the_script():
    """The sidecar names each fault with its operations; leaving them out leaves no fault."""
    made = generate("rw-register", "strict-serializable", ("write-skew", "stale-read"), seed=4, operations=30)
    assert [name for name, _ in made.planted] == ["write-skew", "stale-read"]
    assert [len(indices) for _, indices in made.planted] == [4, 2]
    for number, (_, indices) in enumerate(made.planted):
        assert all(made.history.operations[i].value[0][1].startswith(f"p{number}") for i in indices)


def test_a_level_and_a_fault_settle_what_follows():
    """Write skew on a snapshot database: snapshot isolation holds, whatever is serializable fails, the rest follows."""
    known = generate("list-append", "strong-snapshot-isolation", ("write-skew",), operations=10).known
    assert "list-append@snapshot-isolation" in known.holds
    assert "list-append@read-committed" in known.holds
    assert {"list-append@serializable", "list-append@strict-serializable"} <= set(known.fails)
    assert "list-append@view-serializable" in known.open()


@pytest.mark.parametrize("interface", INTERFACES)
def test_levels_and_plants_name_rungs(interface):
    """Whatever a level keeps and a fault breaks is a rung of the ladder, and no fault breaks nothing."""
    made = INTERFACES[interface]
    prefix = f"{interface}@" if interface in ("list-append", "rw-register") else ""
    for keeps in made.levels.values():
        assert implied(interface, keeps)
    for plant in made.plants.values():
        assert plant.breaks
        assert {prefix + rung for rung in (*plant.keeps, *plant.breaks)} <= set(LADDERS[interface])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("registers", "linearizable"), "unknown interface"),
        (("kv", "linearisable"), "unknown level of kv"),
        (("kv", "linearizable", ("write-skew",)), "unknown fault of kv"),
    ],
)
def test_what_there_is_not_is_refused(arguments, message):
    """A name that does not exist is answered with those that do."""
    with pytest.raises(UsageError, match=message):
        generate(*arguments)


def test_numbers_are_checked():
    """No clients, no history."""
    with pytest.raises(UsageError, match="clients >= 1"):
        generate("kv", "linearizable", clients=0)
