import pytest

from windtunnel.base.errors import UsageError
from windtunnel.base.streams import Stream
from windtunnel.checkers import MODELS, check
from windtunnel.checkers.weak.catalogue import ENTRIES
from windtunnel.histories import History, Operation

VALUES = (
    *(None, 1, 2, -3, 1.5, True, "x", "", {}, [], [1, 2], [None], [[1]]),
    *([[0, "a"]], {"x": [[0, "a"]]}, ["poll"], [["poll", {"x": 5}]], [["send"]], [["send", "x", 1], ["poll"]]),
    *({"token": 1}, {"ttl_s": 3}, {"id": 1}, {"state": 1, "delivered": [1]}, [["w", "x", 1]]),
)


@pytest.mark.parametrize("name", [entry.name for entry in ENTRIES])
def test_odd_histories_are_judged_or_refused(name):
    """Whatever the values are, the answer is a verdict that can be shown, or an error of the user's with a place."""
    judged = 0
    for seed in range(300):
        stream = Stream(seed, name)
        operations = []
        for index in range(1 + stream.below(6)):
            f = stream.choice(list(MODELS[name].functions))
            kind = stream.choice(("ok", "ok", "ok", "info", "fail"))
            key, value = stream.choice((None, "x", 1, [1])), stream.choice(VALUES)
            operation = Operation(index, stream.below(3), f, key, value, kind, invoked=2 * index, invoked_s=float(index))
            if kind != "info" or stream.chance(0.5):
                operation.completed, operation.completed_s = 2 * index + 1, index + 0.5
            if kind == "ok":
                operation.result = stream.choice(VALUES)
            operations.append(operation)
        try:
            verdict = check(History(operations), name)
        except UsageError:
            continue
        judged += 1
        assert verdict.lines()
        assert verdict.to_json()["verdict"] in ("valid", "invalid", "unknown")
        assert "<html" in verdict.to_html()
        assert verdict.valid is not False or (verdict.why and verdict.evidence and verdict.evidence.operations)
    assert judged


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_foreign_operations_are_refused_with_what_fits(entry):
    """Each model says what the history holds."""
    history = History([Operation(0, 1, "frobnicate", None, 1, "ok")])
    with pytest.raises(UsageError, match="no operation 'frobnicate'; the history holds frobnicate"):
        check(history, entry.name)
