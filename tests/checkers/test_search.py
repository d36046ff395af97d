from random_histories import random_history

from windtunnel.checkers.keyvalue import OTHER, KeyValue
from windtunnel.checkers.problem import Reductions, prepare, relevant
from windtunnel.checkers.search import Search
from windtunnel.histories import history_of


def searched(history, reductions=None):
    rules = reductions or Reductions()
    specification = KeyValue()
    return Search(prepare(specification, relevant(specification, history.operations), rules), rules)


def test_a_search_can_be_interrupted():
    """In steps of one configuration the search comes to the same end, with the same work, as in one go."""
    history = random_history(4, operations=60, clients=5, crash=0.05, lie=0.05)
    whole, parts = searched(history), searched(history)
    found = whole.run(1_000_000)
    assert found is not None
    results = []
    while not results or results[-1] is None:
        results.append(parts.run(1))
    assert results[-1] is found
    assert parts.steps == whole.steps
    assert len(results) >= whole.steps


def test_no_overlap_needs_no_branching():
    """A sequential history is walked through: one configuration per update."""
    search = searched(history_of("A " + "".join(f"(w {n}) (r {n}) " for n in range(50))))
    assert search.run(1_000_000) is True
    assert search.steps == 50


def test_unanswered_writes_are_no_explosion():
    """Forty lost writes of values that nobody saw cost nothing; of values that are read, little."""
    lost = "".join(f"{n} (w {100 + n}>\n" for n in range(40))
    search = searched(history_of(lost + "A " + " " * 12 + "(w 1) (r 1) (w 2) (r 2) (cas 7 8 -> false) (r 2)"))
    assert search.run(1_000_000) is True
    assert search.steps < 10


def test_the_deepest_point_is_where_it_stops():
    """When there is no order, the deepest configurations are all at the return that none could pass."""
    search = searched(history_of("A (w 1) (r 1) (w 2) (r 1) (w 3)"))
    assert search.run(1_000_000) is False
    stuck = search.problem.operations[search.problem.returning[search.depth]]
    assert stuck.describe() == "read -> 1"
    assert {at for at, _, _, _ in search.deepest()} == {search.depth}
    assert [search.state(state) for _, _, _, state in search.deepest()] == [OTHER]  # nobody asks for 2


def test_bits_are_reused():
    """The size of a configuration follows the overlap, not the length of the history."""
    problem = searched(random_history(2, operations=500, clients=4, crash=0.0)).problem
    assert max(problem.bit_of) <= 1 << 3
