from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.base.interface import Op, Reply, Request
from windtunnel.base.outbox import RecordingOutbox, Send, SetTimer
from windtunnel.base.streams import Stream
from windtunnel.traffic import REDIRECT_PAUSE_S, Client, Closed, Open, workload
from windtunnel.traffic.client import ROAM

NODES = ("n1", "n2", "n3")


@dataclass
class _Notes:
    """A recorder that keeps lines."""

    lines: list = field(default_factory=list)

    def invoke(self, process, op):
        self.lines.append(("invoke", process, op.f))
        return len(self.lines) - 1

    def ok(self, token, result):
        self.lines.append(("ok", self.lines[token][1], result))

    def fail(self, token, error):
        self.lines.append(("fail", self.lines[token][1], error))

    def info(self, token, error):
        self.lines.append(("info", self.lines[token][1], error))

    def kinds(self):
        return [line[0] for line in self.lines]


class _Bench:
    """A client on a recording outbox, with the timers that a world would keep."""

    def __init__(self, arrivals=None, *, interface="kv", seed=1, **options):
        self.out = RecordingOutbox()
        self.notes = _Notes()
        stream = Stream(seed, "client")
        self.client = Client(
            "c1", NODES, self.out, self.notes, workload(interface), stream, arrivals or Closed(0.01), 0.5, 2.0, **options
        )
        self.timers = {}
        self.client.on_start()

    def take(self):
        """What was sent since the last call; timers are kept by their due time."""
        sent = []
        for effect in self.out.take():
            if isinstance(effect, SetTimer):
                self.timers[effect.name] = self.out.now_s + effect.delay_s
            elif isinstance(effect, Send):
                sent.append((effect.dst, effect.message))
            else:
                self.timers.pop(effect.name, None)
        return sent

    def fire(self, name):
        """Go to the due time of a timer and fire it; returns what was sent."""
        self.take()
        self.out.now_s = max(self.out.now_s, self.timers.pop(name))
        self.client.on_timer(name)
        return self.take()

    def reply(self, src, request, status, value=None, hint=None):
        self.client.on_message(src, Reply(request.session, request.seq, status, value, hint))
        return self.take()

    def begin(self):
        """The next operation: its node and its request."""
        ((node, request),) = self.fire("next")
        return node, request


def test_an_answer_completes_the_operation_and_the_next_follows_after_thinking():
    """Closed: one operation at a time, its sequence number rises by one, nothing is sent before the think time is over."""
    bench = _Bench()
    node, first = bench.begin()
    assert isinstance(first, Request)
    assert bench.reply(node, first, "ok", "7") == []
    _, second = bench.begin()
    assert (second.session, second.seq) == (first.session, first.seq + 1)
    assert bench.notes.kinds() == ["invoke", "ok", "invoke"]
    assert bench.client.done == 1


def test_without_think_time_the_next_operation_leaves_with_the_answer():
    """Closed with think time 0 loses no time between operations."""
    bench = _Bench(Closed(0.0))
    node, first = bench.begin()
    ((_, second),) = bench.reply(node, first, "ok")
    assert second.seq == first.seq + 1


def test_the_client_stays_with_the_node_that_answered_and_roams_a_little():
    """Stickiness: most operations go to the node that answered last, a tenth of them to a drawn one (binomial, 5 sigma)."""
    bench = _Bench(Closed(0.0))
    node, request = bench.begin()
    elsewhere = 0
    for _ in range(2000):
        ((following, again),) = bench.reply(node, request, "ok")
        elsewhere += following != node
        node, request = following, again
    expected = 2000 * ROAM * (len(NODES) - 1) / len(NODES)
    assert abs(elsewhere - expected) < 5 * expected**0.5


def test_silence_is_answered_by_the_same_request_at_another_node():
    """A retry carries the same (session, seq) and op, so that the system can recognise it."""
    bench = _Bench()
    node, request = bench.begin()
    ((other, again),) = bench.fire("watch")
    assert again == request
    assert other != node
    assert bench.out.now_s == pytest.approx(bench.timers["watch"] - 0.5)


