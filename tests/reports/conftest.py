"""A made-up run: five nodes that replicate under a leader, five clients, partitions, a crash, and a stale read at the end."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from windtunnel.base.streams import Stream
from windtunnel.histories import History, Operation

NODES = ("n1", "n2", "n3", "n4", "n5")
CLIENTS = ("c1", "c2", "c3", "c4", "c5")
HEARTBEAT_S = 0.05
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


@dataclass
class MadeUp:
    """A run that never happened, in the shapes that `render`, `explain` and the exports take."""

    results: dict
    history: History
    trace: list = field(default_factory=list)


class Author:
    """Writes a run of `for_s` seconds with `rate_per_s` operations; `traced_s`: how many of its last seconds have a trace."""

    def __init__(self, *, for_s=20.0, rate_per_s=60.0, traced_s=4.0, seed=7):
        self.for_s, self.rate_per_s, self.traced_from = for_s, rate_per_s, for_s - traced_s
        self.draw = Stream(seed, "made up")
        self.operations, self.rows = [], []
        self.down = (for_s - 2.4, for_s - 1.9)
        self.sessions = dict.fromkeys(CLIENTS, 1)
        self.faults = [
            self._fault(0.15, 0.27, "cut", "partition halves: n1 n2 | n3 n4 n5"),
            self._fault(0.35, 0.43, "crash", "crash n4", node="n4"),
            self._fault(0.55, 0.62, "weather", "drop 10%, duplicate 2%, up to 40 ms slower"),
            self._fault(0.60, 0.70, "pause", "pause n2", node="n2"),
            self._fault(0.90, None, "cut", "isolate the leader: n1 | n2 n3 n4 n5"),
        ]

    def _fault(self, begin, end, verb, text, **args):
        until_s = None if end is None else round(end * self.for_s, 3)
        return {"at_s": round(begin * self.for_s, 3), "verb": verb, "args": args, "text": text, "until_s": until_s}

    # --- Operations ---

    def write_operations(self):
        """Poisson arrivals over the clients: slow under faults, unknown now and then."""
        t, free = 0.0, dict.fromkeys(CLIENTS, 0.0)
        while (t := t + self.draw.exponential(1 / self.rate_per_s)) < self.for_s - 0.8:
            client = CLIENTS[self.draw.below(5)]
            if free[client] > t:
                continue
            storm = any(f["at_s"] <= t < (f["until_s"] or self.for_s) for f in self.faults)
            took = 0.004 + self.draw.exponential(0.12 if storm and self.draw.chance(0.4) else 0.004)
            lost = storm and self.draw.chance(0.03)
            free[client] = t + (0.6 if lost else took)
            self._operation(client, t, free[client], "info" if lost else "fail" if self.draw.chance(0.01) else "ok")

    def _operation(self, client, begin, end, outcome, f=None, key=None, value=None, result=None):
        f = f or self.draw.choice(["read", "write", "cas"])
        number = self.draw.below(90)
        if value is None and f != "read":
            value = (number, number + 1) if f == "cas" else number
        if result is None and outcome == "ok":
            result = number if f == "read" else True if f == "cas" else None
        op = Operation(len(self.operations), f"{client}.{self.sessions[client]}", f, key or f"k{self.draw.below(5)}", value)
        op.type, op.result, op.invoked_s, op.completed_s = outcome, result, begin, end
        op.error = {"ok": None, "fail": "not the leader", "info": "no answer within 0.6 s"}[outcome]
        self.sessions[client] += outcome == "info"
        self.operations.append(op)
        return op

    def write_the_violation(self):
        """A write is acknowledged, one reader sees it, and a later reader does not."""
        at = self.for_s - 0.6
        return [
            self._operation("c2", at, at + 0.110, "ok", "write", "x", 4),
            self._operation("c4", at + 0.060, at + 0.150, "ok", "read", "x", None, 4),
            self._operation("c1", at + 0.260, at + 0.331, "ok", "read", "x", None, 3),
        ]

    # --- Trace ---

    def write_trace(self, stop):
        """Heartbeats with answers from a leader, losses across the cut, a crash, a restart and a new leader."""
        plan = []
        t = self.traced_from
        while t < stop:
            leader = "n1" if t < self.for_s - 1.5 else "n3"
            for node in NODES:
                if node != leader:
                    self._beat(plan, t, leader, node)
            plan.append((t, "timer", leader, {"text": "heartbeat"}))
            t += HEARTBEAT_S
        down = self.down
        plan += [
            (down[0], "crash", "n5", {"text": "2 unsynced records lost"}),
            (down[1], "start", "n5", {"text": "31 records recovered"}),
        ]
        cut = self.faults[-1]
        plan.append((cut["at_s"], "cut", None, {"text": "n1→n2 n1→n3 n1→n4 n1→n5 n2→n1 n3→n1 n4→n1 n5→n1"}))
        plan.append((self.for_s - 1.5, "leader", "n3", {"text": "leads in term 4"}))
        plan.append((stop, "violation", "n1", {"text": "linearizability: c1 read x = 3 after 4 was read"}))
        for i, (at, kind, node, more) in enumerate(sorted(plan, key=lambda row: row[0])):
            self.rows.append({"i": i, "t": at, "kind": kind, "node": node, **more})

    def _beat(self, plan, t, leader, node):
        apart = t >= self.faults[-1]["at_s"] and "n1" in (leader, node)
        text = f"AppendEntries(term=3, previous={int(t * 10)}, entries=(), commit={int(t * 9)})"
        if apart or self.draw.chance(0.02):
            plan.append((t, "send-lost", leader, {"dst": node, "text": text}))
            return
        there = t + self.draw.uniform(0.001, 0.010)
        state = {"term": "3", "commit_index": str(int(t * 9))}
        plan.append((there, "deliver", node, {"src": leader, "sent": t, "text": text, "state": state}))
        if node == "n5" and self.down[0] <= there <= self.down[1]:
            plan[-1] = (there, "lost-at-node", node, {"src": leader, "sent": t, "text": text})
            return
        back = there + 0.002
        plan.append((back, "synced", node, {"text": "1 record"}))
        answered = {"src": node, "sent": back, "text": "Appended(term=3, success=True)"}
        plan.append((back + self.draw.uniform(0.001, 0.010), "deliver", leader, answered))

    # --- Results ---

    def run(self, verdict="invalid"):
        """The whole run, judged."""
        self.write_operations()
        shown = self.write_the_violation() if verdict == "invalid" else []
        stop = self.for_s - 0.269
        self.write_trace(stop)
        self.operations.sort(key=lambda op: op.invoked_s)
        for i, op in enumerate(self.operations):
            op.index = i
        moments = [(op.invoked_s, 0, op) for op in self.operations] + [(op.completed_s, 1, op) for op in self.operations]
        for position, (_, completes, op) in enumerate(sorted(moments, key=lambda moment: moment[:2])):
            setattr(op, "completed" if completes else "invoked", position)
        history = History(self.operations)
        return MadeUp(self._results(verdict, history, shown, stop), history, self.rows)

    def _results(self, verdict, history, shown, stop):
        took = sorted(1e3 * (op.completed_s - op.invoked_s) for op in history if op.type == "ok")
        latency = {name: round(took[min(len(took) - 1, int(q * len(took)))], 3) for name, q in QUANTILES.items()}
        return {
            "schema": 1,
            "windtunnel": "0.1.0",
            "kernel": "compiled",
            "python": "3.11.7",
            "world": "sim",
            "system": "raft",
            "title": "Raft: a replicated log under a strong leader",
            "nodes": list(NODES),
            "clients": list(CLIENTS),
            "verdict": verdict,
            "why": {"invalid": "linearizability: stale read", "unknown": "the checker ran out of its budget of 30 s"}.get(
                verdict, ""
            ),
            "seed": 7,
            "fingerprint": "93c1e0b2a7d4f815",
            "policy": "fifo",
            "ops": history.counts(),
            "faults": self.faults,
            "wall_s": 0.412,
            "sim_s": self.for_s,
            "events": 214_512,
            "messages": 180_020,
            "properties": PROPERTIES,
            "checker": {"model": "kv", "promise": "linearizable", "verdict": verdict, "why": ""},
            "violation": self._violation(shown, stop) if verdict == "invalid" else None,
            "latency_ms": latency,
            "throughput_per_s": round(len(took) / self.for_s, 1),
            "notes": [],
            "replay": "windtunnel run raft --seed 7 --for 20 --faults partition,crash,pause --without read_index_confirmed",
            "parent": None,
            "scenario": {
                "system": "raft",
                "seed": 7,
                "world": "sim",
                "for_s": self.for_s,
                "faults": ["partition", "crash", "pause"],
                "without": ["read_index_confirmed"],
                "options": {"heartbeat_s": 0.05, "election_s": [0.15, 0.3]},
                "plan": [{"at_s": 3.0, "verb": "cut", "args": {"shape": "halves"}}],
            },
        }

    def _violation(self, shown, stop):
        return {
            "property": "linearizability",
            "statement": "the history is linearizable for the kv model",
            "source": "Ongaro 2014 (thesis), 6.4",
            "at_s": stop,
            "event": 213_907,
            "node": "n1",
            "evidence": "read x -> 3 began after another client had read 4, and nobody wrote 3 again",
            "operations": [op.index for op in shown],
            "text": [op.describe() for op in shown],
            "door": "isolate the leader: n1 | n2 n3 n4 n5 at 18.000 s",
            "safeguard": "read_index_confirmed",
            "rule": "a leader confirms with a majority that it still leads before it answers a read",
        }


PROPERTIES = [
    {"name": "election_safety", "kind": "always", "statement": "at most one leader per term, ever", "status": "held"},
    {
        "name": "log_matching",
        "kind": "always",
        "statement": "entries with one index and term are equal, and so is all before",
        "status": "held",
    },
    {
        "name": "state_machine_safety",
        "kind": "always",
        "statement": "no two nodes apply different commands at one index",
        "status": "held",
    },
    {"name": "leader_elected", "kind": "sometimes", "statement": "a node leads", "status": "seen"},
    {
        "name": "snapshot_installed",
        "kind": "sometimes",
        "statement": "a follower was brought up by a snapshot",
        "status": "unseen",
    },
    {"name": "one_leader_known", "kind": "eventually", "statement": "all nodes agree who leads", "status": "reached"},
]


@pytest.fixture
def invalid():
    """A run with a stale read, and a trace of its last four seconds."""
    return Author().run("invalid")


@pytest.fixture
def valid():
    """A run that kept its promise; no trace."""
    run = Author(for_s=10.0).run("valid")
    run.trace.clear()
    return run


@pytest.fixture
def unknown():
    """A run that the checker could not decide."""
    run = Author(for_s=5.0).run("unknown")
    run.trace.clear()
    return run


# --- A browser ---

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser():
    """A chromium per module: while Playwright is open an event loop runs. Skipped, with the reason printed, without one."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no page was opened in a browser")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium on the PATH (or in CHROMIUM): no page was opened in a browser")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield started
        started.close()


