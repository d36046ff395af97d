import asyncio

import pytest

from windtunnel.faults import Fault, Nemesis, Plan
from windtunnel.sim import RunFailed


def plan(*rows):
    return Plan(tuple(Fault(at_s, verb, args, until_s) for at_s, verb, args, until_s in rows))


def schedule(world, faults):
    """What a campaign does with a plan."""
    nemesis = Nemesis(world, faults)
    world.quiet_at_s = faults.end_s
    for step in faults.steps():
        world.kernel.call_at(step.at_s, nemesis.act, step)
    return nemesis


async def beating(world, beats):
    while True:
        await asyncio.sleep(0.25)
        beats.append(world.now)


def test_a_nemesis_drives_a_world_of_machines(simulate):
    """Every verb of a plan, on hosts by name; "all" and "others" leave the test and its clients alone."""
    beats = {name: [] for name in ("a", "b", "c")}
    faults = plan(
        (1.0, "crash", {"nodes": ["a"]}, 2.0),
        (1.0, "pause", {"nodes": ["b"]}, 2.0),
        (1.0, "skew", {"nodes": ["c"], "drift": 1.0}, 2.0),
        (3.0, "cut", {"shape": "isolate", "nodes": ["a"], "hold": True}, 4.0),
        (3.0, "weather", {"drop": 0.5, "slow_s": 0.1}, 4.0),
        (3.0, "disk", {"nodes": ["c"], "mode": "full"}, 4.0),
        (5.0, "crash", {"nodes": ["all"]}, 6.0),
    )

    async def scenario(world):
        for name, times in beats.items():
            world.host(name, lambda times=times: beating(world, times))
        schedule(world, faults)
        assert world.nodes == ("a", "b", "c")
        await asyncio.sleep(3.5)
        assert world.links.cuts() == [("a", "b"), ("a", "c"), ("b", "a"), ("c", "a")]
        assert world.hosts["c"].files.full
        await world.healed()
        assert world.now == 6.0
        assert not world.hosts["c"].files.full
        await asyncio.sleep(1.0)

    _, world = simulate(scenario)
    during = {name: [t for t in times if 1.0 < t < 2.0] for name, times in beats.items()}
    assert (during["a"], during["b"]) == ([], [])
    assert len(during["c"]) == 7
    assert not any(5.0 < t < 6.0 for times in beats.values() for t in times)
    assert all(max(times) > 6.0 for times in beats.values())
    assert [host.incarnation for host in world.hosts.values()][1:] == [2 + 1, 1 + 1, 1 + 1]  # the last life ended with the run
    texts = [row.text for row in world.log.rows(source="world")]
    assert {"crash: power cut", "pause", "resume", "heal: all links", "disk: full", "disk: ok"} <= set(texts)


def test_the_world_says_who_leads_where_the_test_knows(simulate):
    """`ask_leader` is asked by plans that aim at the leader."""

    async def scenario(world):
        world.host("a")
        world.host("b")
        assert world.leader() is None
        world.ask_leader = lambda: "b"
        schedule(world, plan((1.0, "crash", {"nodes": ["leader"]}, 2.0)))
        await asyncio.sleep(1.5)
        return [world.running(name) for name in world.nodes]

    assert simulate(scenario)[0] == [True, False]


def test_healed_mends_what_nobody_else_does(simulate):
    """Links that the test cut itself, weather that lasts; hosts that it took down stay down. Otherwise it returns at once."""

    async def scenario(world):
        world.host("a")
        world.host("b")
        await world.healed()
        assert world.now == 0.0
        world.cut([("a", "b")])
        world.weather(drop=0.1)
        world.crash("b")
        await world.healed()
        return world.links.cuts(), world.running("b"), world.links.default.drop

    assert simulate(scenario)[0] == ([], False, 0.0)


def test_verbs_have_no_effect_twice(simulate):
    """A crash of a host that is down, a restart of one that runs, a resume of one that is not paused."""

    async def scenario(world):
        a = world.host("a", lambda: asyncio.sleep(100.0))
        world.restart("a")
        world.resume("a")
        world.crash("a")
        world.crash("a")
        world.pause("a")
        world.restart("a")
        await asyncio.sleep(1.0)
        return a.incarnation, a.running, len(world.log.rows("a", "world"))

    assert simulate(scenario)[0] == (1, True, 3)


def test_a_disk_without_files_is_nobodys(simulate):
    """`files=False`: the host uses the real file system, and no fault touches that."""

    async def scenario(world):
        a = world.host("a", files=False)
        world.disk("a", "full")
        return a.files, await a.run(lambda: __import__("pathlib").Path(__file__).exists())

    assert simulate(scenario)[0] == (None, True)


def test_an_action_of_the_plan_that_raises_ends_the_run(simulate):
    """A mistake in a test's own kernel callback is raised as it is."""

    async def scenario(world):
        world.kernel.call_at(1.0, lambda: 1 // 0)
        await asyncio.sleep(5.0)

    with pytest.raises(ZeroDivisionError):
        simulate(scenario)


def test_a_deadlock_under_a_cut_names_the_cut(simulate):
    """The report of a run that waits has the links that are cut."""

    async def scenario(world):
        world.host("a")
        world.cut([("a", "test"), ("test", "a")])
        await asyncio.Event().wait()

    with pytest.raises(RunFailed, match="cut: a→test test→a"):
        simulate(scenario)
