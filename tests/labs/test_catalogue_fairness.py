"""Graders judge what a solution does, not how: other solutions than the reference, right ones, pass."""

import pytest

from windtunnel import labs
from windtunnel.labs.grading import Grader, judge

COUNTER_BY_RECEIPTS = """
class Counter:
    def __init__(self, me, peers, save, saved):
        self.me, self.save = me, save
        self.receipts = {tuple(receipt) for receipt in saved or []}

    def add(self, amount):
        mine = sum(1 for who, _, _ in self.receipts if who == self.me)
        self.receipts.add((self.me, mine, amount))
        self.save(sorted(self.receipts))

    def value(self):
        return sum(amount for _, _, amount in self.receipts)

    def tell(self, peer):
        return sorted(self.receipts)

    def hear(self, news):
        self.receipts |= {tuple(receipt) for receipt in news}
"""

CHAT_BY_LISTS = """
from zlib import crc32


def digest(names):
    return crc32(repr(sorted(names)).encode())


class Member:
    def __init__(self, me, members, send, show):
        self.me, self.members, self.send, self.show = me, members, send, show
        self.rooms = {}

    def room(self, name):
        return self.rooms.setdefault(name, ({}, {}))

    def say(self, room, text):
        shown, _ = self.room(room)
        message = [room, f"{self.me}/{len(shown)}", self.me, text, list(shown)]
        self.take(message)
        for peer in self.members:
            if peer != self.me:
                self.send(peer, {"texts": [message]})

    def take(self, message):
        shown, kept = self.room(message[0])
        kept.setdefault(message[1], message)
        again = True
        while again:
            again = False
            for room, name, author, text, before in list(kept.values()):
                if name not in shown and all(other in shown for other in before):
                    shown[name] = True
                    self.show(room, author, text)
                    again = True

    def hear(self, src, packet):
        for message in packet.get("texts", []):
            self.take(message)
        for room, theirs in packet.get("have", {}).items():
            shown, kept = self.room(room)
            if theirs != digest(shown):
                self.send(src, {"texts": list(kept.values())})

    def tick(self):
        have = {room: digest(shown) for room, (shown, _) in self.rooms.items()}
        for peer in self.members:
            if peer != self.me:
                self.send(peer, {"have": have})
"""

RUMOR_BY_PULLING = """
import hashlib


class Node:
    def __init__(self, me, peers, send, dice):
        self.peers, self.send, self.dice = peers, send, dice
        self.known = set()
        self.awake = 12
        self.round = 0

    def digest(self):
        return hashlib.sha256(",".join(map(str, sorted(self.known))).encode()).hexdigest()[:8]

    def broadcast(self, rumor):
        self.learn([rumor])

    def learn(self, rumors):
        if not set(rumors) <= self.known:
            self.known |= set(rumors)
            self.awake = 12

    def read(self):
        return sorted(self.known)

    def tick(self):
        self.round += 1
        self.awake -= 1
        if self.awake > 0 or self.round % 6 == 0:
            self.send(self.peers[int(self.dice() * len(self.peers))], {"is": self.digest()})

    def hear(self, src, packet):
        if packet.get("is", self.digest()) != self.digest():
            self.send(src, {"all": sorted(self.known), "yours": True})
        if "all" in packet:
            self.learn(packet["all"])
            if packet["yours"] and self.known - set(packet["all"]):
                self.send(src, {"all": sorted(self.known), "yours": False})
"""

BROADCAST_IN_SHELL = """#!/bin/sh
# No JSON library, no arrays: sed and the protocol's plain lines. It tells everything it knows at every wake, if that has changed.
exec python3 -c '
import sys, re, json
me, peers, known, heard = "", [], [], {}
def say(dest, body): sys.stdout.write(json.dumps({"src": me, "dest": dest, "body": body}) + "\\n"); sys.stdout.flush()
for line in sys.stdin:
    m = json.loads(line); b, src = m["body"], m["src"]; kind = b["type"]
    if kind == "init":
        me = b["node_id"]; peers = [p for p in b["node_ids"] if p != me]
    if kind in ("broadcast", "state"):
        for v in [b["message"]] if kind == "broadcast" else b["known"]:
            if v not in known: known.append(v)
    if kind == "state":
        heard[src] = max(heard.get(src, 0), b["yours"])
        if b["ask"]: say(src, {"type": "state", "known": known, "yours": len(b["known"]), "ask": False})
    if kind in ("init", "broadcast", "read"):
        say(src, {"type": kind + "_ok", "in_reply_to": b["msg_id"], **({"messages": known} if kind == "read" else {})})
    if kind == "wake_ok":
        for p in peers:
            if heard.get(p, 0) < len(known): say(p, {"type": "state", "known": known, "yours": heard.get(p, 0), "ask": True})
    if kind in ("init", "wake_ok"): say("clock", {"type": "wake", "after_ms": 300, "msg_id": 0})
'
"""


@pytest.fixture(scope="module")
def grader():
    """One for all."""
    with Grader() as made:
        yield made


def other_election(reference):
    """Draws its timeouts itself, keeps its vote as a tuple, and answers nothing to requests of the past."""
    text = reference.replace("ELECTION_S)", "0.15 + 0.15 * self.out.random())")
    text = text.replace("HardState(self.term, self.voted_for)", "(self.term, self.voted_for)")
    text = text.replace("record.term, record.voted_for", "record[0], record[1]")
    assert text != reference
    return text


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("lab", "text"),
    [
        ("distributed-counter", COUNTER_BY_RECEIPTS),
        ("causal-chat", CHAT_BY_LISTS),
        ("rumor-broadcast", RUMOR_BY_PULLING),
        ("raft-election", other_election),
    ],
)
def test_another_right_solution_passes(grader, lab, text):
    """Receipts instead of counts, lists instead of clocks, pulling instead of telling, dice of one's own."""
    found = labs.find(lab)
    solution = text(found.source(f"reference/{found.file}")) if callable(text) else text
    report = judge(found, {found.file: solution.encode()}, grader=grader)
    wrong = [f"{check.name}: {check.message}" for check in report.checks if check.verdict != "passed"]
    assert not wrong, "\n".join(wrong)
    assert report.verdict == "passed"


@pytest.mark.campaign
def test_a_program_in_another_language_passes(grader):
    """A script with a first line of its own is run instead of the Python file; this one keeps no acknowledgements by value."""
    found = labs.find("broadcast-over-stdio")
    report = judge(found, {"node.py": b"", "run": BROADCAST_IN_SHELL.encode()}, grader=grader)
    wrong = [f"{check.name}: {check.message}" for check in report.checks if check.verdict != "passed"]
    assert not wrong, "\n".join(wrong)
