import json

import pytest
from random_histories import ALL, random_history

from windtunnel.checkers import check
from windtunnel.checkers.keyvalue import KeyValue
from windtunnel.checkers.linearizable import linearizable
from windtunnel.histories import History, history_of

# --- Known anomalies, one each, with what the evidence must show ---

ANOMALIES = {
    "stale read": (
        """
        A  (w 1)  (w 2)
        B                (r 1)
        """,
        "read -> 1",
        2,
    ),
    "read of nothing": ("A (w 1)  (r nil)", "read -> null", 1),
    "phantom": ("A (w 1)  (r 7)", "read -> 7", None),
    "read from the future": ("A (r 1)  (w 1)", "read -> 1", None),
    "lost update": (
        """
        A  (w 0)  (cas 0 1)
        B          (cas 0 2)
        """,
        "cas [0, 2] -> true",
        1,
    ),
    "new then old": (
        """
        A  (w 1)  (w 2                 )
        B          (r 2)  (r 1)
        """,
        "read -> 1",
        2,
    ),
    "crashed write comes and goes": (
        """
        A  (w 1)  (w 2>
        B                (r 2) (r 1) (r 2)
        """,
        "read -> 1",
        2,
    ),
    "failed compare that would match": ("A (w 1) (cas 1 2 -> false)", "cas [1, 2] -> false", 1),
    "refused write is read": ("A (w 1) (w 2! (r 2)", "read -> 2", None),
    "appends in another order": ('A (append a) (append b) (r "ba")', "read -> ba", "ab"),
    "append lost": ('A (append a) (append b) (r "a")', "read -> a", "ab"),
    "append twice": ('A (append a) (r "aa")', "read -> aa", "a"),
    "reads that cannot both be": (
        """
        A  (append a     )
        B  (append b     )
        C   (r "ab")
        D             (r "ba")
        """,
        "read -> ba",
        "ab",
    ),
}


@pytest.mark.parametrize("name", ANOMALIES)
def test_anomalies_are_found_and_explained(name):
    """Each anomaly is found; the evidence has the operation that is stuck, the last state and few operations."""
    drawing, stuck, last_state = ANOMALIES[name]
    verdict = check(history_of(drawing), "kv")
    assert verdict.valid is False
    evidence = verdict.evidence
    assert evidence.property == "linearizability"
    assert evidence.stuck.describe() == stuck
    assert evidence.last_state == last_state
    assert len(evidence.operations) <= 4
    assert verdict.why.startswith(f"{stuck} by process ")
    json.dumps(verdict.to_json())


@pytest.mark.parametrize(
    "drawing",
    [
        "A (w 1) (r 1)",
        "A (w 1      )\nB   (r nil) (r 1)",
        "A (w 1) (w 2>\nB              (r 1) (r 2)",
        "A (w 1) (w 2>\nB              (r 1) (r 1)",
        "A (cas nil 1) (cas 1 2) (cas 1 3 -> false) (r 2)",
        'A (append a    )\nB  (append b  ) (r "ba")',
        'A (r "") (r nil) (append "") (r nil)',
        "A (w [1]) (r [1]) (cas [1] [2]) (r [2])",
        "A (w 1) (w 2! (r 1)",
        'A (w {"a": 1}) (r {"a": 1})',
    ],
)
def test_legal_histories(drawing):
    """Overlap, unanswered and refused operations, and values of any kind are legal."""
    assert check(history_of(drawing), "kv").valid is True


@pytest.mark.parametrize("drawing", ["A (w 1) (r true)", "A (w [1]) (r 1)", "A (w 0) (r false)", "A (w 0) (r nil)"])
def test_values_of_different_kinds_differ(drawing):
    """True is not 1, a list is not its element, nothing is not 0."""
    assert check(history_of(drawing), "kv").valid is False


# --- Evidence ---


def test_the_explanation_says_what_was_tried():
    """State, stuck operation, operations tried first and why each does not help, and who had made the value."""
    verdict = check(
        history_of(
            """
            A  (w x 1)  (w x 2)
            B                    (w x 3        )
            C                     (cas x 2 5   )
            D                       (r x 1)  (r x 5)
            """
        ),
        "kv",
    )
    text = "\n".join([verdict.why, *verdict.evidence.text])
    assert "read x -> 1 by process D" in verdict.why
    assert "it needs 1, but x held 2" in verdict.why
    assert "(write x 1)" in text
    assert "The only operation that makes x 1, write x 1 by process A" in text
    assert "had returned before it was invoked" in text
    assert "It overlaps others that do not make it so either: write x 3 by process B" in text


def test_pending_operations_are_tried():
    """An operation that belongs to the argument is shown with the state that it would lead to."""
    verdict = check(
        history_of(
            """
            A  (w x 1)        (r x 1)
            B          (w x 2        )
            C             (r x 2)
            D                          (r x 1)
            """
        ),
        "kv",
    )
    text = "\n".join(verdict.evidence.text)
    assert "(write x 2" in text
    assert verdict.evidence.stuck.process in "AD"


