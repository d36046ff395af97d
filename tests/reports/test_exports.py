"""Exports are read by programs of others: they must be right, not pretty."""

import json
import re
from collections import defaultdict

from windtunnel.histories import Operation
from windtunnel.reports import chrome_trace, edn, shiviz
from windtunnel.reports.exports import SHIVIZ_HEADER, senders

HEADER = re.compile(SHIVIZ_HEADER.replace("(?<", "(?P<"))


def parsed(log):
    """Host, clock and text of each event, read as ShiViz reads them."""
    header, blank, body = log.split("\n", 2)
    assert (header, blank) == (SHIVIZ_HEADER, "")
    events = [(m["host"], json.loads(m["clock"]), m["event"]) for m in HEADER.finditer(body)]
    assert len(events) * 2 == len(body.splitlines()), "a line was not understood"
    return events


def row(t, kind, node, **more):
    return {"t": t, "kind": kind, "node": node, "text": "", **more}


SMALL = [
    row(0.0, "start", "a"),
    row(0.0, "start", "b"),
    row(1.0, "timer", "a"),
    row(1.2, "deliver", "b", src="a", sent=1.0, text="Ping()"),
    row(1.3, "timer", "c"),
    row(1.4, "deliver", "c", src="b", sent=1.2, text="Ping()"),
    row(1.5, "cut", None),
    row(1.6, "lost-at-node", "a", src="c", sent=1.4, text="Pong()"),
    row(1.7, "send-lost", "b", dst="a", text="Pong()"),
    row(1.8, "deliver", "b", src="c", sent=1.3, text="Late()"),
]


def test_the_sender_is_the_last_event_up_to_the_sending():
    """A trace says when a message left; the event that sent it is found from that."""
    assert senders(SMALL) == [-1, -1, -1, 2, -1, 3, -1, 5, -1, 4]


def before(a, b):
    """Whether clock a happened before clock b."""
    return a != b and all(count <= b.get(host, 0) for host, count in a.items())


def reachability(events):
    """Happens-before by its definition: order on a host, and from each sending to its arrival; transitively closed."""
    follows = defaultdict(set)
    last, sending = {}, defaultdict(list)
    for i, (host, _, text) in enumerate(events):
        if host in last:
            follows[last[host]].add(i)
        last[host] = i
        sent = re.match(r"([\d.]+) send to (\S+): (.*)", text)
        if sent:
            sending[host, sent[2], sent[3]].append(i)
        arrived = re.match(r"[\d.]+ deliver from (\S+): (.*)", text)
        if arrived:
            follows[sending[arrived[1], host, arrived[2]].pop(0)].add(i)
    reach = {}
    for i in reversed(range(len(events))):
        reach[i] = set().union(*({j} | reach[j] for j in follows[i])) if follows[i] else set()
    return reach


def test_vector_clocks_are_happens_before():
    """For every pair of events, the order of their clocks is the order of the definition (Fidge 1988, Mattern 1989)."""
    events = parsed(shiviz(SMALL))
    reach = reachability(events)
    for i, (_, first, _) in enumerate(events):
        for j, (_, second, _) in enumerate(events):
            assert before(first, second) == (j in reach[i]), (events[i], events[j])


def test_hosts_count_their_events_by_one(invalid):
    """ShiViz requires the own component of a host to begin at 1 and to rise by 1, in order."""
    seen = defaultdict(int)
    for host, clock, _ in parsed(shiviz(invalid.trace)):
        seen[host] += 1
        assert clock[host] == seen[host]
    assert set(seen) == {"n1", "n2", "n3", "n4", "n5"}


def test_an_arrival_knows_its_sending(invalid):
    """In a long trace too, each delivered message carries the clock of the event in which it was sent."""
    events = parsed(shiviz(invalid.trace))
    latest = {}
    for host, clock, text in events:
        if " send to " in text:
            latest[host] = clock
        match = re.match(r"[\d.]+ deliver from (\S+):", text)
        if match:
            assert clock[match[1]] >= 1
            assert before({match[1]: clock[match[1]] - 1}, clock)
    assert any(len(clock) == 5 for _, clock, _ in events)


