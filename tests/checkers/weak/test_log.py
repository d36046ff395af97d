import pytest

from windtunnel.base.errors import UsageError
from windtunnel.base.streams import Stream
from windtunnel.checkers import check
from windtunnel.checkers.weak.log import ANOMALIES
from windtunnel.histories import History, Operation, read_history


def history(*rows):
    """Operations one after another: (process, f, value, result) or (..., type); a send is (key, value) and its offset."""
    operations = []
    for index, (process, f, value, result, *kind) in enumerate(rows):
        key, asked = value if f == "send" and isinstance(value, tuple) else (None, value)
        operation = Operation(index, process, f, key, asked, kind[0] if kind else "ok", result)
        operation.invoked, operation.completed = 2 * index, 2 * index + 1
        operations.append(operation)
    return History(operations, timed=False)


def verdict(*rows, level=None):
    return check(history(*rows), "log", level=level)


SENT = ((1, "send", ("x", "a"), 0), (1, "send", ("x", "b"), 1), (1, "send", ("x", "c"), 2))

BAD = {
    "garbage-read": [*SENT, (2, "poll", None, {"x": [[0, "a"], [1, "q"]]})],
    "aborted-read": [(1, "send", ("x", "a"), None, "fail"), (2, "poll", None, {"x": [[0, "a"]]})],
    "inconsistent-offsets": [
        *SENT[:1],
        (1, "send", ("x", "b"), None),
        (2, "poll", None, {"x": [[0, "a"]]}),
        (3, "poll", None, {"x": [[0, "b"]]}),
    ],
    "duplicate": [*SENT[:1], (2, "poll", None, {"x": [[0, "a"], [1, "a"]]})],
    "lost-write": [*SENT, (2, "poll", None, {"x": [[0, "a"], [2, "c"]]})],
    "precommitted-read": [(1, "txn", [["send", "x", "a"], ["poll"]], [["send", "x", [0, "a"]], ["poll", {"x": [[0, "a"]]}]])],
    "int-nonmonotonic-send": [
        (1, "txn", [["send", "x", "a"], ["send", "x", "b"]], [["send", "x", [1, "a"]], ["send", "x", [0, "b"]]]),
        (2, "poll", None, {"x": [[0, "b"], [1, "a"]]}),
    ],
    "nonmonotonic-send": [
        (1, "send", ("x", "a"), 1),
        (1, "send", ("x", "b"), 0),
        (2, "poll", None, {"x": [[0, "b"], [1, "a"]]}),
    ],
    "int-nonmonotonic-poll": [*SENT, (2, "poll", None, {"x": [[1, "b"], [0, "a"]]})],
    "int-poll-skip": [*SENT, (2, "poll", None, {"x": [[0, "a"], [2, "c"]]}), (3, "poll", None, {"x": [[1, "b"]]})],
    "nonmonotonic-poll": [*SENT, (2, "poll", None, {"x": [[1, "b"]]}), (2, "poll", None, {"x": [[0, "a"]]})],
    "poll-skip": [
        *SENT,
        (2, "poll", None, {"x": [[0, "a"]]}),
        (2, "poll", None, {"x": [[2, "c"]]}),
        (3, "poll", None, {"x": [[1, "b"]]}),
    ],
    "G1c": [
        (1, "txn", [["send", "x", "a"], ["poll"]], [["send", "x", [0, "a"]], ["poll", {"y": [[0, "b"]]}]]),
        (2, "txn", [["send", "y", "b"], ["poll"]], [["send", "y", [0, "b"]], ["poll", {"x": [[0, "a"]]}]]),
    ],
}


@pytest.mark.parametrize("kind", BAD)
def test_known_bad_logs(kind):
    """One history per anomaly: it is found, and named with its operations."""
    rows = BAD[kind]
    operations = history(*rows)
    if kind == "G1c":
        first, second = operations.operations
        first.invoked, second.invoked, first.completed, second.completed = 0, 1, 2, 3
    found = check(operations, "log")
    assert found.valid is False
    assert found.stats[kind] == 1
    assert found.evidence.operations
    assert set(ANOMALIES) & set(found.stats) == {kind} or kind in ("lost-write", "garbage-read", "precommitted-read")


def test_write_cycles_count_only_if_asked_for():
    """Kafka lets the messages of two transactions interleave: G0 is an anomaly at the level of write order."""
    rows = [
        (1, "txn", [["send", "x", "a"], ["send", "y", "b"]], [["send", "x", [0, "a"]], ["send", "y", [1, "b"]]]),
        (2, "txn", [["send", "x", "c"], ["send", "y", "d"]], [["send", "x", [1, "c"]], ["send", "y", [0, "d"]]]),
        (3, "poll", None, {"x": [[0, "a"], [1, "c"]], "y": [[0, "d"], [1, "b"]]}),
    ]
    assert verdict(*rows).valid
    found = verdict(*rows, level="write-order")
    assert found.why.startswith("G0: 2 transactions depend on each other in a circle")
    assert "put a before c into key x" in found.explanation


