"""How numbers, operations and promises are said."""

import pytest

from windtunnel.histories import History, Operation
from windtunnel.reports.words import (
    claim,
    count_text,
    literature,
    moment,
    operation_text,
    plural,
    printable,
    seconds_text,
    unit_of,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (8.5e-4, "850 µs"),
        (0.00612, "6.12 ms"),
        (0.4123, "412 ms"),
        (1.2, "1.2 s"),
        (99.96, "100 s"),
        (250, "4 min 10 s"),
    ],
)
def test_durations_have_three_figures_and_a_unit(seconds, text):
    """A duration reads the same in a table, on an axis and in a sentence."""
    assert seconds_text(seconds) == text


def test_moments_say_what_they_count():
    """Where no clock runs a moment is a step of the stage or an event of the file, not a second."""
    timed, untimed = History([]), History([], timed=False)
    assert moment(12.4031, unit_of({"world": "sim"}, timed)) == "t=12.403 s"
    assert moment(12.0, unit_of({"world": "stage"}, timed)) == "step 12"
    assert moment(12.0, unit_of({}, untimed)) == "event 12"


def test_an_operation_says_why_and_where():
    """The reason of an outcome that is not ok, and the line of a file, belong to the text."""
    op = Operation(3, "c1", "write", "x", 4, "info", error="timed out", line=17, completed_line=21)
    assert operation_text(op) == "write x 4 (no answer): timed out [line 21]"
    assert operation_text(op, limit=12) == "write x 4 (…"


def test_what_does_not_print_becomes_a_space():
    """A value of a stranger must not move the cursor of a terminal."""
    assert printable("a\x1b[2Jb\nc é") == "a [2Jb c é"


def test_known_promises_are_defined_by_their_source():
    """A checker's property has its definition from the literature; a system's own property has the system's statement."""
    name, definition, source = literature({"violation": {"property": "linearizability", "statement": "legal"}})
    assert (name, source) == ("linearizability", "Herlihy & Wing 1990")
    assert "one instant" in definition
    own = {"property": "log_matching", "statement": "logs agree", "source": "figure 3"}
    assert literature({"violation": own}) == ("log_matching", "logs agree", "figure 3")
    assert literature({"violation": {**own, "safeguard": "x"}}) == ("log_matching", "logs agree", "")


def test_a_verdict_is_a_sentence():
    """Who kept or broke what."""
    assert (
        claim({"verdict": "valid", "system": "raft", "checker": {"promise": "linearizable"}})
        == "raft kept its promise: linearizable"
    )
    assert claim({"verdict": "invalid", "system": "raft", "violation": {"property": "agreement"}}) == "raft broke agreement"
    assert claim({"verdict": "unknown"}) == "the history: no verdict"


def test_counts_read_well():
    """Separators, and no plural of one."""
    assert (count_text(5970), plural(1, "fault"), plural(12, "fault")) == ("5,970", "1 fault", "12 faults")
