"""What is known of generated histories, by brute force: every order is tried, on histories small enough for that."""

import sys
from pathlib import Path

import pytest

from windtunnel.generators import INTERFACES, generate

CHECKERS = Path(__file__).parents[1] / "checkers"
sys.path[:0] = [str(CHECKERS), str(CHECKERS / "weak"), str(CHECKERS / "transactions")]

import brute_force  # noqa: E402 - found by the line above
import oracles  # noqa: E402 - found by the line above
import weak_oracles  # noqa: E402 - found by the line above

SEEDS = range(12)

REGISTERS = {
    "kv": lambda history: brute_force.linearizable_by_brute_force(list(history)),
    "sequential": weak_oracles.sequential,
    "causal": weak_oracles.causal,
    "causal-convergence": weak_oracles.causal_convergence,
    "weak-causal": weak_oracles.weak_causal,
    "pram": weak_oracles.pram,
    **{
        name: lambda history, name=name: weak_oracles.guarantee(history, name)
        for name in ("read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads")
    },
}
TRANSACTIONS = {
    "strict-serializable": lambda history, kind: oracles.serial_order_exists(history, kind, order="realtime"),
    "strong-session-serializable": lambda history, kind: oracles.serial_order_exists(history, kind, order="process"),
    "serializable": oracles.serial_order_exists,
    "strong-snapshot-isolation": lambda history, kind: oracles.snapshot_order_exists(history, kind, order="realtime"),
    "strong-session-snapshot-isolation": lambda history, kind: oracles.snapshot_order_exists(history, kind, order="process"),
    "snapshot-isolation": oracles.snapshot_order_exists,
}


def judged(made, name):
    if made.interface == "kv":
        return REGISTERS[name](made.history)
    return TRANSACTIONS[name.partition("@")[2]](made.history, made.interface)


def decidable(made):
    names = REGISTERS if made.interface == "kv" else [f"{made.interface}@{level}" for level in TRANSACTIONS]
    return [(name, name in made.known.holds) for name in names if name in (*made.known.holds, *made.known.fails)]


@pytest.mark.parametrize("interface", ["kv", "list-append", "rw-register"])
def test_levels_hold_by_brute_force(interface):
    """Some order that a level asks for explains what its database answered."""
    for level in INTERFACES[interface].levels:
        for seed in SEEDS:
            made = generate(interface, level, seed=seed, operations=5, clients=3, keys=2, lost=0.1)
            for name, holds in decidable(made):
                assert judged(made, name) is holds, (level, seed, name)


@pytest.mark.parametrize("interface", ["kv", "list-append", "rw-register"])
def test_plants_break_what_they_say_by_brute_force(interface):
    """No order explains a script where it breaks a model, and some order does where it keeps it."""
    level = next(iter(INTERFACES[interface].levels))
    for plant in INTERFACES[interface].plants:
        made = generate(interface, level, (plant,), operations=0)
        settled = decidable(made)
        assert settled, plant
        for name, holds in settled:
            assert judged(made, name) is holds, (plant, name)