def test_after_the_timeout_the_operation_is_unknown_and_the_process_new():
    """Giving up is `info`, never `fail`, and the session is not used again (Jepsen's process numbers)."""
    bench = _Bench()
    _, request = bench.begin()
    while "info" not in bench.notes.kinds():
        bench.fire("watch")
    assert bench.out.now_s == pytest.approx(2.0, abs=0.2)
    _, following = bench.begin()
    assert following.session != request.session
    assert [line[1] for line in bench.notes.lines] == ["c1.1", "c1.1", "c1.2"]


def test_a_late_answer_is_ignored():
    """An answer to an abandoned or already answered operation changes nothing."""
    bench = _Bench()
    node, request = bench.begin()
    bench.reply(node, request, "ok")
    before = list(bench.notes.lines)
    assert bench.reply(node, request, "ok") == []
    assert bench.reply(node, request, "redirect", hint="n2") == []
    assert bench.notes.lines == before


def test_a_definite_failure_is_recorded_as_fail():
    """`fail` says that it never happened: the process goes on."""
    bench = _Bench()
    node, request = bench.begin()
    bench.reply(node, request, "fail", "full")
    assert bench.notes.lines[-1] == ("fail", "c1.1", "full")
    assert bench.begin()[1].session == request.session


def test_a_first_hint_is_followed_at_once():
    """One hop to the leader costs no pause, and keeps the sequence number."""
    bench = _Bench()
    node, request = bench.begin()
    hint = next(n for n in NODES if n != node)
    assert bench.reply(node, request, "redirect", hint=hint) == [(hint, request)]


def test_redirects_in_a_circle_do_not_spin():
    """Nodes that point at each other are asked once per pause, not once per round trip."""
    bench = _Bench()
    node, request = bench.begin()
    other = next(n for n in NODES if n != node)
    bench.reply(node, request, "redirect", hint=other)
    assert bench.reply(other, request, "redirect", hint=node) == []
    start = bench.out.now_s
    assert bench.fire("watch") == [(node, request)]
    assert bench.out.now_s == pytest.approx(start + REDIRECT_PAUSE_S)


def test_a_redirect_without_a_hint_rotates_after_a_pause():
    """No leader known: the next node is asked a little later."""
    bench = _Bench()
    node, request = bench.begin()
    assert bench.reply(node, request, "redirect") == []
    ((other, again),) = bench.fire("watch")
    assert other != node
    assert again == request


def test_a_hint_at_an_unknown_node_is_not_followed():
    """A hint that names no entry node (a client, a removed node) falls back to rotation."""
    bench = _Bench()
    node, request = bench.begin()
    ((other, _),) = bench.reply(node, request, "redirect", hint="n99") or bench.fire("watch")
    assert other in NODES


def test_a_repeated_redirect_does_not_double_the_request():
    """A duplicated redirect of the node that was asked before has no effect."""
    bench = _Bench()
    node, request = bench.begin()
    hint = next(n for n in NODES if n != node)
    bench.reply(node, request, "redirect", hint=hint)
    assert bench.reply(node, request, "redirect", hint=hint) == []


def test_steady_traffic_sets_no_deadline_timers():
    """Operations that end in time cost one timer each, their arrival: `watch` is armed once, not per operation."""
    bench = _Bench()
    watches = 0
    for _ in range(20):
        bench.take()
        bench.out.now_s = max(bench.out.now_s, bench.timers.pop("next"))
        bench.client.on_timer("next")
        effects = bench.out.effects
        watches += sum(isinstance(e, SetTimer) and e.name == "watch" for e in effects)
        ((node, request),) = [(e.dst, e.message) for e in effects if isinstance(e, Send)]
        bench.reply(node, request, "ok")
    assert watches == 1


def test_the_limit_bounds_the_operations():
    """`limit` operations start, no more; then the client is finished."""
    bench = _Bench(limit=2)
    for _ in range(2):
        node, request = bench.begin()
        assert not bench.client.finished
        bench.reply(node, request, "ok")
    bench.take()
    assert "next" not in bench.timers
    assert bench.client.finished


