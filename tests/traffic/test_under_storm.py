"""The client on the simulator's kernel, against a small server, under everything a network can do to it."""

from collections import Counter

import pytest

from windtunnel.base.interface import Reply
from windtunnel.sim.kernel import Kernel
from windtunnel.traffic import Client, Closed, Open, workload

NODES = ("n1", "n2", "n3")


class _Server:
    """Answers if it leads, else redirects; now and then fails an operation, and remembers each session's last answer."""

    def __init__(self, me, out, cluster):
        self.me, self.out, self.cluster = me, out, cluster

    def on_start(self):
        """Nothing to do."""

    def on_timer(self, name):
        """Has no timers."""

    def on_message(self, src, request):
        """Exactly once: what is seen again is answered again."""
        cluster, op = self.cluster, (request.session, request.seq)
        if cluster.leader != self.me:
            hint = cluster.leader if self.out.random() < 0.5 else None
            self.out.reply(src, Reply(request.session, request.seq, "redirect", hint=hint))
            return
        if op not in cluster.answers:
            cluster.executed[op] += 1
            cluster.answers[op] = "fail" if self.out.random() < 0.05 else "ok"
        self.out.reply(src, Reply(request.session, request.seq, cluster.answers[op], request.op.f))


class _Cluster:
    """Who leads, what was executed."""

    def __init__(self):
        self.leader = "n1"
        self.executed = Counter()
        self.answers = {}


class _Ledger:
    """A recorder that checks the rules of a history while it is written."""

    def __init__(self):
        self.open = {}
        self.dead = set()
        self.ended = []

    def invoke(self, process, op):
        assert process not in self.open.values(), "one operation in flight per process"
        assert process not in self.dead, "a process does not outlive an unknown outcome"
        token = len(self.open) + len(self.ended)
        self.open[token] = process
        return token

    def ok(self, token, result):
        self.ended.append(("ok", self.open.pop(token)))

    def fail(self, token, error):
        self.ended.append(("fail", self.open.pop(token)))

    def info(self, token, error):
        process = self.open.pop(token)
        self.dead.add(process)
        self.ended.append(("info", process))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("arrivals", [Closed(0.0), Closed(0.02), Open(60.0, sessions=8)], ids=["eager", "thinking", "open"])
def test_every_operation_ends_once_whatever_the_network_does(seed, arrivals):
    """Loss, duplicates, a moving leader, an outage longer than the timeout: histories stay well-formed and clients get done."""
    kernel = Kernel(seed)
    cluster, ledger, load = _Cluster(), _Ledger(), workload("kv")
    for name in NODES:
        port = kernel.add_node(name)
        port.bind(_Server(name, port, cluster))
    kernel.links.weather(drop=0.1, duplicate=0.2, slow_s=0.05)
    clients = []
    for name in ("c1", "c2", "c3"):
        port = kernel.add_node(name)
        client = Client(name, NODES, port, ledger, load, kernel.stream(name), arrivals, 0.2, 1.0)
        port.bind(client)
        client.on_start()
        clients.append(client)
    kernel.call_at(2.0, lambda: setattr(cluster, "leader", "n2"))
    kernel.call_at(3.0, lambda: setattr(cluster, "leader", None))
    kernel.call_at(4.6, lambda: setattr(cluster, "leader", "n3"))
    kernel.run(8.0)
    for client in clients:
        client.stop()
    kernel.run(10.0)
    assert not ledger.open
    assert all(client.idle for client in clients)
    assert sum(client.done for client in clients) == sum(client.started for client in clients) == len(ledger.ended)
    kinds = Counter(kind for kind, _ in ledger.ended)
    assert kinds["ok"] > 50
    assert kinds["info"] >= 3  # the outage outlasts everybody's patience
    assert kinds["fail"] > 0
    assert max(cluster.executed.values()) == 1
    assert sum(client.retries for client in clients) > 0
    assert sum(client.redirects for client in clients) < 3 * 50 * 8  # nobody spins


def test_a_client_is_a_function_of_its_seed():
    """Two runs of one seed record the same."""

    def ended(seed):
        kernel = Kernel(seed)
        cluster, ledger = _Cluster(), _Ledger()
        for name in NODES:
            port = kernel.add_node(name)
            port.bind(_Server(name, port, cluster))
        port = kernel.add_node("c1")
        client = Client("c1", NODES, port, ledger, workload("kv"), kernel.stream("c1"), Open(100.0))
        port.bind(client)
        client.on_start()
        kernel.run(3.0)
        return ledger.ended, kernel.fingerprint

    assert ended(5) == ended(5)
    assert ended(5) != ended(6)
