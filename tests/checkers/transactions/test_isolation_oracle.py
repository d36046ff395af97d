import os

import pytest
from oracles import cycles_by_closure, list_dependencies, serial_order_exists, snapshot_order_exists
from random_transactions import any_lists, any_registers, database

from windtunnel.checkers import isolation
from windtunnel.checkers.transactions import levels

CASES = int(os.environ.get("WINDTUNNEL_CASES", "0"))
TIERS = {"": "serializable", "process": "strong-session-serializable", "realtime": "strict-serializable"}
SNAPSHOTS = {"": "snapshot-isolation", "process": "strong-session-snapshot-isolation", "realtime": "strong-snapshot-isolation"}
CYCLES = ("G0", "G1c", "G-single", "G-nonadjacent", "G2-item")
MADE = {"list-append": any_lists, "rw-register": any_registers}


def agree(history, interface):
    """Hold a small history against all oracles."""
    verdict = isolation(history, model=interface)
    if verdict.unknown:
        assert not any(op.type == "ok" for op in history)
        return
    names = [anomaly.name for anomaly in verdict.anomalies]
    out = set(levels.ruled_out(names))
    for order, level in TIERS.items():
        assert serial_order_exists(history, interface, order=order) == (level not in out), (level, names)
    for order, level in SNAPSHOTS.items():
        assert snapshot_order_exists(history, interface, order=order) == (level not in out), (level, names)
    dependencies = list_dependencies(history) if interface == "list-append" else None
    if dependencies is not None:
        expected = set(levels.ruled_out(cycles_by_closure(history, dependencies)))
        cycles = [name for name in names if name.split("-process")[0].split("-realtime")[0] in CYCLES]
        assert set(levels.ruled_out(cycles)) == expected, names


@pytest.mark.slow
@pytest.mark.parametrize("begin", range(0, 3000, 500))
@pytest.mark.parametrize("interface", MADE)
def test_small_histories_agree_with_every_order(interface, begin):
    """Serializable is what a serial order explains, snapshot isolation what snapshots do; cycles are those of the closures."""
    for seed in range(begin, begin + 500):
        agree(MADE[interface](seed), interface)


@pytest.mark.campaign
@pytest.mark.skipif(not CASES, reason="WINDTUNNEL_CASES says how many")
@pytest.mark.timeout(100_000)
@pytest.mark.parametrize("interface", MADE)
def test_many_small_histories_agree_with_every_order(interface):
    """The same for many seeds."""
    for seed in range(10_000, 10_000 + CASES):
        agree(MADE[interface](seed), interface)


@pytest.mark.parametrize(
    ("kept", "holds"),
    [
        ("strict", "strict-serializable"),
        ("serializable", "serializable"),
        ("si", "strong-snapshot-isolation"),
        ("stale-si", "snapshot-isolation"),
        ("read-committed", "read-committed"),
    ],
)
@pytest.mark.parametrize("interface", MADE)
def test_what_a_database_keeps_is_never_ruled_out(kept, holds, interface):
    """Histories of a simulated database are of the level that it keeps, with crashes and aborts."""
    for seed in range(8):
        history = database(seed, level=kept, interface=interface, transactions=120, updates=(seed % 3) / 2)
        verdict = isolation(history, level=holds)
        assert verdict.valid is True, (seed, verdict.why)


@pytest.mark.parametrize(
    ("kept", "broken"),
    [
        ("serializable", "strict-serializable"),
        ("si", "serializable"),
        ("stale-si", "strong-snapshot-isolation"),
        ("read-committed", "snapshot-isolation"),
    ],
)
@pytest.mark.parametrize("interface", MADE)
def test_what_a_database_does_not_keep_shows(kept, broken, interface):
    """Among a few hundred transactions of a weaker database some show it."""
    found = [isolation(database(seed, level=kept, interface=interface, updates=0.5), level=broken).valid for seed in range(8)]
    assert False in found
