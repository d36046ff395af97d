import os
from itertools import permutations
from pathlib import Path

import pytest

from windtunnel.base.streams import Stream
from windtunnel.checkers import MODELS, check
from windtunnel.histories import History, Operation
from windtunnel.histories.transactions import read_transactions

CASES = int(os.environ.get("WINDTUNNEL_CASES", "20000"))
LEVELS = ("read-committed", "read-atomic", "transactional-causal")
DATA = Path(__file__).parents[2] / "data" / "histories"
ELSEWHERE = os.environ.get("WINDTUNNEL_HISTORIES")


def transactions(*rows):
    """Transactions (session, [micro ...]) or (..., type), one after another."""
    operations = []
    for index, (process, micros, *kind) in enumerate(rows):
        asked = [[f, key, None if f == "r" else value] for f, key, value in micros]
        operation = Operation(index, process, "txn", None, asked, kind[0] if kind else "ok", None)
        operation.result = [list(micro) for micro in micros] if operation.type == "ok" else None
        operation.invoked, operation.completed = 2 * index, 2 * index + 1
        operations.append(operation)
    return History(operations, timed=False)


# --- Published verdicts ---

PUBLISHED = {"none": (), "read-committed": LEVELS[:1], "read-atomic": LEVELS[:2], "causal": LEVELS}
FILES = sorted((DATA / "awdit").rglob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DATA)))
def test_verdicts_of_awdit(path):
    """The folder names the strongest of the three levels that holds."""
    holds = PUBLISHED[path.relative_to(DATA / "awdit").parts[0]]
    history = read_transactions(path)
    assert {level: check(history, level).valid for level in LEVELS} == {level: level in holds for level in LEVELS}


def test_verdict_of_isovista():
    """A bug of YugabyteDB: not causal."""
    history = MODELS["transactional-causal"].read(DATA / "isovista" / "yugabyte_tcc.txt", "auto")
    assert check(history, "transactional-causal").valid is False


@pytest.mark.campaign
@pytest.mark.skipif(not ELSEWHERE, reason="WINDTUNNEL_HISTORIES names no folder of histories")
def test_verdict_of_dbcop():
    """Published beside PolySI without a licence to copy: not causal."""
    history = read_transactions(Path(ELSEWHERE) / "polysi" / "dbcop" / "non_cc.yaml")
    assert check(history, "transactional-causal").valid is False


# --- Known bad histories ---

BAD = {
    "garbage-read": [(1, [("r", "x", 9)])],
    "aborted-read": [(1, [("w", "x", 1)], "fail"), (2, [("r", "x", 1)])],
    "intermediate-read": [(1, [("w", "x", 1), ("w", "x", 2)]), (2, [("r", "x", 1)])],
    "future-read": [(1, [("r", "x", 1), ("w", "x", 1)])],
    "internal": [(1, [("w", "x", 1), ("r", "x", None)])],
    "CyclicCO": [(1, [("r", "x", 1), ("w", "y", 1)]), (2, [("r", "y", 1), ("w", "x", 1)])],
    "non-monotonic-read": [(1, [("w", "x", 1), ("w", "y", 1)]), (2, [("r", "y", 1), ("r", "x", None)])],
}


@pytest.mark.parametrize("kind", BAD)
def test_what_even_read_committed_forbids(kind):
    """One history per anomaly, named with its transactions."""
    found = check(transactions(*BAD[kind]), "read-committed")
    assert found.valid is False
    assert found.why.startswith(f"{kind}: ")
    assert found.evidence.operations


def test_fractured_reads():
    """Half of a transaction is seen, in the other order of reads: committed, but not atomic."""
    rows = [(1, [("w", "x", 1), ("w", "y", 1)]), (2, [("w", "x", 2), ("w", "y", 2)]), (3, [("r", "x", 1), ("r", "y", 2)])]
    found = check(transactions(*rows, (1, [("w", "z", 1)]), (2, [("r", "z", 1)])), "read-atomic")
    assert found.valid is False
    assert found.why.startswith("fractured-read: no commit order")
    assert "must come before the next one" in found.explanation
    rows = [(1, [("w", "x", 1), ("w", "y", 1)]), (3, [("r", "x", None), ("r", "y", 1)])]
    assert check(transactions(*rows), "read-atomic").why.startswith("fractured-read: [r x nil")
    assert check(transactions(*rows), "read-committed").valid


def test_an_effect_without_its_cause():
    """A reply is seen and not what it replies to: atomic, but not causal."""
    rows = [(1, [("w", "x", 1)]), (2, [("r", "x", 1), ("w", "y", 1)]), (3, [("r", "y", 1)]), (3, [("r", "x", None)])]
    assert check(transactions(*rows), "read-atomic").valid
    found = check(transactions(*rows), "transactional-causal")
    assert found.why.startswith("causality: [r x nil]")