def test_stop_lets_open_operations_end():
    """After `stop` nothing new starts, and what is in flight is still answered or given up."""
    bench = _Bench()
    node, request = bench.begin()
    bench.client.stop()
    bench.reply(node, request, "ok")
    assert bench.client.idle
    assert "next" not in bench.timers


def test_open_arrivals_do_not_wait_for_answers():
    """Open: operations overlap, each in a session of its own."""
    bench = _Bench(Open(100.0, sessions=8))
    sessions = {bench.begin()[1].session for _ in range(5)}
    assert len(sessions) == 5


def test_arrivals_beyond_the_bound_are_shed_and_counted():
    """With every session busy an arrival is not sent, not recorded, but counted."""
    bench = _Bench(Open(100.0, sessions=2))
    bench.begin()
    bench.begin()
    assert bench.fire("next") == []
    assert bench.client.shed == 1
    assert bench.notes.kinds() == ["invoke", "invoke"]


def test_a_session_is_reused_after_its_answer():
    """Open: a free session takes the next arrival, with the next sequence number."""
    bench = _Bench(Open(100.0, sessions=1))
    node, request = bench.begin()
    bench.reply(node, request, "ok")
    _, following = bench.begin()
    assert (following.session, following.seq) == (request.session, 2)


def test_a_late_timer_does_not_lower_the_open_rate():
    """Arrivals that were due meanwhile start together: the rate is the world's, not the timer's."""
    bench = _Bench(Open(100.0, sessions=64))
    bench.take()
    bench.out.now_s = 0.2
    bench.timers["next"] = 0.2
    sent = bench.fire("next")
    assert 8 <= len(sent) <= 40


def test_open_arrivals_are_poisson():
    """Gaps between arrivals are exponential: mean and variance within 4 standard errors for 4000 arrivals (seeded)."""
    bench = _Bench(Open(50.0, sessions=1), seed=3)
    times = []
    for _ in range(4000):
        bench.fire("next")
        times.append(bench.out.now_s)
    gaps = [b - a for a, b in pairwise(times)]
    mean = sum(gaps) / len(gaps)
    variance = sum((g - mean) ** 2 for g in gaps) / len(gaps)
    n = len(gaps) ** 0.5
    assert abs(mean - 0.02) < 4 * 0.02 / n
    assert abs(variance - 0.02**2) < 4 * 8**0.5 * 0.02**2 / n  # the fourth moment of an exponential: Var(s^2) = 8 m^4 / n


def test_a_closing_read_goes_to_its_node_and_nowhere_else():
    """`ask` stays with its node through silence and redirects, and does not start further traffic."""
    bench = _Bench(limit=0)
    bench.take()
    bench.client.ask(Op("read"), "n2")
    ((node, request),) = bench.take()
    assert node == "n2"
    assert bench.fire("watch") == [("n2", request)]
    assert bench.reply("n2", request, "redirect", hint="n1") == []
    assert bench.fire("watch") == [("n2", request)]
    bench.reply("n2", request, "ok", [1])
    assert bench.client.finished


def test_unsticky_workloads_spread_over_the_nodes():
    """Broadcast operations go to drawn nodes, whoever answered last."""
    bench = _Bench(interface="broadcast")
    nodes = set()
    for _ in range(30):
        node, request = bench.begin()
        nodes.add(node)
        bench.reply(node, request, "ok")
    assert nodes == set(NODES)


def test_impossible_patience_is_refused():
    """A retry after the timeout, or no node to ask, is wrong usage."""
    parts = (RecordingOutbox(), _Notes(), workload("kv"), Stream(1, "c"), Closed())
    with pytest.raises(UsageError, match="retry_s"):
        Client("c1", NODES, *parts, 3.0, 2.0)
    with pytest.raises(UsageError, match="no node"):
        Client("c1", (), *parts)
    with pytest.raises(UsageError, match="rate"):
        Open(0.0)
    with pytest.raises(UsageError, match="session"):
        Open(1.0, sessions=0)
    with pytest.raises(UsageError, match="think"):
        Closed(-1.0)
