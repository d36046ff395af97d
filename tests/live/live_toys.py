"""Systems for the tests of the live world: a register copied by a fixed leader, and a procedure that counts.

They are found by `live_toys:find` inside the node processes, which have this folder on their path.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from windtunnel.base.errors import Definite
from windtunnel.base.interface import Reply, Request
from windtunnel.base.messages import Message
from windtunnel.base.properties import eventually
from windtunnel.base.system import System

RESEND_S = 0.1


class Copy(Message, frozen=True):
    """Leader to follower: entry `index` of the log."""

    index: int
    request: Request


class Copied(Message, frozen=True):
    """Follower to leader, and leader to itself: everything up to `index` is durable here."""

    index: int


class Entry(Message, frozen=True):
    """A durable log entry."""

    request: Request


@dataclass(frozen=True)
class Options:
    """`boot`: "ok", or how the node shall fail to boot."""

    boot: str = "ok"
    pair: tuple[float, float] = (0.1, 0.2)


@dataclass(frozen=True)
class Rules:
    """No rules."""


class Toy:
    """Log replication under a leader that never changes: n1. Reads go through the log, so it is linearizable."""

    def __init__(self, setup):
        assert setup.options.pair == (0.1, 0.2), "options keep their types"
        if setup.options.boot == "raise" and setup.me == setup.nodes[-1]:
            raise ValueError("told to fail at boot")
        if setup.options.boot == "exit" and setup.me == setup.nodes[-1]:
            os._exit(7)
        if setup.options.boot == "hang" and setup.me == setup.nodes[-1]:
            time.sleep(3600)
        self.out = setup.out
        self.me = setup.me
        self.nodes = setup.nodes
        self.leads = setup.me == setup.nodes[0]
        self.role = "leader" if self.leads else "follower"
        self.log = [record.request for record in setup.records]
        self.size = self.recovered = len(self.log)
        self.acked = dict.fromkeys(setup.nodes, 0)
        self.applied = 0
        self.values = {}
        self.done = {}

    def on_start(self):
        if self.leads:
            self.out.send(self.me, Copied(len(self.log)))
            self.out.set_timer("resend", RESEND_S)

    def on_timer(self, name):
        for node in self.nodes:
            for index in range(self.acked[node] + 1, min(len(self.log), self.acked[node] + 100) + 1):
                self.out.send(node, Copy(index, self.log[index - 1]))
        self.out.set_timer("resend", RESEND_S)

    def on_message(self, src, message):
        match message:
            case Request():
                self._on_request(src, message)
            case Copy():
                if message.index == len(self.log) + 1:
                    self._append(message.request)
                if message.index <= len(self.log):
                    self.out.send(src, Copied(message.index))
            case Copied():
                self.acked[src] = max(self.acked[src], message.index)
                self._apply()

    def _append(self, request):
        self.log.append(request)
        self.size = len(self.log)
        self.out.persist(Entry(request))

    def _on_request(self, src, request):
        if request.op.f == "boom":
            raise ZeroDivisionError("told to")
        if request.op.f == "keep":
            self.kept = (each for each in self.nodes)  # what no copy can hold
            return
        if request.op.f == "die":
            os._exit(5)
        if not self.leads:
            self.out.reply(src, Reply(request.session, request.seq, "redirect", hint=self.nodes[0]))
        elif self.done.get(request.session, (0, None))[0] == request.seq:
            self.out.reply(src, self.done[request.session][1])
        elif request not in self.log[-1000:]:
            for node in self.nodes:
                if node != self.me:
                    self.out.send(node, Copy(len(self.log) + 1, request))
            self._append(request)
            self.out.send(self.me, Copied(len(self.log)))

    def _change(self, op):
        held = self.values.get(op.key)
        match op.f:
            case "read":
                return held
            case "write":
                self.values[op.key] = op.value
            case "append":
                self.values[op.key] = (held or "") + op.value
            case "cas":
                if held != op.value[0]:
                    return False
                self.values[op.key] = op.value[1]
        return True

    def _apply(self):
        majority = sorted(self.acked.values(), reverse=True)[len(self.nodes) // 2]
        while self.applied < majority:
            request = self.log[self.applied]
            self.applied += 1
            value = self._change(request.op)
            reply = Reply(request.session, request.seq, "ok", value)
            self.done[request.session] = (request.seq, reply)
            self.out.apply(self.applied, request)
            self.out.reply(request.session.split(".")[0], reply)


@eventually
def everybody_has_everything(nodes):
    """Eventually: all logs have the same size."""
    return len({node.size for node in nodes.values()}) == 1


TOY = System(
    name="toy",
    family="tests",
    title="a register copied by a fixed leader",
    source="none",
    interface="kv",
    promise="linearizable",
    build=Toy,
    messages=(Copy, Copied),
    records=(Entry,),
    safeguards=Rules,
    options=Options,
    eventually=(everybody_has_everything,),
    size=3,
    leader=lambda nodes: next((name for name, node in nodes.items() if node.role == "leader"), None),
)


class Add(Message, frozen=True):
    """A node asks the first one to count, and to write it down."""

    amount: int


def count(setup):
    """A procedure: the first node keeps a durable total; the others forward to it."""

    async def node(host):
        total = sum(record.amount for record in host.records())
        host.observe({"total": total})

        async def answer(_src, message):
            nonlocal total
            if isinstance(message, Add):
                await host.persist(message)
                total += message.amount
                host.observe({"total": total})
                return total
            if message.op.f != "add":
                raise Definite("only add")
            value = await host.call(host.nodes[0], Add(message.op.value), deadline_s=30)
            return Reply(message.session, message.seq, "ok", value)

        host.serve(answer)

    return node


COUNT = System(
    name="count",
    family="tests",
    title="a counter",
    source="none",
    interface="count",
    promise="none",
    build=count,
    form="procedure",
    messages=(Add,),
    records=(Add,),
    safeguards=Rules,
    options=Options,
    size=2,
)


def find(name):
    """The loader of the node processes."""
    return {"toy": TOY, "count": COUNT}[name]