class Visit:
    """An open page, and everything it complained about or asked for."""

    def __init__(self, context, address):
        self.page = context.new_page()
        self.complaints, self.requests = [], []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)
        self.until("document.querySelector('#timeline-deck [data-range]').textContent !== ''")
        self.until("(document.querySelector('#viewer')?.dataset.ready ?? 'true') === 'true'")

    def until(self, expression):
        """Waits for it to be true. The page's policy forbids `eval`, which Playwright's own waiting needs."""
        for _ in range(400):
            if self.page.evaluate(f"() => Boolean({expression})"):
                return
            self.page.wait_for_timeout(25)
        raise AssertionError(f"never true: {expression}")

    def settle(self):
        """Two frames: the first draws what was asked for."""
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


@pytest.fixture(scope="module")
def context(browser):
    """A window of usual size and scheme, shared: making one takes longer than most tests."""
    return browser.new_context()


@pytest.fixture
def visit(browser, context, tmp_path):
    """Opens a page for a run; afterwards nothing but the file itself may have been asked for, and nothing complained about."""
    from windtunnel.reports import render

    visits, windows = [], []

    def opened(run, fragment="", **special):
        """run: with results, history and trace; or the file of a page. special: of a window that is not the usual one."""
        file = run if isinstance(run, Path) else tmp_path / f"report{len(visits)}.html"
        if file is not run:
            file.write_text(render(run.results, run.history, run.trace), encoding="utf-8")
        if special:
            windows.append(browser.new_context(**special))
        visits.append(Visit(windows[-1] if special else context, file.as_uri() + fragment))
        return visits[-1]

    yield opened
    for window in windows:
        window.close()
    for each in visits:
        each.page.close()
        assert each.complaints == []
        asked = [url for url in each.requests if not url.startswith(("data:", "blob:"))]
        assert asked == [each.requests[0]]
        assert asked[0].startswith("file://")