def test_evidence_of_a_long_history_is_short():
    """Of 2000 operations few remain, with the place of the violation, whatever came before."""
    history = random_history(3, operations=2000, clients=5, unique=True, functions=("read", "write"))
    reads = [op for op in history if op.f == "read" and op.type == "ok"]
    stuck = reads[len(reads) // 2]
    stuck.result = [op.value for op in history if op.f == "write" and (op.completed or 10**9) < stuck.invoked][-30]
    verdict = check(history, "kv")
    assert verdict.valid is False
    assert len(verdict.evidence.operations) <= 6
    assert verdict.evidence.stuck is stuck


def test_verdicts_repeat():
    """The same history gives the same verdict, evidence and work, every time: no clock and no hash decides."""
    history = random_history(10, operations=120, clients=5, crash=0.05, lie=0.2, unique=True)
    first, second = check(history, "kv"), check(history, "kv")
    assert first.valid is False
    assert (first.why, first.evidence.text) == (second.why, second.evidence.text)
    assert first.stats["configurations"] == second.stats["configurations"]


# --- Budgets ---


def test_an_exhausted_budget_is_unknown_and_says_where():
    """When memory or time is spent the verdict is unknown, with the budget, the key and the deepest point."""
    history = random_history(5, operations=600, clients=20, values=4)
    verdict = linearizable(history, KeyValue(), configurations=100)
    assert verdict.valid is None
    assert "undecided when the 100 configurations of the budget were spent" in verdict.why
    assert verdict.stats["deepest"]["returns"] > verdict.stats["deepest"]["returns_passed"]
    assert "process" in verdict.stats["deepest"]["text"]
    assert linearizable(history, KeyValue(), budget_s=0.0).valid is None


def test_a_hard_key_hides_no_bad_one():
    """Keys share the budget in rounds: a small bad key is found although another one would take for ever."""
    hard = random_history(5, operations=400, clients=20, values=4).operations
    for op in hard:
        op.key = "hard"
    last = max(max(op.invoked, op.completed or 0) for op in hard)
    bad = history_of("A (w z 1) (w z 2) (r z 1)" + " (r z 1)" * 150).operations
    for op in bad:
        op.invoked += last + 1
        op.completed += last + 1
    verdict = linearizable(History([*hard, *bad]), KeyValue(), configurations=8_000)
    assert verdict.valid is False
    assert verdict.evidence.key == "z"


def test_every_key_can_be_judged():
    """On request the check goes on after the first bad key and names all of them."""
    history = history_of(
        """
        A  (w x 1) (r x 2) (w y 1) (r y 1)
        B  (w z 1) (w z 2) (r z 1)
        """
    )
    assert linearizable(history, KeyValue(), every_key=True).stats["bad_keys"] == ["x", "z"]


def test_an_explanation_can_be_saved():
    """Without evidence the verdict is the same, and names the key."""
    found = linearizable(history_of("A (w x 1) (r x 2)"), KeyValue(), explained=False)
    assert (found.valid, found.evidence) == (False, None)
    assert "'x'" in found.why


# --- Nothing to judge ---


def test_without_answers_nothing_is_claimed():
    """A history in which no operation was answered is unknown, not valid."""
    assert check(History([]), "kv").why == "the history has no operations"
    found = check(history_of("A (w 1>\nB (w 2!"), "kv")
    assert found.valid is None
    assert found.why == "no operation of the history was answered ok"


# --- Long histories ---


@pytest.mark.slow
@pytest.mark.parametrize("functions", [("read", "write", "cas"), ALL])
def test_ten_thousand_operations(functions):
    """A run of 10,000 operations over several keys is decided with a few configurations per operation."""
    history = random_history(1, operations=10_000, clients=10, keys=5, unique=True, crash=0.002, functions=functions)
    verdict = check(history, "kv")
    assert verdict.valid is True
    assert verdict.stats["configurations"] < 30_000


@pytest.mark.slow
@pytest.mark.parametrize("clients", [10, 20, 30])
def test_long_bad_histories_with_many_clients(clients):
    """A violation in the middle of 4000 operations of many clients and crashes on one key is found, from near by."""
    history = random_history(1, operations=4000, clients=clients, unique=True, crash=0.001)
    reads = [op for op in history if op.f == "read" and op.type == "ok"]
    stuck = reads[len(reads) // 2]
    stuck.result = [op.value for op in history if op.f == "write" and (op.completed or 10**9) < stuck.invoked][-40]
    verdict = check(history, "kv", budget_s=60)
    assert verdict.valid is False
    assert len(verdict.evidence.operations) <= 8
