"""Witnesses: orders guessed from the values and verified. A guess may fail; what is verified must be right."""

import sys
from collections import Counter
from dataclasses import replace
from itertools import permutations

import pytest
from brute_force import linearizable_by_brute_force
from random_histories import ALL, random_history

from windtunnel.base.streams import Stream
from windtunnel.checkers.keyvalue import KeyValue
from windtunnel.checkers.linearizable import linearizable
from windtunnel.checkers.problem import relevant
from windtunnel.checkers.witness import legal, witness
from windtunnel.histories import History, Operation, history_of

MIXES = (("read", "write"), ("read", "write", "cas"), ("read", "append"), ALL, ("read", "cas"))


def small_history(seed):
    """At most 7 operations with crashes and lies: mostly of unique values, some of few ones."""
    return random_history(
        seed,
        operations=3 + seed % 5,
        clients=2 + seed % 4,
        functions=MIXES[seed % len(MIXES)],
        crash=(0.0, 0.1, 0.25)[seed % 3],
        lie=(0.0, 0.15, 0.4)[seed // 5 % 3],
        unique=seed % 4 != 0,
    )


def crowded_history(seed, *, operations, at_once, crash=0.0):
    """One key under open arrivals: a few operations at work, but for an outage, the middle third, that up to `at_once` wait out.

    Each takes effect at one instant, so the history is legal. Values are unique; a compare-and-set expects what is there, or what
    was asked for last. crash: chance that an operation is never answered, though it may have taken effect.
    """
    stream = Stream(seed, "crowd")
    history, waiting, done = [], [], []
    value, asked, position = None, None, 0
    while len(history) < operations or waiting or done:
        outage = operations <= 3 * len(history) < 2 * operations
        if len(history) < operations and len(waiting) + len(done) < (at_once if outage else 4):
            f = stream.choice(("read", "read", "read", "write", "append", "cas"))
            number = str(len(history))
            expected = value if stream.chance(0.5) else asked
            argument = {"read": None, "write": number, "append": f"+{number}", "cas": (expected, number)}[f]
            asked = asked if f == "read" else number
            waiting.append(Operation(len(history), len(history), f, None, argument, invoked=position, invoked_s=float(position)))
            history.append(waiting[-1])
            position += 1
            if outage and stream.chance(0.9):
                continue
        for _ in range(2 if waiting else 0):
            if waiting:
                op = waiting.pop(stream.below(len(waiting)))
                op.result, value = applied(op, value)
                done.append(op)
        if done:
            op = done.pop(stream.below(len(done)))
            if stream.chance(crash):
                op.result = None
                continue
            op.type, op.completed, op.completed_s = "ok", position, float(position)
            position += 1
    return History(history)


def applied(op, value):
    """What an operation answers, and the value after it."""
    if op.f == "read":
        return value, value
    if op.f == "cas":
        return (True, op.value[1]) if value == op.value[0] else (False, value)
    return None, op.value if op.f == "write" else (value or "") + op.value


def most_at_once(history):
    """How many operations were at work at the same time, at most."""
    at_work = most = 0
    for kind, _ in history.events():
        at_work += 1 if kind == "invoke" else -1
        most = max(most, at_work)
    return most


# --- Right ---


@pytest.mark.parametrize("block", range(3))
def test_a_witness_is_never_found_for_what_no_order_explains(block):
    """On random small histories, legal and not: where there is a witness, trying all permutations finds an order as well."""
    seen = Counter()
    for seed in range(block * 1000, (block + 1) * 1000):
        history = small_history(seed)
        found = witness(KeyValue(), relevant(KeyValue(), history.operations)) is not None
        expected = linearizable_by_brute_force(history.operations)
        assert expected or not found, f"seed {seed}"
        seen[seed % 4 != 0, expected, found] += 1
    assert seen[True, False, False] > 50, "the fuzz must show bad histories"
    assert seen[True, True, False] <= 3, "where values are unique hardly any order may be missed"
    assert seen[True, True, True] > 400


def test_verdicts_stay_when_guesses_come_first(monkeypatch):
    """With a search that is cut off at once, so that every key is guessed, verdicts are those of the search alone."""
    monkeypatch.setattr(sys.modules["windtunnel.checkers.linearizable"], "FIRST_STEPS", 1)
    seen = Counter()
    for seed in range(300):
        history = random_history(
            seed,
            operations=10 + seed % 30,
            clients=2 + seed % 6,
            functions=MIXES[seed % len(MIXES)],
            crash=(0.0, 0.1)[seed % 2],
            lie=(0.0, 0.1)[seed // 2 % 2],
            unique=seed % 3 != 0,
        )
        verdict = linearizable(history, KeyValue(), explained=False)
        assert verdict.valid is linearizable(history, KeyValue(), explained=False, guesses=False).valid, f"seed {seed}"
        seen[verdict.valid, verdict.stats.get("keys_by_witness", 0)] += 1
    assert seen[True, 1] > 50
    assert seen[False, 0] > 50


def test_a_legal_order_is_what_the_oracle_calls_one():
    """On every order of every selection of a few operations, the verification and the definition agree."""
    seen = Counter()
    for seed in range(150):
        operations = random_history(
            seed, operations=4, clients=3, functions=MIXES[seed % len(MIXES)], crash=0.15, lie=0.1, unique=seed % 2 == 0
        ).operations
        for length in range(len(operations) + 1):
            for order in permutations(range(len(operations)), length):
                left_out = [op for op in operations if op.type == "ok" and op.index not in order]
                expected = not left_out and obeyed([operations[number] for number in order])
                assert legal(KeyValue(), operations, order) is expected, f"seed {seed}, order {order}"
                seen[expected] += 1
    assert min(seen.values()) > 100


def obeyed(order):
    """The definition, without shortcuts: every pair keeps real time, every answer is what a store gives."""
    value = None
    for at, op in enumerate(order):
        if any(later.type == "ok" and later.completed < op.invoked for later in order[at + 1 :]):
            return False
        answer, value = applied(op, value)
        if op.type == "ok" and op.result != answer:
            return False
    return True


# --- Corrupted witnesses, one kind of damage each ---

GOOD = """
A  (w 1)       (cas 1 2      )           (r 2)
B        (r 1)      (cas 7 8 -> false)
C   (w 5>                         (w 6!
"""


@pytest.fixture
def good():
    """The operations of a history, and a legal order of them, which leaves out what was not answered."""
    operations = history_of(GOOD).operations
    order = witness(KeyValue(), [op for op in operations if op.type != "fail"])
    kept = [number for number, op in enumerate(operations) if op.type != "fail"]
    order = [kept[number] for number in order]
    assert legal(KeyValue(), operations, order)
    return operations, order


def test_an_order_against_real_time_is_no_witness(good):
    """Two reads of one value, the earlier of which had returned: exchanged, every answer is right and the order is wrong."""
    operations = history_of("A (w 1) (r 1) (r 1)").operations
    assert legal(KeyValue(), operations, [0, 1, 2])
    assert not legal(KeyValue(), operations, [0, 2, 1])
    operations, order = good
    for at in range(len(order) - 1):
        first, second = operations[order[at]], operations[order[at + 1]]
        if first.completed < second.invoked:
            assert not legal(KeyValue(), operations, [*order[:at], order[at + 1], order[at], *order[at + 2 :]])


def test_an_order_that_leaves_out_an_answer_is_no_witness(good):
    """Every operation that was answered must be there, even one whose absence nobody could notice."""
    operations, order = good
    for at in range(len(order)):
        assert not legal(KeyValue(), operations, [*order[:at], *order[at + 1 :]])


def test_an_order_that_repeats_an_operation_is_no_witness(good):
    """Nothing takes effect twice, answered or not."""
    operations, order = good
    for at, number in enumerate(order):
        assert not legal(KeyValue(), operations, [*order[: at + 1], number, *order[at + 1 :]])
    twice = history_of('A (append a>\nB             (r "aa")').operations
    assert not legal(KeyValue(), twice, [0, 0, 1])


def test_an_order_with_a_wrong_answer_is_no_witness(good):
    """Each answer, changed alone, makes the order illegal."""
    operations, order = good
    for number in order:
        op = operations[number]
        if op.f in ("read", "cas"):
            wrong = not op.result if op.f == "cas" else 99
            changed = [*operations[:number], replace(op, result=wrong), *operations[number + 1 :]]
            assert not legal(KeyValue(), changed, order)


def test_an_order_with_what_failed_or_does_not_exist_is_no_witness(good):
    """An operation that failed had no effect; numbers beyond the history, or below it, mean nothing."""
    operations, order = good
    failed = next(number for number, op in enumerate(operations) if op.type == "fail")
    for number in (failed, len(operations), -1):
        assert not legal(KeyValue(), operations, [*order, number])


def test_what_was_not_answered_may_come_late_but_not_early(good):
    """An unanswered write fits anywhere after its invocation, or nowhere; never before what had returned by then."""
    operations, order = good
    unanswered = next(number for number, op in enumerate(operations) if op.type == "info")
    assert legal(KeyValue(), operations, [*order, unanswered])
    operations = history_of("A (w 1) (r 1)\nB              (w 2>").operations
    assert not legal(KeyValue(), operations, [2, 0, 1])
    assert legal(KeyValue(), operations, [0, 1, 2])


class Liar(KeyValue):
    """A specification that guesses an order at random: the one by invocation."""

    def guess(self, operations):
        """Everything, as it was asked."""
        return list(range(len(operations)))


def test_a_wrong_guess_makes_no_verdict(monkeypatch):
    """A specification may guess what it likes: bad histories stay bad, good ones good."""
    monkeypatch.setattr(sys.modules["windtunnel.checkers.linearizable"], "FIRST_STEPS", 1)
    for drawing, expected in (
        ("A (w 1) (w 2)\nB                (r 1)", False),
        ("A (w 1      )\nB   (r nil) (r 1)", True),
    ):
        assert linearizable(history_of(drawing), Liar(), guesses=True).valid is expected


# --- Strong enough ---


@pytest.mark.parametrize(("at_once", "crash"), [(50, 0.0), (100, 0.02), (200, 0.1)])
def test_crowds_have_witnesses(at_once, crash):
    """Of legal histories with many operations at work at once, and unanswered ones, nearly all get a witness."""
    found = 0
    for seed in range(12):
        history = crowded_history(seed, operations=900, at_once=at_once, crash=crash)
        assert most_at_once(history) > at_once * 0.9
        operations = relevant(KeyValue(), history.operations)
        found += witness(KeyValue(), operations) is not None
    assert found >= 11


@pytest.mark.parametrize("at_once", [50, 200])
def test_a_stale_read_in_a_crowd_has_no_witness(at_once):
    """A read of a value that was overwritten long ago, at the end of a crowded history, is never explained."""
    for seed in range(6):
        operations = crowded_history(seed, operations=400, at_once=at_once).operations
        last = max(op.completed for op in operations)
        stale = next(op for op in operations if op.f == "write").value
        read = Operation(len(operations), "late", "read", None, None, "ok", stale, None, 0.0, 1.0, last + 1, last + 2)
        assert witness(KeyValue(), operations) is not None
        assert witness(KeyValue(), [*operations, read]) is None


def test_a_crowd_is_decided_without_a_search(monkeypatch):
    """What the search gives up is valid by a witness, and the verdict says so; small histories are searched as ever."""
    monkeypatch.setattr(sys.modules["windtunnel.checkers.linearizable"], "SHRINK_STEPS", 1_000)
    history = crowded_history(3, operations=300, at_once=80)
    assert linearizable(history, KeyValue(), configurations=5_000, guesses=False).valid is None
    verdict = linearizable(history, KeyValue(), configurations=5_000)
    assert verdict.valid is True
    assert verdict.stats["keys_by_witness"] == 1
    assert "keys by witness 1" in verdict.lines()[-1]
    assert "keys_by_witness" not in linearizable(random_history(1, operations=40), KeyValue()).stats


@pytest.mark.parametrize(
    "drawing",
    [
        "A (w 1) (r 1) (w 2) (r 2)",
        "A (r nil) (cas nil 1) (cas 1 2) (r 2)",
        'A (w "a") (append b   ) (r "abc")\nB           (append c )',
        'A (append a    )\nB  (append b  ) (r "ba")',
        # nobody saw 3, which the compare-and-set must have come after
        "A (w 1) (w 3) (cas 1 4 -> false)",
        # the write of 4, which returned last, must move up: the value was 2 before and after
        "A  (w 2) (cas 2 9 -> false) (w 3)\nB (w 4                              )",
        # the write of 3, which returned first, must move down
        "A (w 2        ) (cas 2 9 -> false)\nB    (w 3)",
        # the same, but the write of 1, which is nearest, must stay where it is
        "A  (w 1) (w 2) (cas 2 9 -> false) (w 3)\nB (w 4                                    )",
        # an unanswered write, which nobody read, explains why the comparison failed
        "A (w 1) (r 1)      (cas 1 9 -> false)\nB          (w 7>",
        # the same with a compare-and-set
        "A (w 1) (r 1)      (cas 1 9 -> false)\nB          (cas 1 7>",
        "A (w [1]) (r [1]) (cas [1] [2]) (r [2])",
        'A (r "") (r nil) (cas "" 1) (r 1)',
    ],
)
def test_witnesses_of_small_legal_histories(drawing):
    """Each way in which an operation finds its place, one at a time."""
    assert witness(KeyValue(), relevant(KeyValue(), history_of(drawing).operations)) is not None


@pytest.mark.parametrize(
    "drawing",
    [
        "A (w 1) (r 1) (w 1)",
        'A (cas nil "") (r nil)',
        'A (w ab) (append c) (r "abc") (append bc)',
        "A (w 1)\nB          (cas 1 2) (cas 1 3)",
        "A (r 5)",
    ],
)
def test_no_guess_when_in_doubt(drawing):
    """Values of two makers, of none, or that follow from each other in a circle are left to the search."""
    assert KeyValue().guess(history_of(drawing).operations) is None
