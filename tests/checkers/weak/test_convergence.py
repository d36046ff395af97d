import pytest

from windtunnel.base.errors import UsageError
from windtunnel.base.streams import Stream
from windtunnel.checkers import check
from windtunnel.histories import History, Operation


def history(*rows):
    """Operations one after another: (replica, "update", id) or (replica, "observe", state, delivered), perhaps with a type."""
    operations = []
    for index, (process, f, value, *rest) in enumerate(rows):
        update = f == "update"
        kind = rest[0] if update and rest else "ok"
        result = None if update else {"state": value} | ({"delivered": rest[0]} if rest else {})
        operation = Operation(index, process, f, None, value if update else None, kind, result)
        operation.invoked, operation.completed = 2 * index, 2 * index + 1
        operations.append(operation)
    return History(operations, timed=False)


def verdict(*rows, level=None):
    return check(history(*rows), "convergence", level=level)


U1, U2 = ("A", "update", 1), ("B", "update", 2)

BAD = {
    "diverged": [U1, U2, ("A", "observe", "12", [1, 2]), ("B", "observe", "21", [2, 1])],
    "phantom": [U1, ("A", "observe", "19", [1, 9])],
    "repeated": [U1, ("A", "observe", "11", [1, 1])],
    "regressed": [U1, ("A", "observe", "1", [1]), ("A", "observe", "", []), U2, ("A", "observe", "12", [1, 2])],
    "lost-update": [U1, U2, ("A", "observe", "12", [1, 2]), ("B", "observe", "2", [2])],
    "not-converged": [U1, ("A", "observe", "1"), ("B", "observe", "")],
}


@pytest.mark.parametrize("kind", BAD)
def test_known_bad_replicas(kind):
    """One history per anomaly."""
    found = verdict(*BAD[kind])
    assert found.valid is False
    assert found.stats[kind] == 1
    assert kind in ("lost-update", found.why.split(":")[0])


def test_good_replicas():
    """Lagging replicas may differ until the end; unanswered and refused updates are optional and absent."""
    rows = [U1, ("B", "observe", "", []), U2, ("A", "observe", "12", [1, 2]), ("B", "observe", "12", [2, 1])]
    assert verdict(*rows).valid
    assert verdict(("A", "update", 1, "info"), ("A", "observe", "1", [1]), ("B", "observe", "1", [1])).valid
    assert verdict(("A", "update", 1, "fail"), ("A", "observe", "", [])).valid
    assert verdict(("A", "update", 1, "fail"), ("A", "observe", "1", [1])).why.startswith("phantom: ")


def test_causal_delivery_is_a_level():
    """An update without what its maker had seen converges all the same."""
    rows = [U1, ("B", "observe", "1", [1]), U2, ("C", "observe", "2", [2]), ("A", "update", 3)]
    assert verdict(*rows).valid
    found = verdict(*rows, level="causal")
    assert found.why.startswith("causal: ")
    assert "which its maker knew" in found.why


def test_odd_observations_are_refused():
    """A state must be there, updates have ids of their own, levels exist."""
    with pytest.raises(UsageError, match="an update with an id of its own"):
        verdict(U1, U1)
    with pytest.raises(UsageError, match="the delivered updates as a list"):
        verdict(U1, ("A", "observe", "1", 5))
    with pytest.raises(UsageError, match="unknown level"):
        verdict(U1, level="strong")
    odd = history(U1, ("A", "observe", "1"))
    odd.operations[1].result = 5
    with pytest.raises(UsageError, match="an observation"):
        check(odd, "convergence")
    assert verdict(U1).unknown


@pytest.mark.parametrize("broken", [False, True])
def test_simulated_replicas(broken):
    """Replicas that merge sets converge under every seed; replicas that keep the order of arrival do not."""
    invalid = 0
    for seed in range(100):
        stream = Stream(seed, "replicas")
        delivered = {name: [] for name in "ABC"}
        rows = []
        for number in range(8):
            name = stream.choice("ABC")
            rows.append((name, "update", number))
            delivered[name].append(number)
            other = stream.choice("ABC")
            delivered[other] += [update for update in delivered[name] if update not in delivered[other]]
            shows = list(delivered[other])
            rows.append((other, "observe", shows if broken else sorted(shows), shows))
        everything = list(range(8))
        for name in "ABC":
            missing = [update for update in everything if update not in delivered[name]]
            stream.shuffle(missing)
            shows = [*delivered[name], *missing]
            rows.append((name, "observe", shows if broken else sorted(shows), shows))
        found = verdict(*rows)
        invalid += found.valid is False
        assert broken or found.valid, (seed, found.why)
    assert invalid > 90 or not broken
