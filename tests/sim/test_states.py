"""The state of a node in a trace: what changed, in bounded texts without addresses."""

from collections import deque
from dataclasses import dataclass, field

from windtunnel.base.messages import Message
from windtunnel.scenarios import Scenario, run
from windtunnel.sim.states import TEXT_MAX, States, text_of


class Entry(Message, frozen=True):
    term: int


class Peer:
    __slots__ = ("match", "name")

    def __init__(self, match):
        self.name, self.match = "n2", match


@dataclass
class Core:
    out: object = None
    term: int = 1
    log: list = field(default_factory=list)
    peers: dict = field(default_factory=lambda: {"n2": Peer(0), "n3": Peer(0)})
    votes: set = field(default_factory=set)
    _private: int = 0


def test_the_first_look_tells_everything_and_the_next_what_changed():
    """Public fields only, and neither the outbox nor private ones."""
    states, core = States(), Core()
    assert states.changes("n1", core) == {
        "term": "1",
        "log": "[]",
        "peers.n2": "Peer(match=0)",
        "peers.n3": "Peer(match=0)",
        "votes": "{}",
    }
    assert states.changes("n1", core) == {}
    core.term, core._private = 2, 5
    core.log.append(Entry(2))
    core.peers["n2"].match = 1
    core.votes |= {"n3", "n2"}
    assert states.changes("n1", core) == {
        "term": "2",
        "log": "[Entry(term=2)]",
        "peers.n2": "Peer(match=1)",
        "votes": "{'n2', 'n3'}",
    }


def test_what_is_gone_is_said_and_a_new_life_begins_anew():
    """A field that disappears is empty; after a crash everything is told again."""
    states, core = States(), Core()
    whole = states.changes("n1", core)
    core.peers = {"n3": core.peers["n3"]}
    assert states.changes("n1", core) == {"peers.n2": ""}
    states.forget("n1")
    assert states.changes("n1", Core()) == whole


def test_a_change_in_the_middle_of_a_short_list_is_seen():
    """Lists are compared by what is shown of them; of a long one that is its length and its end."""
    states, core = States(), Core(log=[Entry(1), Entry(1), Entry(1)])
    states.changes("n1", core)
    core.log[1] = Entry(9)
    assert states.changes("n1", core) == {"log": "[Entry(term=1), Entry(term=9), Entry(term=1)]"}
    core.log.extend(Entry(2) for _ in range(100))
    assert states.changes("n1", core)["log"] == "[… 100 more, Entry(term=2), Entry(term=2), Entry(term=2)]"


def test_texts_are_bounded_and_have_no_addresses():
    """However large or strange a value is, its text is short and the same in every run."""
    large = ["x" * 10_000, list(range(10_000)), dict.fromkeys(range(1000), "y" * 500), deque(range(99))]
    for value in (*large, object(), Core(), set("abc")):
        assert len(text_of(value)) <= TEXT_MAX
        assert "0x" not in text_of(value)
    assert text_of({"b", "a"}) == "{'a', 'b'}"


def test_a_traced_run_tells_states_and_is_the_same_run():
    """Every node's state begins with its start; watching changes nothing."""
    scenario = Scenario(system="raft", seed=3, for_s=2.0)
    traced = run(scenario, trace=True)
    assert traced.results["fingerprint"] == run(scenario).results["fingerprint"]
    first = next(row for row in traced.trace if row["kind"] == "start")
    assert first["state"]["role"] == "follower"
    roles = {row["state"]["role"] for row in traced.trace if "role" in row.get("state", {})}
    assert "leader" in roles
    assert run(scenario, trace=True).trace == traced.trace
