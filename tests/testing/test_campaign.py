"""`check`: many seeds of one test, and what is found about them."""

import asyncio
import contextlib
import ctypes
import os
import re
import signal
import time

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.sim import sometimes
from windtunnel.testing import Campaign, CampaignFailed, check
from windtunnel.testing.campaign import row_of
from windtunnel.testing.forks import alone
from windtunnel.testing.settings import Settings
from windtunnel.testing.single import Ask, Single

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

LIBC = ctypes.CDLL(None)  # what no hook of ours sees


async def beat():
    while True:
        await asyncio.sleep(0.1)


async def peaceful(world):
    world.host("db", main=beat)
    await asyncio.sleep(1.0)


async def hates_crashes(world):
    db = world.host("db", main=beat)
    world.host("api", main=beat)
    await asyncio.sleep(1.0)
    assert db.incarnation == 0, f"{db.incarnation} crashes"


def test_a_peaceful_campaign_is_valid():
    """Every seed ran, nothing is told."""
    campaign = check(peaceful, seeds=20)
    assert isinstance(campaign, Campaign)
    assert (campaign.verdict, campaign.done, campaign.asked) == ("valid", 20, 20)
    assert campaign.lines() == []
    assert campaign.failure is None
    assert campaign.rate_per_s > 0
    campaign.assert_held()


def test_the_lowest_failing_seed_is_found_whoever_is_first():
    """With two children at a time and with one, the same seed, storm and fingerprint."""
    found = [check(hates_crashes, seeds=50, faults="crash,slow", jobs=jobs, shrink_s=30).failure for jobs in (1, 2)]
    assert found[0].row.ask.seed == found[1].row.ask.seed
    assert found[0].smallest.plan == found[1].smallest.plan
    assert found[0].row.fingerprint == found[1].row.fingerprint


def test_the_storm_is_shrunk_to_what_opened_the_door():
    """One crash of the one host that matters, as short as it can be; the run without it passes, and the report says so."""
    campaign = check(hates_crashes, seeds=50, faults="all:3", shrink_s=30)
    failure = campaign.failure
    assert failure.shrunk.before > 3
    assert [(fault["verb"], fault["args"]) for fault in failure.shrunk.plan] == [("crash", {"nodes": ["db"]})]
    assert failure.shrunk.complete
    assert failure.repeats
    text = "\n".join(campaign.lines())
    assert "1 of " in text
    assert "without it this seed passes" in text
    assert "crash: power cut" in text
    with pytest.raises(CampaignFailed, match="seed"):
        campaign.assert_held()


def test_without_shrinking_the_drawn_storm_is_told():
    """shrink=False."""
    campaign = check(hates_crashes, seeds=50, faults="crash,slow", shrink=False)
    assert campaign.failure.shrunk is None
    assert "not shrunk" in "\n".join(campaign.lines())


def test_a_plan_is_carried_out_as_it_is():
    """An explicit plan is the storm of every seed."""
    plan = [{"at_s": 0.5, "until_s": 0.6, "verb": "crash", "args": {"nodes": ["db"]}}]
    campaign = check(hates_crashes, seeds=3, plan=plan)
    assert campaign.failure.row.ask.seed == 1
    assert check(hates_crashes, seeds=3, plan=[{**plan[0], "args": {"nodes": ["api"]}}]).verdict == "valid"
    assert check(peaceful, seeds=3, plan=[{**plan[0], "args": {"nodes": ["nobody"]}}]).verdict == "valid"


def test_faults_hit_short_and_long_tests():
    """The horizon follows the quiet run: a test of 20 ms has its storm within it, and one of 100 s too."""
    for length_s in (0.02, 100.0):

        async def lasts(world, length_s=length_s):
            db = world.host("db", main=beat)
            await asyncio.sleep(length_s)
            assert db.incarnation == 0

        campaign = check(lasts, seeds=30, faults="crash", shrink=False)
        assert campaign.quiet_s == pytest.approx(length_s)
        assert campaign.verdict == "invalid"
        assert 0 < campaign.failure.row.plan[0]["at_s"] < 1.6 * length_s


def test_keep_going_counts_every_failure():
    """All seeds are run, all failures are counted, the lowest is looked into."""

    async def odd(world):
        await asyncio.sleep(0.1)
        assert world.seed % 2 == 0

    campaign = check(odd, seeds=range(10, 20), keep_going=True)
    assert [failure.row.ask.seed for failure in campaign.failures] == [11, 13, 15, 17, 19]
    assert campaign.done == 10
    assert "4 more of 10 seeds fail: 13, 15, 17, 19" in "\n".join(campaign.lines())
    assert campaign.failures[0].detailed is not None
    assert campaign.failures[1].detailed is None


def test_it_stops_at_the_first_failure():
    """Without keep_going the seeds after the failing one are not counted by the thousand."""

    async def third(world):
        assert world.seed < 3

    assert check(third, seeds=500, jobs=2).done < 10


def test_a_test_that_fails_without_any_fault_says_so():
    """The quiet run fails: no storm is needed, none is drawn."""

    async def broken(world):
        world.host("db", main=beat)
        raise ValueError("always")

    campaign = check(broken, seeds=50, faults="all")
    assert campaign.failure.row.plan == []
    assert "no fault is needed: it fails in a quiet world" in campaign.lines()
    assert "ValueError: always" in "\n".join(campaign.lines())


