"""What a failure leaves: files, whole or not at all; a page; words."""

import pytest

from windtunnel.testing import Campaign, Failure, Settings
from windtunnel.testing.page import page, trace
from windtunnel.testing.shrinking import Shrunk, shrink
from windtunnel.testing.single import Ask, Row
from windtunnel.testing.telling import campaign_lines, saved

PLAN = [
    {"at_s": 0.1, "verb": "crash", "args": {"nodes": ["db"]}, "text": "crash db", "until_s": 0.9},
    {"at_s": 0.2, "verb": "pause", "args": {"nodes": ["api"]}, "text": "pause api", "until_s": 0.4},
    {"at_s": 5.0, "verb": "pause", "args": {"nodes": ["api"]}, "text": "pause api", "until_s": 6.0},
]


def failing(ask, **more):
    return Row(
        ask=ask,
        status="failed",
        kind="test",
        host="test",
        at_s=1.0,
        where="test_a.py:3 in test_a",
        message="ValueError: <b>lost</b>",
        text="Traceback ...",
        fingerprint="00000000000000aa",
        sim_s=1.2,
        events=77,
        nodes=("db", "api"),
        hosts=("test", "db", "api", "shopper"),
        plan=list(PLAN if ask.plan is None else ask.plan),
        log=[(0.0, "db", "world", "start"), (0.1, "db", "world", "crash: power cut"), (0.3, "api", "INFO", "app: <hello>")],
        **more,
    )


def campaign_of(failure):
    return Campaign(
        settings=Settings(), asked=200, done=137, wall_s=2.0, failures=[failure], layout="hash seed 0, fixed addresses"
    )


def test_the_page_has_hosts_faults_logs_and_no_operations():
    """Values of strangers are escaped; every host has a lane; the log is there in words."""
    row = failing(Ask(seed=137))
    row.faults = PLAN[:1]
    text = page(campaign_of(Failure(row=row)), Failure(row=row), "tests/test_a.py::test_a", "pytest --windtunnel-seed 137")
    assert "<b>lost</b>" not in text
    assert "ValueError: &lt;b&gt;lost&lt;/b&gt;" in text
    assert "app: &lt;hello&gt;" in text
    assert "seed 137: the test raised" in text
    assert "crash db" in text
    assert "pytest --windtunnel-seed 137" in text
    assert "Operations" not in text.split('id="main"')[0]


def test_rows_of_the_world_are_what_the_drawing_knows():
    """Starts, crashes and faults by their kinds, records by their level."""
    assert [row["kind"] for row in trace(failing(Ask(seed=1)))] == ["start", "crash", "info"]


def test_files_are_whole_and_ignored_by_git(tmp_path):
    """No temporary file stays; a second failure replaces the first; a disk that refuses is no second failure."""
    campaign = campaign_of(Failure(row=failing(Ask(seed=137))))
    place = saved(campaign, tmp_path / "out", "tests/test_a.py::test_a[x/y]", "replay it")
    assert sorted(file.name for file in place.iterdir()) == ["failure.txt", "log.txt", "plan.toml", "report.html"]
    assert place.name == "tests_test_a.py__test_a-x_y"
    assert (tmp_path / "out" / ".gitignore").read_text() == "*\n"
    assert "replay it" in (place / "failure.txt").read_text()
    assert saved(campaign, tmp_path / "out", "tests/test_a.py::test_a[x/y]", "another") == place
    assert "another" in (place / "failure.txt").read_text()
    (tmp_path / "file").write_text("")
    assert saved(campaign, tmp_path / "file", "test", "replay") is None


def test_names_of_tests_never_collide_or_overflow(tmp_path):
    """Long names are cut to what a file system takes, and stay different."""
    campaign = campaign_of(Failure(row=failing(Ask(seed=137))))
    names = [f"test_a.py::test_a[{'x' * 500}{i}]" for i in range(2)]
    places = {saved(campaign, tmp_path, name, "replay") for name in names}
    assert len(places) == 2


def test_the_words_say_what_the_faults_have_to_do_with_it():
    """None needed, some needed, time up, not shrunk."""
    row = failing(Ask(seed=137))

    def said(plan, *, complete=True):
        smallest = failing(Ask(seed=137, plan=tuple(plan)))
        shrunk = Shrunk(row=smallest, before=3, runs=9, wall_s=0.5, complete=complete)
        return "\n".join(campaign_lines(campaign_of(Failure(row=row, shrunk=shrunk, detailed=smallest))))

    assert "without the 3 drawn this seed fails in the same way (9 runs, 0.5 s)" in said([])
    assert "1 of 3 faults opened the door; without it this seed passes" in said(PLAN[:1])
    assert "2 of 3 faults opened the door; without any one of them this seed passes" in said(PLAN[:2])
    assert "perhaps fewer do: the time for shrinking was up" in said(PLAN[:2], complete=False)
    text = "\n".join(campaign_lines(campaign_of(Failure(row=row))))
    assert "3 faults, not shrunk:" in text
    assert "seed 137 fails, after 137 seeds at 68/s" in text
    assert "t=0.100..0.900 s  crash db" in text


def needs(*texts):
    """A run that fails in the same way if these faults are in its plan."""

    def make(ask):
        rows = [row["text"] for row in ask.plan]
        return failing(ask) if all(text in rows for text in texts) else Row(ask=ask, plan=list(ask.plan))

    return make


def test_shrinking_keeps_what_is_needed_and_makes_it_short():
    """Faults after the failure go first, then the others; policy back to fifo; lengths halved."""
    shrunk = shrink(failing(Ask(seed=1, policy="pct")), needs("crash db"), for_wall_s=60)
    assert [row["text"] for row in shrunk.plan] == ["crash db"]
    assert shrunk.plan[0]["until_s"] < 0.2
    assert shrunk.row.ask.policy == "fifo"
    assert shrunk.complete
    both = shrink(failing(Ask(seed=1)), needs("crash db", "pause api"), for_wall_s=60)
    assert [row["text"] for row in both.plan] == ["crash db", "pause api"]
    assert shrink(failing(Ask(seed=1)), needs(), for_wall_s=60).plan == []


def test_another_failure_is_not_the_same():
    """A probe that fails elsewhere, or otherwise, does not count."""

    def make(ask):
        row = failing(ask)
        if len(ask.plan) < 2:
            row.where = "test_b.py:9 in other"
        return row

    assert len(shrink(failing(Ask(seed=1)), make, for_wall_s=60).plan) == 2


def test_a_policy_that_is_needed_stays():
    """If the failure needs PCT, so does its smallest storm."""

    def make(ask):
        return failing(ask) if ask.policy == "pct" else Row(ask=ask, plan=list(ask.plan))

    assert shrink(failing(Ask(seed=1, policy="pct")), make, for_wall_s=60).row.ask.policy == "pct"


@pytest.mark.parametrize("budget_s", [0.0, -1.0])
def test_without_time_nothing_is_tried(budget_s):
    """The drawn plan is the answer, and it says that it is not the end."""
    shrunk = shrink(failing(Ask(seed=1)), needs("crash db"), for_wall_s=budget_s)
    assert (len(shrunk.plan), shrunk.runs, shrunk.complete) == (3, 0, False)
