import os
from pathlib import Path

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.base.streams import Stream
from windtunnel.checkers import check
from windtunnel.histories import History, Operation, history_of, read_history

DATA = Path(__file__).parents[2] / "data" / "histories" / "elle-cli" / "jepsen"

CASES = int(os.environ.get("WINDTUNNEL_CASES", "20000"))


def verdict(drawing, level=None):
    return check(history_of(drawing), "set-full", level=level)


@pytest.mark.parametrize(
    ("drawing", "kind"),
    [
        ("A (add 1) (read -> [])", "lost"),
        ("A (add 1) (read -> [1]) (read -> [])", "lost"),
        ("A (add 1>\nB           (read -> [1]) (read -> [])", "lost"),
        ("A (add 1) (read -> [1, 1])", "duplicate"),
        ("A (add 1) (read -> [1, 2])", "phantom"),
        ("A (add 1) (add 2!\nB                     (read -> [1, 2])", "phantom"),
        ("A (add 1) (read -> [1, 2]) (add 2) (read -> [1, 2])", "phantom"),
    ],
)
def test_known_bad_sets(drawing, kind):
    """Each anomaly by its name, with the add and the reads that show it."""
    found = verdict(drawing)
    assert found.valid is False
    assert found.why.startswith(f"{kind}: ")
    assert found.stats[kind] == 1


def test_outcomes_are_counted():
    """Stable, stale with its latency, never read, and in doubt."""
    found = verdict("A (add 1) (add 2)            (read -> [1, 2]) (add 3) (add 4>\nB                 (read -> [1])")
    assert found.valid
    counts = {name: found.stats[name] for name in ("stable", "stale", "never_read", "in_doubt")}
    assert counts == {"stable": 1, "stale": 1, "never_read": 1, "in_doubt": 1}
    late = verdict("A (add 1)\nB            (read -> []) (read -> [1])")
    assert late.valid
    assert late.stats["stale"] == 1
    assert late.stats["stale_s"]["max"] == 5.0
    strict = verdict("A (add 1)\nB            (read -> []) (read -> [1])", level="linearizable")
    assert strict.why.startswith("stale: 1 was known, and 5.000 s later read -> [] by process B")


def test_the_loss_is_explained():
    """What was known, which read lacks it, and which was the last to show it."""
    found = verdict("A (add 1) (read -> [1]) (read -> [])")
    assert [op.describe() for op in found.evidence.operations] == ["add 1", "read -> [1]", "read -> []"]
    assert "was the last to show it" in found.why


def test_keys_are_sets_of_their_own():
    """What was added to one set is not missing from another one."""
    assert verdict("A (add x 1) (add y 2) (x:read -> [1]) (y:read -> [2])").valid


def test_odd_reads_and_levels_are_refused():
    """A read is a list; a level is one of two."""
    with pytest.raises(UsageError, match="a read of a set to answer a list, got 5"):
        verdict("A (add 1) (read -> 5)")
    with pytest.raises(UsageError, match="unknown level"):
        verdict("A (add 1)", level="strict")


def test_without_a_read_nothing_is_said():
    """No read began after an add was answered."""
    assert verdict("A (read -> []) (add 1)").unknown


@pytest.mark.parametrize(("file", "valid"), [("set.edn", True), ("set_full.edn", False)])
def test_published_sets(file, valid):
    """The verdicts of elle-cli's tests."""
    assert check(read_history(DATA / file), "set-full").valid is valid


def random_set(seed):
    """A set whose reads sometimes lag, lose, repeat, or invent."""
    stream = Stream(seed, "set")
    operations, working, there = [], {}, []
    for position in range(10 + stream.below(12)):
        process = stream.below(3)
        if process in working:
            op = working.pop(process)
            op.completed = position
            op.type = stream.choice(("ok",) * 6 + ("info", "fail")) if op.f == "add" else "ok"
            if op.f == "read":
                op.result = [value for value in there if not stream.chance(0.1)]
                if stream.chance(0.05):
                    op.result.append(stream.choice((99, *there)))
        else:
            f = stream.choice(("add", "read"))
            op = Operation(len(operations), process, f, None, len(operations) if f == "add" else None)
            there += [op.value] if f == "add" else []
            op.invoked = position
            operations.append(op)
            working[process] = op
    return History(operations, timed=False)


def by_definition(history):
    """No element is lost, repeated, or from nowhere."""
    reads = [op for op in history if op.f == "read" and op.type == "ok"]
    for read in reads:
        for value in read.result:
            adds = [op for op in history if op.f == "add" and op.value == value and op.type != "fail"]
            if not any(op.invoked < read.completed for op in adds) or read.result.count(value) > len(adds):
                return False
    for add in history:
        if add.f != "add" or add.type == "fail":
            continue
        ends = [add.completed] if add.type == "ok" else []
        ends += [read.completed for read in reads if add.value in read.result]
        if not ends:
            continue
        after = [read for read in reads if read.invoked > min(ends) and add.value not in read.result]
        if any(all(r.invoked < read.invoked for r in reads if add.value in r.result) for read in after):
            return False
    return True


def differ(seeds):
    for seed in seeds:
        history = random_set(seed)
        found = check(history, "set-full")
        if found.valid is not None:
            assert found.valid is by_definition(history), seed


def test_random_sets_against_the_definition():
    """A thousand small histories."""
    differ(range(1000))


@pytest.mark.campaign
def test_many_random_sets_against_the_definition():
    """Tens of thousands."""
    differ(range(10_000, 10_000 + CASES))