@pytest.mark.parametrize(
    ("deed", "kind", "words"),
    [
        (lambda: LIBC._exit(3), "died", "exited with code 3"),
        (lambda: LIBC.kill(LIBC.getpid(), signal.SIGKILL), "died", "SIGKILL"),
        (lambda: (_ for _ in ()).throw(SystemExit(4)), "test", "SystemExit"),
    ],
    ids=["exit", "kill", "sys.exit"],
)
def test_the_death_of_a_process_is_a_finding_with_a_seed(deed, kind, words):
    """Whatever a seed does to its process, the campaign goes on to tell it."""

    async def dies(world):
        await asyncio.sleep(0.1)
        if world.seed == 3:
            deed()

    campaign = check(dies, seeds=10)
    assert campaign.failure.row.ask.seed == 3
    text = "\n".join(campaign.lines())
    assert words in text
    assert campaign.failure.row.kind == kind


def test_a_hang_is_a_finding_with_a_seed():
    """A seed that never ends is killed, and its stack is there."""

    async def hangs(world):
        if world.seed == 2:
            stop_at = time.perf_counter
            while True:
                stop_at()

    campaign = check(hangs, seeds=3, wall_s=1.0)
    failure = campaign.failure
    assert failure.row.ask.seed == 2
    assert failure.row.kind in ("hung", "spin")
    assert "in hangs" in failure.row.text
    assert "in hangs" in failure.row.where


@pytest.mark.campaign
def test_a_seed_that_spins_and_swallows_is_told_as_a_spin():
    """Its process had to end without an answer; what the watchdog wrote says the host, the time and the line."""

    async def stubborn(world):
        await asyncio.sleep(2.0)
        while True:
            with contextlib.suppress(BaseException):
                while True:
                    pass

    row = row_of(alone(Single(stubborn), Ask(seed=0), limit_s=60.0))
    assert (row.kind, row.host, row.at_s) == ("spin", "test", 2.0)
    assert row.message == "one step took more than 5 real seconds, and swallows every exception"
    assert row.where.endswith("in stubborn")
    assert row.where in row.text


def test_deadlock_and_leak_and_limit_are_each_one_finding():
    """What machines find arrives whole."""

    async def deadlocks(_world):
        await asyncio.get_running_loop().create_future()

    async def endless(_world):
        while True:
            await asyncio.sleep(1.0)

    async def leaks(_world):
        leaks.task = asyncio.create_task(asyncio.sleep(100.0))
        await asyncio.sleep(0.1)

    stuck = check(deadlocks, seeds=3)
    assert stuck.failure.row.kind == "deadlock"
    assert "test waits" in stuck.failure.smallest.text or "future" in stuck.failure.smallest.text
    assert check(endless, seeds=3, limit_s=50.0).failure.row.kind == "limit"
    campaign = check(leaks, seeds=3)
    assert campaign.verdict == "valid"
    assert len(campaign.leaks) == 1
    assert "task" in campaign.leaks[0]


def test_a_livelock_is_found_after_as_many_events_as_were_asked_for():
    """A loop that waits for a moment too short to move the clock is a livelock, in every run of the campaign."""

    async def short_of_a_moment(_world):
        await asyncio.sleep(1.0)
        while True:
            await asyncio.sleep(1e-17)

    campaign = check(short_of_a_moment, seeds=2, still_steps=1000)
    row = campaign.failure.row
    assert (row.kind, row.at_s) == ("livelock", 1.0)
    assert row.events < 10_000


def test_a_sometimes_that_was_never_true_makes_the_verdict_unknown():
    """True in one seed of all is enough; in none, the campaign has not tested what it is about."""

    async def situations(world):
        sometimes(world.seed == 4, "rare")
        sometimes(world.seed > 1000, "never")

    campaign = check(situations, seeds=6)
    assert campaign.never_seen == ("never",)
    assert campaign.verdict == "unknown"
    assert "never true in 6 seeds: never" in campaign.lines()[0]
    campaign.assert_held()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"seeds": 0}, "at least one"),
        ({"seeds": "a..b"}, "5..9"),
        ({"seeds": [1, "x"]}, "whole numbers"),
        ({"faults": "partitions"}, "did you mean partition?"),
        ({"faults": 7}, "partition,crash"),
        ({"policy": "lifo"}, "known: fifo, random, pct"),
        ({"jobs": 0}, "at least 1"),
        ({"still_steps": 0}, "at least 1"),
        ({"for_s": -1}, "seconds above 0"),
        ({"wall_s": float("inf")}, "seconds above 0"),
        ({"twice": "yes"}, "True or False"),
        ({"seed": 3}, "did you mean seeds?"),
        ({"plan": [{"verb": "explode"}]}, "unknown verb 'explode'"),
    ],
)
def test_wrong_settings_are_refused(wrong, words):
    """Each is one line that says what was expected."""
    with pytest.raises(UsageError, match=re.escape(words)):
        check(peaceful, **wrong)


def test_seeds_are_numbers_ranges_or_lists():
    """200 is 1..200; "5..9" is 5..9."""
    for given, meant in ((3, [1, 2, 3]), ("5..7", [5, 6, 7]), (range(4), [0, 1, 2, 3]), ([9, 7, 9], [9, 7])):
        assert list(Settings().changed(seeds=given).seeds) == meant


def test_what_a_run_imports_is_imported_once():
    """A module that the test imports on its way is loaded in the parent: the children of the seeds find it there."""
    import sys

    name = "xml.dom.pulldom"
    sys.modules.pop(name, None)

    async def imports(_world):
        assert name in sys.modules or __import__(name)

    assert check(imports, seeds=2).verdict == "valid"
    assert name in sys.modules
