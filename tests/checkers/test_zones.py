import subprocess
import sys

import numpy as np
import pytest
from brute_force import linearizable_by_brute_force
from random_histories import random_history

from windtunnel.checkers import linearizable, zones
from windtunnel.checkers.keyvalue import KeyValue, Register
from windtunnel.histories import History, history_of
from windtunnel.histories.columns import columns_of


def test_zones_agree_with_trying_every_order():
    """Thousands of small histories, some keys at a time, with lies and unanswered writes."""
    judged = {1: 0, 0: 0, -1: 0}
    for seed in range(1500):
        history = random_history(
            seed,
            operations=4 + seed % 10,
            clients=2 + seed % 4,
            keys=1 + seed % 3,
            functions=("read", "write"),
            crash=(0, 0.1, 0.3)[seed % 3],
            lie=(0, 0.1, 0.4)[seed % 3],
            unique=seed % 4 != 0,
        )
        columns = columns_of(history.operations)
        verdicts = zones.judged(columns)
        for number, key in enumerate(columns.keys):
            found = int(verdicts[number])
            judged[found] += 1
            if found < 0:
                continue
            mine = [op for op in history if op.key == key]
            if len(mine) <= 7:
                assert linearizable_by_brute_force(mine) is bool(found), f"{seed} {key}"
            elif any(op.type == "ok" for op in mine):
                assert linearizable(History(mine), KeyValue(), explained=False, guesses=False).valid is bool(found)
            if not found:
                core = [history.operations[at] for at in zones.contradiction(columns, number)]
                assert {op.key for op in core} == {key}
                assert not linearizable_by_brute_force(core), f"{seed} {key}"
    assert min(judged.values()) > 100


@pytest.mark.parametrize(
    ("drawing", "verdict"),
    [
        ("A (w 1)  (w 2)   (r 1)", 0),
        ("A (w 1)  (w 2   )\nB           (r 1)(r 2)", 1),
        ("A (r 5)", 0),
        ("A (r 1)(w 1)", 0),
        ("A (w 1)(r nil)", 0),
        ("A (w 1>\nB    (r nil) (r 1)", 1),
        ("A (w 1)(w 1)(r 1)", -1),
        ("A (w nil)(r nil)", -1),
        ('A (w "")(r nil)', -1),
    ],
)
def test_zones_of_the_literature(drawing, verdict):
    """Overlapping forward zones, backward zones within them, values from nowhere, and values that tell nothing."""
    assert list(zones.judged(columns_of(history_of(drawing).operations))) == [verdict]


def test_other_operations_are_no_business_of_zones():
    """A compare-and-set ties values together: not judged here."""
    assert zones.judged(columns_of(history_of("A (w 1)(cas 1 2)").operations)) is None


def test_many_keys_are_judged_at_once():
    """A long history of many keys needs no search; the keys that are bad are named, the others are not looked at."""
    history = random_history(3, operations=4000, clients=9, keys=40, functions=("read", "write"), unique=True, crash=0.01)
    verdict = linearizable(history, Register)
    assert verdict.valid
    assert verdict.stats["keys_by_algorithm"] == verdict.stats["keys"] == 40
    stale = [op for op in history if op.f == "read" and op.type == "ok" and op.key == "k7"][-1]
    stale.result = next(op.value for op in history if op.f == "write" and op.key == "k7" and op.type == "ok")
    bad = linearizable(history, Register, every_key=True)
    assert bad.valid is False
    assert bad.stats["bad_keys"] == ["k7"]
    assert stale in bad.evidence.operations
    assert len(bad.evidence.operations) <= 6


def test_verdicts_of_all_keys_are_small_integers():
    """One byte per key, so that a hundred thousand keys cost nothing."""
    verdicts = zones.judged(columns_of(history_of("A (x:w 1) (y:w 1)").operations))
    assert verdicts.dtype == np.int8


def test_small_histories_do_without_numpy():
    """A process that checks a few operations never loads it."""
    code = (
        "import sys; from windtunnel.checkers import check; from windtunnel.histories import history_of; "
        "assert check(history_of('A (w 1)(r 1)'), 'register').valid; "
        "assert check(history_of('A (enqueue 1)(dequeue -> 1)'), 'queue').valid; sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
