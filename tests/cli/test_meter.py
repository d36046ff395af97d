import io
import sys

import pytest

from windtunnel.cli import meter
from windtunnel.cli.meter import Meter, left_text


class _Screen(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = [100.0]
    monkeypatch.setattr(meter.time, "monotonic", lambda: now[0])
    return now


def test_without_a_terminal_a_line_now_and_then(clock, monkeypatch):
    """At most one line per five seconds, none for short work."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    with Meter("sweep raft", 100) as shown:
        for done in range(12):
            clock[0] = 100.0 + done
            shown.show(done, f"{done} of 100")
    assert out.getvalue().splitlines() == ["sweep raft: 5 of 100", "sweep raft: 10 of 100"]


def test_on_a_terminal_a_bar_after_a_moment(clock, monkeypatch):
    """Nothing for half a second, then a bar with the words; it is gone at the end and the cursor is back."""
    out = _Screen()
    monkeypatch.setattr(sys, "stderr", out)
    monkeypatch.setenv("TERM", "xterm")
    with Meter("sweep raft", 100) as shown:
        shown.show(1, "1 of 100")
        assert out.getvalue() == ""
        clock[0] += 0.6
        shown.show(2, "2 of 100")
        assert "2 of 100" in out.getvalue()
        clock[0] += 0.01
        shown.show(3, "3 of 100")
        assert "3 of 100" not in out.getvalue()
    assert "\x1b[?25h" in out.getvalue()


@pytest.mark.parametrize(("seconds", "text"), [(None, ""), (0.4, "0 s left"), (59.6, "1 min 0 s left"), (150, "2 min 30 s left")])
def test_what_is_left_in_words(seconds, text):
    """Minutes and seconds; nothing when nobody knows."""
    assert left_text(seconds) == text
