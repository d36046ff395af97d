import os

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.base.streams import Stream
from windtunnel.checkers import check
from windtunnel.histories import History, Operation, history_of

CASES = int(os.environ.get("WINDTUNNEL_CASES", "20000"))
MODELS = ("fifo-broadcast", "causal-broadcast", "total-order-broadcast")
TWO = "A (broadcast 1) (broadcast 2)\n"
CHAIN = "A (broadcast 1)\nB                (deliver -> 1) (broadcast 2)\n"


@pytest.mark.parametrize(
    ("model", "drawing", "kind"),
    [
        *[(model, TWO + "B                               (deliver -> 9)", "phantom") for model in MODELS],
        *[(model, "A (broadcast 1!\nB                (deliver -> 1)", "phantom") for model in MODELS],
        *[(model, "A                (broadcast 1)\nB (deliver -> 1)", "phantom") for model in MODELS],
        *[(model, TWO + "B                               (deliver -> 1) (deliver -> 1)", "duplicate") for model in MODELS],
        *[(model, TWO + "B                               (read -> [1]) (read -> [])", "rewritten") for model in MODELS],
        *[(model, TWO + "B                               (read -> [1]) (read -> [2, 1])", "rewritten") for model in MODELS],
        ("fifo-broadcast", TWO + "B                               (deliver -> 2) (deliver -> 1)", "fifo"),
        ("fifo-broadcast", TWO + "B                               (read -> [2])", "fifo"),
        ("causal-broadcast", CHAIN + "C                                              (read -> [2, 1])", "causal"),
        ("causal-broadcast", CHAIN + "C                                              (read -> [2])", "causal"),
        ("total-order-broadcast", TWO + "B                              (read -> [1, 2])\nC (read -> [2, 1])", "order"),
        (
            "total-order-broadcast",
            TWO + "B                               (read -> [1, 2])\nC                     (read -> [2])",
            "gap",
        ),
    ],
)
def test_known_bad_deliveries(model, drawing, kind):
    """Each anomaly by its name."""
    if kind in ("order", "gap"):
        drawing = drawing.replace("\nC (", "\nC                               (")
    found = check(history_of(drawing), model)
    assert found.valid is False
    assert found.why.startswith(f"{kind}: ")
    assert len(found.evidence.operations) >= 1


@pytest.mark.parametrize(
    ("model", "drawing"),
    [
        ("fifo-broadcast", CHAIN + "C                                              (read -> [2, 1])"),
        ("causal-broadcast", CHAIN + "C                                              (read -> [1, 2])"),
        (
            "causal-broadcast",
            "A (broadcast 1)\nB (broadcast 2)\nC                (read -> [1, 2])\nD                (read -> [2, 1])",
        ),
        (
            "total-order-broadcast",
            TWO + "B                               (read -> [2, 1])\nC                                (read -> [2])",
        ),
        ("fifo-broadcast", "A (broadcast 1> (broadcast 2)\nB                               (read -> [2])"),
    ],
)
def test_known_good_deliveries(model, drawing):
    """Each model alone allows what another one forbids; what was perhaps never sent is no gap."""
    assert check(history_of(drawing), model).valid


def test_messages_are_broadcast_once():
    """Otherwise a delivery has no sender; a refused one may be tried again. Nothing delivered says nothing."""
    with pytest.raises(UsageError, match="expected a message that is broadcast once"):
        check(history_of("A (broadcast 1) (broadcast 1)"), "fifo-broadcast")
    assert check(
        history_of("A (broadcast 1! (broadcast 1)\nB                              (read -> [1])"), "fifo-broadcast"
    ).valid
    assert check(history_of("A (broadcast 1)"), "fifo-broadcast").unknown


def random_deliveries(seed):
    """Processes that broadcast and deliver in orders that are sometimes wrong."""
    stream = Stream(seed, "deliveries")
    operations, sent = [], []
    queues = {process: [] for process in range(3)}
    for index in range(6 + stream.below(8)):
        process = stream.below(3)
        operation = Operation(index, process, "broadcast", None, len(sent) + 1, "ok", invoked=2 * index, completed=2 * index + 1)
        if stream.chance(0.4) or not queues[process]:
            sent.append(operation.value)
            for queue in queues.values():
                queue.append(operation.value)
        else:
            at = stream.below(len(queues[process])) if stream.chance(0.2) else 0
            operation.f, operation.value, operation.result = "deliver", None, queues[process].pop(at)
        operations.append(operation)
    return History(operations, timed=False)


def by_definition(history, model):
    """The definitions, on all pairs of messages."""
    sequences = {p: [op.result for op in history if op.process == p and op.f == "deliver"] for p in range(3)}
    sends = [op for op in history if op.f == "broadcast"]
    if model == "total-order-broadcast":
        some = list(sequences.values())
        return all(a[: len(b)] == b[: len(a)] for a in some for b in some)
    for first in sends:
        for second in sends:
            before = first.process == second.process and first.index < second.index
            if model == "causal-broadcast":
                before = before or any(
                    op.process == second.process and op.result == first.value and op.index < second.index for op in history
                )
            for sequence in sequences.values():
                if before and second.value in sequence:
                    upto = sequence[: sequence.index(second.value)]
                    if first.value not in upto:
                        return False
    return True


def differ(seeds):
    for seed in seeds:
        history = random_deliveries(seed)
        for model in MODELS:
            found = check(history, model)
            if found.valid is not None:
                assert found.valid is by_definition(history, model), (model, seed)


def test_random_deliveries_against_the_definitions():
    """A thousand small histories."""
    differ(range(1000))


@pytest.mark.campaign
def test_many_random_deliveries_against_the_definitions():
    """Tens of thousands."""
    differ(range(10_000, 10_000 + CASES))