def test_values_written_twice_are_unknown():
    """Who was read is not known then."""
    assert check(transactions((1, [("w", "x", 1)]), (2, [("w", "x", 1)])), "read-atomic").unknown
    assert check(transactions((1, [("w", "x", 1)], "info")), "read-atomic").unknown


# --- Against every commit order ---


def random_transactions(seed, *, transactions_max=5):
    """Reads answer what was ever written, mostly by earlier transactions."""
    stream = Stream(seed, "commit orders")
    count, written, rows = 2 + stream.below(transactions_max - 1), {"x": [None], "y": [None]}, []
    for number in range(count):
        micros, own = [], {}
        kind = stream.choice(("ok",) * 9 + ("info", "fail"))
        for _ in range(1 + stream.below(3)):
            key = "xy"[stream.below(2)]
            if stream.chance(0.5):
                own[key] = 10 * number + len(micros)
                micros.append(("w", key, own[key]))
            elif key in own and stream.chance(0.95):
                micros.append(("r", key, own[key]))
            else:
                micros.append(("r", key, stream.choice(written[key][-3:])))
        for key, value in own.items():
            written[key].append(value)
        rows.append((stream.below(3), micros, kind))
    if stream.chance(0.3):
        rows.reverse()
    return transactions(*rows)


def by_definition(history, level):
    """The axioms of Biswas and Enea over all orders of the committed transactions."""
    micros = {op.index: op.result if op.type == "ok" else [m for m in op.value if m[0] == "w"] for op in history}
    final = {index: {key: value for f, key, value in some if f == "w"} for index, some in micros.items()}
    by_value = {(key, value): index for index, some in micros.items() for f, key, value in some if f == "w"}
    reads = {index: [] for index in micros}
    for op in history:
        own = {}
        for place, (f, key, value) in enumerate(op.result if op.type == "ok" else []):
            if f == "w":
                own[key] = value
            elif key in own:
                if own[key] != value:
                    return False
            else:
                writer = by_value.get((key, value), -1)
                if value is not None and (writer in (-1, op.index) or final[writer][key] != value):
                    return False
                if writer != -1 and history.operations[writer].type == "fail":
                    return False
                reads[op.index].append((place, key, writer))
    seen = {writer for some in reads.values() for _, _, writer in some}
    kept = [op.index for op in history if op.type == "ok" or (op.type == "info" and op.index in seen)]
    process = {op.index: op.process for op in history}
    sessions = {(a, b) for a in kept for b in kept if a < b and process[a] == process[b]}
    edges = sessions | {(writer, reader) for reader in kept for _, _, writer in reads[reader] if writer != -1}
    causal = set(edges)
    while more := {(a, d) for a, b in causal for c, d in causal if b == c} - causal:
        causal |= more
    for order in permutations(kept):
        rank = {index: place for place, index in enumerate(order)} | {-1: -1}
        if all(rank[a] < rank[b] for a, b in edges) and _legal(kept, reads, final, rank, edges, causal, level):
            return True
    return False


def _legal(kept, reads, final, rank, edges, causal, level):
    for reader in kept:
        for place, key, source in reads[reader]:
            for other in kept:
                if other in (source, reader) or key not in final[other]:
                    continue
                visible = {
                    "read-committed": any(w == other and at < place for at, _, w in reads[reader]),
                    "read-atomic": (other, reader) in edges,
                    "transactional-causal": (other, reader) in causal,
                }[level]
                if visible and rank[other] > rank[source]:
                    return False
    return True


def differ(seeds, **sizes):
    for seed in seeds:
        history = random_transactions(seed, **sizes)
        for level in LEVELS:
            found = check(history, level)
            if found.valid is not None:
                assert found.valid is by_definition(history, level), (level, seed)


def test_small_histories_against_the_axioms():
    """Hundreds of histories, with aborted and unanswered transactions."""
    differ(range(600))


@pytest.mark.campaign
def test_many_small_histories_against_the_axioms():
    """Tens of thousands, and larger ones."""
    differ(range(10_000, 10_000 + CASES))
    differ(range(900_000, 900_000 + CASES // 20), transactions_max=7)


def test_the_levels_imply_each_other():
    """Causal implies atomic, atomic implies committed."""
    for seed in range(500):
        history = random_transactions(seed, transactions_max=12)
        held = [check(history, level).valid for level in LEVELS]
        assert held == sorted(held, key=lambda valid: not valid), seed