def test_a_good_log():
    """Polled in order by two groups; an unanswered send may appear, an acknowledged one may be unseen at the end."""
    found = verdict(
        *SENT,
        (4, "send", ("x", "d"), None, "info"),
        (2, "poll", None, {"x": [[0, "a"], [1, "b"]]}),
        (2, "poll", None, {"x": [[2, "c"]]}),
        (3, "poll", None, {"x": [[0, "a"], [1, "b"], [2, "c"], [3, "d"]]}),
        (1, "send", ("x", "e"), 4),
    )
    assert found.valid
    assert found.stats["unseen"] == 1


def test_aborted_messages_are_no_gap():
    """A consumer passes over what was not committed."""
    assert verdict(
        *SENT[:1],
        (4, "send", ("x", "q"), None, "fail"),
        (1, "send", ("x", "b"), 2),
        (2, "poll", None, {"x": [[0, "a"], [2, "b"]]}),
    ).valid


@pytest.mark.parametrize(
    "between",
    [
        (2, "subscribe", ["x"], None),
        (2, "assign", ["y"], None),
        (2, "poll", None, None, "info"),
        (2, "txn", [["poll"]], None, "fail"),
    ],
)
def test_positions_are_forgotten(between):
    """A new subscription, another assignment and a poll without an answer may move a consumer."""
    assert verdict(
        *SENT, (2, "poll", None, {"x": [[1, "b"]]}), between, (2, "poll", None, {"x": [[0, "a"], [1, "b"], [2, "c"]]})
    ).valid
    kept = (2, "assign", ["x"], None)
    assert verdict(*SENT, (2, "poll", None, {"x": [[1, "b"]]}), kept, (2, "poll", None, {"x": [[0, "a"]]})).valid is False


def test_odd_shapes_are_refused():
    """Offsets are whole numbers, polls are pairs by key."""
    with pytest.raises(UsageError, match="an offset that is a whole number, got late"):
        verdict((1, "send", ("x", "a"), "late"))
    with pytest.raises(UsageError, match=r"a poll to answer \{key: "):
        verdict((1, "txn", [["poll"]], [["poll", 5]]))
    with pytest.raises(UsageError, match="pairs"):
        verdict((1, "poll", None, {"x": [3]}))
    with pytest.raises(UsageError, match="unknown level"):
        verdict(*SENT, level="strict")
    assert verdict(*SENT).unknown


def test_jepsens_notation(tmp_path):
    """A history as Jepsen's Kafka test writes it is read and judged."""
    path = tmp_path / "kafka.edn"
    path.write_text(
        "{:process 0, :type :invoke, :f :send, :value [[:send 5 1]]}\n"
        "{:process 0, :type :ok, :f :send, :value [[:send 5 [0 1]]]}\n"
        "{:process 0, :type :invoke, :f :txn, :value [[:send 5 2] [:poll]]}\n"
        "{:process 0, :type :ok, :f :txn, :value [[:send 5 [1 2]] [:poll {5 [[0 1]]}]]}\n"
        "{:process 1, :type :invoke, :f :poll, :value [[:poll]]}\n"
        "{:process 1, :type :ok, :f :poll, :value [[:poll {5 [[0 1] [1 9]]}]]}\n",
        encoding="utf-8",
    )
    found = check(read_history(path), "log")
    assert found.valid is False
    assert {kind for kind in ANOMALIES if kind in found.stats} == {"garbage-read", "inconsistent-offsets"}


def good_log(seed, fault=None):
    """What clients of a right log see; with a fault planted by its name."""
    stream = Stream(seed, "log")
    kept, positions, rows = [], {}, []
    for number in range(40):
        process = stream.below(4)
        if stream.chance(0.4) or not kept:
            kind = stream.choice(("ok",) * 8 + ("fail",))
            rows.append((process, "send", ("x", number), len(kept) if kind == "ok" else None, kind))
            if kind == "ok":
                kept.append(number)
        else:
            at = positions.get(process, 0)
            upto = min(len(kept), at + 1 + stream.below(4))
            positions[process] = upto
            rows.append((process, "poll", None, {"x": [[offset, kept[offset]] for offset in range(at, upto)]}))
    rows.append((9, "poll", None, {"x": [[offset, value] for offset, value in enumerate(kept)]}))
    polls = [row for row in rows if row[1] == "poll" and row[3]["x"]]
    if fault == "lost-write":
        for row in polls:
            row[3]["x"] = [pair for pair in row[3]["x"] if pair[1] != kept[0]]
    elif fault == "duplicate":
        polls[-1][3]["x"].append([len(kept), kept[0]])
    elif fault == "inconsistent-offsets":
        polls[-1][3]["x"][-1][1] = kept[0]
    elif fault == "int-nonmonotonic-poll":
        polls[-1][3]["x"].reverse()
    elif fault == "int-poll-skip":
        del polls[-1][3]["x"][1]
    return history(*rows)


@pytest.mark.parametrize(
    "fault", [None, "lost-write", "duplicate", "inconsistent-offsets", "int-nonmonotonic-poll", "int-poll-skip"]
)
def test_logs_with_and_without_a_planted_fault(fault):
    """A right log is valid under every seed; a planted fault is found under every seed."""
    for seed in range(100):
        found = check(good_log(seed, fault), "log")
        assert found.valid is (fault is None), (seed, found.why)
        assert fault is None or fault in found.stats, (seed, found.why)
