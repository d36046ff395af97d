"""The faults of a seed: drawn, carried out on a world that may lack the hosts, told in words."""

import asyncio

import pytest

from windtunnel.faults import Plan
from windtunnel.sim import World
from windtunnel.testing.storms import HORIZON_S, Storm, drawn, horizon_s, words


def test_a_storm_is_a_function_of_its_seed():
    """The same arguments, the same plan; another seed, another plan; no faults or no hosts, none."""
    nodes = ("a", "b", "c")
    assert drawn(7, ("all",), nodes, 10.0) == drawn(7, ("all",), nodes, 10.0)
    assert drawn(7, ("all",), nodes, 10.0) != drawn(8, ("all",), nodes, 10.0)
    assert drawn(7, (), nodes, 10.0) == Plan() == drawn(7, ("crash",), (), 10.0)


def test_a_kind_that_is_added_leaves_the_others_where_they_were():
    """Also where partitions of a single host are drawn apart."""
    for nodes in (("a", "b"), ("a",)):
        few = drawn(3, ("crash", "slow"), nodes, 10.0).faults
        more = drawn(3, ("crash", "slow", "partition:2"), nodes, 10.0).faults
        assert [fault for fault in more if fault.verb != "cut"] == list(few)
        assert any(fault.verb == "cut" for fault in more)


def test_the_horizon_is_twice_the_quiet_run_within_bounds():
    """Short tests get short storms, endless ones no endless ones."""
    assert horizon_s(3.0) == 6.0
    assert horizon_s(0.0) == HORIZON_S[0]
    assert horizon_s(1e9) == HORIZON_S[1]


def run(plan, test, hosts=("db", "api")):
    """Run `test(world)` under a plan."""
    world = World(1)
    storm = Storm(Plan.from_rows(plan))
    storm.begin(world)

    async def whole(world):
        for name in hosts:
            world.host(name)
        return await test(world)

    return world.run(whole, world), storm


def cut(**args):
    return [{"at_s": 0.5, "until_s": 1.5, "verb": "cut", "args": args}]


def test_a_host_that_is_cut_off_is_cut_off_from_clients_and_not_from_the_test():
    """Clients are among the others; the host of the test is not."""

    async def look(world):
        async with world.client("shopper"):
            await asyncio.sleep(1.0)
            during = [tuple(link) for link in world.links.cuts()]
        await asyncio.sleep(1.0)
        return during, list(world.links.cuts())

    (during, after), storm = run(cut(shape="isolate", nodes=["db"]), look)
    assert ("shopper", "db") in during
    assert ("db", "api") in during
    assert not any("test" in link for link in during)
    assert after == []
    assert storm.rows[0]["text"] == "isolate db"


def test_a_plan_may_name_hosts_that_are_not_there():
    """What is done to them has no effect; what is done to the others has."""

    async def look(world):
        await asyncio.sleep(1.0)
        return world.hosts["db"].up

    plan = [
        {"at_s": 0.2, "until_s": 3.0, "verb": "crash", "args": {"nodes": ["ghost", "db"]}},
        {"at_s": 0.3, "until_s": 0.4, "verb": "pause", "args": {"nodes": ["ghost"]}},
        {"at_s": 0.3, "until_s": 0.4, "verb": "skew", "args": {"nodes": ["ghost"], "drift": 0.1}},
        {"at_s": 0.3, "until_s": 0.4, "verb": "disk", "args": {"nodes": ["ghost"], "mode": "full"}},
        *cut(shape="halves", groups=[["ghost"], ["db", "api"]]),
    ]
    up, _ = run(plan, look)
    assert up is False


def test_everybody_is_every_host_that_faults_are_for():
    """`all` crashes servers, not clients, not the test."""

    async def look(world):
        async with world.client("shopper") as shopper:
            await asyncio.sleep(1.0)
            return {name: host.up for name, host in world.hosts.items()}, shopper.up

    (up, shopper), _ = run([{"at_s": 0.2, "until_s": 3.0, "verb": "crash", "args": {"nodes": ["all"]}}], look)
    assert up == {"test": True, "db": False, "api": False, "shopper": True}
    assert shopper


def test_the_world_knows_when_the_storm_is_over():
    """`await world.healed()` returns after the last fault."""

    async def look(world):
        await world.healed()
        return world.now

    now, _ = run(cut(shape="isolate", nodes=["db"]), look)
    assert now == pytest.approx(1.5)


def test_a_plan_in_words_says_when_and_what():
    """One line per fault; one without an end is for ever."""
    rows = Plan.from_rows(
        [*cut(shape="isolate", nodes=["db"]), {"at_s": 2.0, "verb": "crash", "args": {"nodes": ["api"]}}]
    ).to_rows()
    assert words(rows) == ["t=0.500..1.500 s  isolate db", "t=2.000 s for ever  crash api"]