def test_names_with_spaces_stay_one_word():
    """The header reads a host up to the first space."""
    assert parsed(shiviz([row(0.0, "start", "node one", text="line\nbreak")]))[0][:2] == ("node_one", {"node_one": 1})


def test_an_empty_trace_is_an_empty_log():
    """Header, blank line, nothing."""
    assert parsed(shiviz([])) == []


def test_flows_pair_and_stand_in_slices(invalid):
    """Every message is one flow: one start, one end, not earlier, each inside a slice of its thread."""
    document = json.loads(chrome_trace(invalid.results, invalid.history, invalid.trace))
    events = document["traceEvents"]
    starts = {e["id"]: e for e in events if e["ph"] == "s"}
    ends = {e["id"]: e for e in events if e["ph"] == "f"}
    messages = sum(1 for r in invalid.trace if r.get("src") and r.get("sent") is not None)
    assert len(starts) == len(ends) == messages > 0
    assert starts.keys() == ends.keys()
    slices = defaultdict(list)
    for e in events:
        if e["ph"] == "X":
            slices[e["pid"], e["tid"]].append((e["ts"], e["ts"] + e["dur"]))
    for flow in (*starts.values(), *ends.values()):
        assert any(begin <= flow["ts"] <= end for begin, end in slices[flow["pid"], flow["tid"]])
    assert all(starts[i]["ts"] <= ends[i]["ts"] for i in starts)


def test_rows_have_names_and_operations_do_not_overlap(invalid):
    """Clients, nodes and faults are processes; each thread is named; on a client's row one operation at a time."""
    events = json.loads(chrome_trace(invalid.results, invalid.history, invalid.trace))["traceEvents"]
    assert [e["args"]["name"] for e in events if e["name"] == "process_name"] == ["clients", "nodes", "faults"]
    named = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
    operations = [e for e in events if e["ph"] == "X" and e["pid"] == 1]
    assert len(operations) == len(invalid.history)
    assert {named[1, e["tid"]] for e in operations} == {"c1", "c2", "c3", "c4", "c5"}
    free = defaultdict(float)
    for e in sorted(operations, key=lambda e: e["ts"]):
        assert e["ts"] >= free[e["tid"]] - 1e-3
        free[e["tid"]] = e["ts"] + e["dur"]


def test_faults_begin_and_end(invalid):
    """Faults overlap, so they are spans of their own; one that never ended ends with the run."""
    events = json.loads(chrome_trace(invalid.results, invalid.history, []))["traceEvents"]
    spans = defaultdict(dict)
    for e in events:
        if e["ph"] in "be":
            spans[e["id"]][e["ph"]] = e["ts"]
    assert len(spans) == len(invalid.results["faults"])
    assert all(span["b"] <= span["e"] for span in spans.values())
    assert max(span["e"] for span in spans.values()) == invalid.results["sim_s"] * 1e6


def test_an_operation_that_never_completed_has_no_length(invalid):
    """Nobody knows when it ended: it is a mark where it was invoked."""
    invalid.history.operations[:] = [Operation(0, "c1", "read", "x", invoked_s=2.0)]
    events = json.loads(chrome_trace(invalid.results, invalid.history, []))["traceEvents"]
    assert [e["dur"] for e in events if e["ph"] == "X"] == [0]


def test_edn_is_what_our_own_reader_reads(invalid, tmp_path):
    """Outcomes and names come back; Jepsen's tools read the same lines."""
    from windtunnel.histories import read_history

    path = tmp_path / "history.edn"
    path.write_text(edn(invalid.history), encoding="utf-8")
    again = read_history(path, format="edn")
    assert again.counts() == invalid.history.counts()
    assert [op.f for op in again] == [op.f for op in invalid.history]
