import asyncio

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.faults import Nemesis, Plan

NODES = ("n1", "n2", "n3")


class _Log:
    """A world that writes down what it is asked; `leads` may change."""

    def __init__(self, *, leads="n2", awaited=False):
        self.nodes = NODES
        self.leads = leads
        self.asked = []
        self.awaited = awaited

    def leader(self):
        return self.leads

    def running(self, node):
        return node != "n1"

    def __getattr__(self, verb):
        def ask(*args, **options):
            said = (verb, *(list(a) if not isinstance(a, str) else a for a in args), *(v for v in options.values()))
            if not self.awaited:
                self.asked.append(said)
                return None
            return self._later(said)

        return ask

    async def _later(self, said):
        await asyncio.sleep(0)
        self.asked.append(said)


def plan(*rows):
    return Plan.from_rows([{"verb": verb, "at_s": at_s, "until_s": until_s, "args": args} for verb, at_s, until_s, args in rows])


def play(world, the_plan, *, between=lambda: None):
    nemesis = Nemesis(world, the_plan)
    for step in the_plan.steps():
        nemesis.act(step)
        between()
    return nemesis


def test_the_node_that_led_is_the_node_that_returns():
    """`leader` is resolved when the fault begins; its end concerns the same node, whoever leads then."""
    world = _Log()

    def depose():
        world.leads = "n3"

    nemesis = play(world, plan(("crash", 1, 2, {"nodes": ["leader"]})), between=depose)
    assert world.asked == [("crash", "n2"), ("restart", "n2")]
    (row,) = nemesis.rows
    assert row["args"] == {"nodes": ["n2"]}
    assert row["text"] == "crash n2 (leader)"
    assert (row["at_s"], row["until_s"]) == (1.0, 2.0)


def test_without_a_leader_a_running_node_is_hit():
    """n1 is down, so n2 stands in."""
    world = _Log(leads=None)
    play(world, plan(("pause", 1, 2, {"nodes": ["leader"]})))
    assert world.asked == [("pause", "n2"), ("resume", "n2")]


def test_others_and_all():
    """`others` is everybody not named beside it; `all` everybody."""
    world = _Log()
    play(
        world,
        plan(("cut", 1, 2, {"shape": "one_way", "nodes": ["leader"], "to": ["others"]}), ("crash", 3, 4, {"nodes": ["all"]})),
    )
    assert world.asked[0] == ("cut", [("n2", "n1"), ("n2", "n3")], False)
    assert [said for said in world.asked if said[0] == "crash"] == [("crash", node) for node in NODES]


def test_groups_may_say_leader_and_others():
    """The leader alone on one side, the rest on the other."""
    world = _Log()
    play(world, plan(("cut", 1, 2, {"shape": "halves", "groups": [["leader"], ["others"]]})))
    assert set(world.asked[0][1]) == {("n2", "n1"), ("n2", "n3"), ("n1", "n2"), ("n3", "n2")}


def test_the_end_of_one_cut_keeps_the_other():
    """`heal` mends everything, so the cut that is still open is made again."""
    world = _Log()
    isolate = lambda node: {"shape": "isolate", "nodes": [node]}  # noqa: E731
    play(world, plan(("cut", 1, 3, isolate("n1")), ("cut", 2, 4, isolate("n3"))))
    assert [said[0] for said in world.asked] == ["cut", "cut", "heal", "cut", "heal"]
    assert world.asked[3] == world.asked[1]


def test_a_node_crashed_twice_returns_with_the_last():
    """Overlapping crashes of a node: it stays down until both have ended."""
    world = _Log()
    play(world, plan(("crash", 1, 3, {"nodes": ["n1"]}), ("crash", 2, 4, {"nodes": ["n1", "n2"]})))
    assert world.asked == [("crash", "n1"), ("crash", "n1"), ("crash", "n2"), ("restart", "n1"), ("restart", "n2")]


def test_weather_adds_up():
    """Losses of 50 % and 50 % make 75 %; delays add; the end of one leaves the other."""
    world = _Log()
    play(world, plan(("weather", 1, 3, {"drop": 0.5, "slow_s": 0.1}), ("weather", 2, 4, {"drop": 0.5, "slow_s": 0.2})))
    drops = [said[1] for said in world.asked]
    slows = [said[3] for said in world.asked]
    assert drops == [0.5, 0.75, 0.5, 0.0]
    assert slows == pytest.approx([0.1, 0.3, 0.2, 0.0])


def test_a_jump_happens_once():
    """The end of another skew restores the drift that is still open, without jumping again."""
    world = _Log()
    play(
        world,
        plan(("skew", 1, 4, {"nodes": ["n1"], "offset_s": 3.0, "drift": 0.1}), ("skew", 2, 3, {"nodes": ["n1"], "drift": 0.2})),
    )
    assert world.asked == [("skew", "n1", 3.0, 0.1), ("skew", "n1", 0.0, 0.2), ("skew", "n1", 0.0, 0.1), ("skew", "n1")]


def test_a_world_of_coroutines_is_awaited():
    """The live world's verbs are coroutines: each is finished before the next begins."""
    world = _Log(awaited=True)
    the_plan = plan(("crash", 1, 2, {"nodes": ["n1", "leader"]}))

    async def go():
        nemesis = Nemesis(world, the_plan)
        return [await nemesis.act_live(step) for step in the_plan.steps()]

    faults = asyncio.run(go())
    assert world.asked == [("crash", "n1"), ("crash", "n2"), ("restart", "n1"), ("restart", "n2")]
    assert faults[0].args == {"nodes": ["n1", "n2"]}


def test_a_plan_for_other_nodes_is_refused():
    """Before anything is done to the world."""
    world = _Log()
    with pytest.raises(UsageError, match="n9"):
        Nemesis(world, plan(("crash", 1, 2, {"nodes": ["n9"]})))
    assert world.asked == []
