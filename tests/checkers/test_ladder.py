"""One history, many models: implications are used, and checked."""

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.checkers import MODELS
from windtunnel.checkers.ladder import LADDERS, Rung, contradictions, implied, implying, interfaces_of, ladder
from windtunnel.cli.entry import main
from windtunnel.generators import INTERFACES, generate
from windtunnel.histories import history_of, write_jsonl


def test_a_strong_model_settles_the_weaker_ones():
    """Of a linearizable history one model is judged; the others follow."""
    found = ladder(history_of("A (w x 1)\nB          (r x 1)"))
    assert found.interface == "kv"
    assert all(rung.valid for rung in found.rungs)
    assert [rung.name for rung in found.rungs if rung.judged] == ["kv"]
    assert found.strongest() == ["kv"]


def test_a_stale_read_is_sequential():
    """What real time forbids and nothing else does."""
    found = ladder(history_of("A (w x 1)\nB          (r x nil)"))
    assert found.rung("kv").valid is False
    assert found.rung("sequential").valid is True
    assert found.strongest() == ["sequential", "staleness"]


def test_contradictions_are_told():
    """A stronger model that holds and a weaker one that fails is a bug of a checker."""
    found = {"sequential": Rung("sequential", valid=True), "pram": Rung("pram", valid=False)}
    assert contradictions("kv", found) == ["sequential holds, and pram, which it implies, does not"]


@pytest.mark.parametrize("interface", LADDERS)
def test_rungs_are_models(interface):
    """Each rung is a model of the registry, its implications are rungs below it, and no rung implies itself."""
    names = list(LADDERS[interface])
    for at, (name, lower) in enumerate(LADDERS[interface].items()):
        assert name.partition("@")[0] in MODELS
        assert set(lower) <= set(names)
        assert name in implied(interface, [name])
        assert all(name not in implied(interface, [weaker]) for weaker in lower)
        assert names[at] in implying(interface, lower or [name])


SAME_OPERATIONS = ({"mutex", "fencing-lock", "semaphore"}, {"adya-g2", "priority-queue"}, {"multi-register", "rw-register"})


@pytest.mark.parametrize("interface", INTERFACES)
def test_the_interface_is_told_from_the_operations(interface):
    """Every generated history finds its own ladder, or one of the same operations: then --model says which is meant."""
    level = next(iter(INTERFACES[interface].levels))
    found = ladder(generate(interface, level, seed=2, operations=30).history)
    assert found.interface == interface or any({found.interface, interface} <= same for same in SAME_OPERATIONS)


def test_strange_operations_are_refused():
    """No ladder, no verdict."""
    history = history_of("A (w x 1)")
    history.operations[0].f = "juggle"
    assert interfaces_of(["juggle"]) == []
    with pytest.raises(UsageError, match="no ladder knows all of the operations juggle"):
        ladder(history)


def test_the_command_prints_a_table(tmp_path, capsys):
    """Every model with its verdict; the exit code is 0 unless a model is asked for."""
    write_jsonl(history_of("A (w x 1)\nB          (r x nil)"), tmp_path / "h.jsonl")
    assert main(["check", str(tmp_path / "h.jsonl"), "--ladder"]) == 0
    out = capsys.readouterr().out
    assert "causal               valid    implied by sequential" in out
    assert "Strongest that hold: sequential, staleness." in out
    assert main(["check", str(tmp_path / "h.jsonl"), "--ladder", "--model", "kv"]) == 1
    assert main(["check", str(tmp_path / "h.jsonl"), "--ladder", "--model", "sequential", "--json"]) == 0


def test_a_level_decides_the_exit_code(tmp_path, capsys):
    """--model and --level name the rung that counts."""
    assert (
        main(["generate", "--level", "strong-snapshot-isolation", "--plant", "write-skew", "-o", str(tmp_path / "h.jsonl")]) == 0
    )
    ladder_of = ["check", str(tmp_path / "h.jsonl"), "--ladder", "--model", "list-append", "--level"]
    assert main([*ladder_of, "SI"]) == 0
    assert main([*ladder_of, "serializable"]) == 1
    assert main(["check", str(tmp_path / "h.jsonl"), "--ladder", "--level", "SI"]) == 3
    assert "--ladder needs --model" in capsys.readouterr().err
