"""The verdict on one screen. The expected texts are read as prose when they change."""

import pytest

from windtunnel.histories import History, Operation
from windtunnel.reports import explain

INVALID = """\
✗ INVALID  raft broke linearizability
linearizability broken at t=19.731 s, event 213,907, on n1: read x -> 3 began after another client
  had read 4, and nobody wrote 3 again
  promise    every operation takes effect at one instant between its invocation and its completion
             (Herlihy & Wing 1990)
  shown by         t=19.400 s                t=19.731 s
             c2.3  ├──────────┤                          write x 4
             c4.2        ├────────┤                      read x -> 4
             c1.2                             ├───────┤  read x -> 3
  cause      isolate the leader: n1 | n2 n3 n4 n5 at 18.000 s (the last fault to begin before it)
  safeguard  read_index_confirmed is off: a leader confirms with a majority that it still leads
             before it answers a read (Ongaro 2014 (thesis), 6.4)
  operations 893: 880 ok, 4 failed, 9 unknown
  latency    p50 7.39 ms, p95 116 ms, p99 331 ms, max 989 ms; 44.0 ok/s
  faults     5: 2 cut, 1 crash, 1 weather, 1 pause
  properties 3 held; 1 reached; 1 seen; unseen: snapshot_installed
  seed 7; fingerprint 93c1e0b2a7d4f815; 20 s simulated in 412 ms; compiled kernel, fifo schedule
  replay: windtunnel run raft --seed 7 --for 20 --faults partition,crash,pause --without read_index_confirmed"""

UNKNOWN = """\
? UNKNOWN  raft: no verdict
  why        the checker ran out of its budget of 30 s
  operations 186: 181 ok, 2 failed, 3 unknown
  latency    p50 7.72 ms, p95 103 ms, p99 261 ms, max 281 ms; 36.2 ok/s
  faults     5: 2 cut, 1 crash, 1 weather, 1 pause
  properties 3 held; 1 reached; 1 seen; unseen: snapshot_installed
  seed 7; fingerprint 93c1e0b2a7d4f815; 5 s simulated in 412 ms; compiled kernel, fifo schedule
  replay: windtunnel run raft --seed 7 --for 20 --faults partition,crash,pause --without read_index_confirmed"""

ON_A_STAGE = """\
✗ INVALID  two-phase-commit broke agreement
agreement broken at step 19, on p3: p1 committed, p3 aborted
  promise    no transaction is committed at one participant and aborted at another
  shown by       step 1                       step 19
             c1  ├──────────────────────────────────╌  txn yes (no answer)
  safeguard  log_before_announce is off: the decision is durable before anybody is told (section 3)
  operations 1: 1 unknown
  properties broken: agreement
  seed 0; moved by hand
  replay: windtunnel run two-phase-commit --scenario crash-at-decision --without log_before_announce"""


def test_invalid_is_told_on_one_screen(invalid):
    """Promise, operations, fault, safeguard and replay line, in 24 lines."""
    text = explain(invalid.results, invalid.history)
    assert text == INVALID
    assert len(text.splitlines()) <= 24


def test_unknown_says_why(unknown):
    """No verdict without its reason."""
    assert explain(unknown.results, unknown.history) == UNKNOWN


def test_valid_names_the_promise_that_was_kept(valid):
    """Valid is a claim about a promise; what was never seen stands beside it."""
    lines = explain(valid.results, valid.history).splitlines()
    assert lines[0] == "✓ VALID  raft kept its promise: linearizable"
    assert "unseen: snapshot_installed" in "".join(lines)
    assert not any(line.startswith("  why") for line in lines)


def test_a_stage_counts_steps():
    """Where no clock runs there is neither latency nor wall time; an answer that never came has no right end."""
    op = Operation(0, "c1", "txn", None, "yes", invoked_s=1.0, completed_s=19.0)
    violation = {
        "property": "agreement",
        "statement": "no transaction is committed at one participant and aborted at another",
        "source": "section 3",
        "at_s": 19.0,
        "event": 19,
        "node": "p3",
        "evidence": "p1 committed, p3 aborted",
        "operations": [0],
        "safeguard": "log_before_announce",
        "rule": "the decision is durable before anybody is told",
    }
    results = {
        "world": "stage",
        "system": "two-phase-commit",
        "verdict": "invalid",
        "seed": 0,
        "ops": {"total": 1, "ok": 0, "fail": 0, "info": 1},
        "latency_ms": {"p50": 14000.0},
        "properties": [{"name": "agreement", "status": "broken"}],
        "violation": violation,
        "replay": "windtunnel run two-phase-commit --scenario crash-at-decision --without log_before_announce",
    }
    assert explain(results, History([op])) == ON_A_STAGE


def test_a_handler_that_raised_shows_the_end_of_its_traceback():
    """A traceback is evidence; its last lines say what happened."""
    text = ["Traceback (most recent call last):", *(f'  File "raft.py", line {i}' for i in range(30)), "KeyError: 'n9'"]
    violation = {"property": "handlers_do_not_raise", "evidence": "KeyError", "at_s": 1.0, "text": ["\n".join(text)]}
    lines = explain({"verdict": "invalid", "system": "raft", "violation": violation}).splitlines()
    shown = [line.strip() for line in lines]
    assert "KeyError: 'n9'" in shown
    assert len(lines) < 15


def test_no_line_but_the_replay_is_wider_than_a_hundred_columns(invalid):
    """Long evidence, names and values are wrapped or cut."""
    invalid.results["violation"]["evidence"] = "word " * 200
    invalid.results["system"] = "a-system-with-a-name-" * 9
    invalid.results["notes"] = ["note " * 60]
    lines = explain(invalid.results, invalid.history).splitlines()
    assert max(len(line) for line in lines if not line.startswith("  replay:")) <= 100
    assert lines[-1].startswith("  replay: ")


def test_long_stories_show_their_end(invalid):
    """Of many operations the last are shown, and the number of the others is said."""
    invalid.results["violation"]["operations"] = list(range(870, 893))
    text = explain(invalid.results, invalid.history)
    assert "and 15 earlier operations: see the report" in text
    assert len(text.splitlines()) <= 28


def test_a_recorded_history_has_neither_seed_nor_faults():
    """The verdict on a file says only what a file can tell."""
    results = {"verdict": "valid", "ops": {"total": 2, "ok": 2, "fail": 0, "info": 0}, "checker": {"promise": "linearizable"}}
    assert explain(results) == "✓ VALID  the history kept its promise: linearizable\n  operations 2: 2 ok"


@pytest.mark.parametrize("hostile", ["\x1b[31mred", "line\nbreak", "[bold]rich[/bold]"])
def test_values_of_strangers_stay_text(invalid, hostile):
    """Neither a terminal nor rich takes orders from a history."""
    invalid.results["violation"]["evidence"] = hostile
    plain = explain(invalid.results, invalid.history)
    assert "\x1b" not in plain
    assert "\nbreak" not in plain

    from rich.text import Text

    marked = Text.from_markup(explain(invalid.results, invalid.history, markup=True))
    assert marked.plain == plain
