"""The words behind the test file's name while a campaign runs: there for who watches, gone afterwards."""

import io
from types import SimpleNamespace

import pytest

from windtunnel.testing import Campaign, Settings
from windtunnel.testing import progress as subject
from windtunnel.testing.progress import progress_on


class Terminal:
    """As much of pytest's reporter as is looked at."""

    def __init__(self, *, isatty=True, verbosity=0, width=80, used=10):
        self.isatty, self.verbosity = isatty, verbosity
        self._tw = SimpleNamespace(fullwidth=width, width_of_current_line=used, _file=io.StringIO())

    @property
    def written(self):
        return self._tw._file.getvalue()


def config(reporter, **more):
    plugins = SimpleNamespace(get_plugin=lambda name: reporter if name == "terminalreporter" else None)
    return SimpleNamespace(pluginmanager=plugins, **more)


def visible(text):
    """What a terminal shows of it."""
    line, at = [], 0
    for c in text:
        if c == "\b":
            at -= 1
        else:
            line[at : at + 1] = [c]
            at += 1
    return "".join(line), at


@pytest.fixture
def clock(monkeypatch):
    """A clock that jumps a second each time it is read."""
    ticks = iter(range(1000))
    monkeypatch.setattr(subject.time, "monotonic", lambda: float(next(ticks)))


CAMPAIGN = Campaign(settings=Settings(), asked=200, done=57)


def test_it_is_shown_and_taken_back(clock):
    """Numbers and rate while it runs; then blanks, and the cursor where it was."""
    terminal = Terminal()
    with progress_on(config(terminal), "test_orders") as show:
        show(CAMPAIGN)
        shown, at = visible(terminal.written)
        assert shown == " test_orders: 57/200 seeds, 57/s"
        assert at == 0
        show(Campaign(settings=Settings(), asked=200, done=4))
        assert visible(terminal.written)[0].rstrip() == " test_orders: 4/200 seeds, 2/s"
    assert visible(terminal.written)[0].strip() == ""
    assert visible(terminal.written)[1] == 0


def test_it_never_wraps(clock):
    """On a narrow terminal the words are cut: going left does not reach the line above."""
    terminal = Terminal(width=20, used=12)
    with progress_on(config(terminal), "test_orders") as show:
        show(CAMPAIGN)
    assert len(visible(terminal.written)[0]) <= 7


@pytest.mark.parametrize(
    "quiet",
    [
        config(None),
        config(Terminal(isatty=False)),
        config(Terminal(verbosity=-1)),
        config(Terminal(), workerinput={}),
    ],
    ids=["no reporter", "a file", "-q", "a worker"],
)
def test_nobody_watches(clock, quiet):
    """Where there is no terminal nothing is written."""
    with progress_on(quiet, "test_orders") as show:
        show(CAMPAIGN)
    reporter = quiet.pluginmanager.get_plugin("terminalreporter")
    assert reporter is None or reporter.written == ""


def test_short_campaigns_show_nothing():
    """What is over before one can read it is not drawn."""
    terminal = Terminal()
    with progress_on(config(terminal), "test_orders") as show:
        show(CAMPAIGN)
    assert terminal.written == ""
