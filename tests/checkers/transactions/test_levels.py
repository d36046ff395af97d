from itertools import pairwise

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.checkers.transactions import levels
from windtunnel.checkers.transactions.anomalies import meaning


def test_the_lattice_is_closed_and_acyclic():
    """Every level implies levels that exist, and none implies itself through others."""
    for level, lower in levels.IMPLIES.items():
        assert set(lower) <= set(levels.IMPLIES), level
        assert not any(level in levels.weaker(each) for each in lower), level
    assert set(levels.ALIASES.values()) <= set(levels.IMPLIES)
    assert levels.weaker(levels.STRONGEST) == set(levels.IMPLIES)
    assert set(levels.DECIDED) <= set(levels.IMPLIES)


def test_every_anomaly_has_a_meaning_and_rules_something_out():
    """No name without words, none without consequences."""
    for name in levels.ANOMALIES:
        assert meaning(name)
        assert levels.ruled_out([name]), name
        assert levels.STRONGEST in levels.ruled_out([name]), name


@pytest.mark.parametrize("suffix", ["", "-process", "-realtime"])
def test_worse_cycles_rule_out_more(suffix):
    """G0 is worse than G1c, than G-single, than G-nonadjacent, than G2-item; an order that is needed makes a cycle less bad."""
    names = ["G0", "G1c", "G-single", "G-nonadjacent", "G2-item"]
    for worse, better in pairwise(names):
        assert set(levels.ruled_out([better + suffix])) <= set(levels.ruled_out([worse + suffix]))
    for name in names:
        assert set(levels.ruled_out([name + suffix])) <= set(levels.ruled_out([name]))


@pytest.mark.parametrize(
    ("anomaly", "weakest", "holds"),
    [
        ("G0", ["read-uncommitted"], []),
        ("G1a", ["read-committed"], ["strong-read-uncommitted"]),
        ("G-single", ["repeatable-read", "consistent-view", "parallel-snapshot-isolation"], ["strong-read-committed"]),
        ("G-nonadjacent", ["snapshot-isolation", "repeatable-read"], ["consistent-view", "parallel-snapshot-isolation"]),
        ("G2-item", ["repeatable-read"], ["strong-snapshot-isolation"]),
        ("G2-item-realtime", ["strict-serializable"], ["strong-session-serializable", "strong-snapshot-isolation"]),
        ("lost-update", ["update-atomic", "cursor-stability"], ["strong-read-committed"]),
    ],
)
def test_what_elle_documents(anomaly, weakest, holds):
    """The weakest levels that fail and the strongest decided ones that hold, as Elle's lattice has them."""
    assert levels.weakest(levels.ruled_out([anomaly])) == weakest
    assert set(holds) <= set(levels.holding([anomaly]))


def test_levels_by_other_names():
    """Adya's names and abbreviations, in any case."""
    assert levels.level_named("PL-3") == "serializable"
    assert levels.level_named("Snapshot Isolation") == "snapshot-isolation"
    assert levels.level_named("psi") == "parallel-snapshot-isolation"
    with pytest.raises(UsageError, match="did you mean repeatable-read"):
        levels.level_named("repeatable-reads")
