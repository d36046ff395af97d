import json
import tomllib

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.base.streams import Stream
from windtunnel.faults import PROFILES, Fault, Plan, draw

NODES = ("n1", "n2", "n3", "n4", "n5")

EXAMPLES = [
    ({"shape": "halves", "groups": [["n1", "n2"], ["n3", "n4", "n5"]]}, "partition halves: n1 n2 | n3 n4 n5"),
    ({"shape": "isolate", "nodes": ["leader"]}, "isolate leader"),
    ({"shape": "one_way", "nodes": ["n1"], "to": ["others"]}, "partition one way: n1 no longer reaches others"),
    ({"shape": "majority_ring", "nodes": ["n2", "n1", "n3"], "hold": True}, "partition majority ring: n2 n1 n3, messages held"),
    ({"shape": "bridge", "nodes": ["n1"], "groups": [["n2"], ["n3"]]}, "partition bridge n1: n2 | n3"),
]


@pytest.mark.parametrize("seed", range(30))
def test_drawn_plans_survive_toml_and_json(seed):
    """What is written to a store directory is the plan that ran, to the last digit."""
    plan = draw(["hostile"], NODES, 60.0, Stream(seed, "faults"), leader_known=True)
    assert Plan.from_toml(plan.to_toml()) == plan
    assert Plan.from_rows(json.loads(json.dumps(plan.to_rows()))) == plan
    assert tomllib.loads(plan.to_toml())["faults"] == plan.to_rows()


@pytest.mark.parametrize(("args", "text"), EXAMPLES)
def test_a_cut_in_words(args, text):
    """People read what was cut, with its shape and its nodes."""
    assert Fault(1.0, "cut", args, 2.0).text == text


@pytest.mark.parametrize(
    ("verb", "args", "text"),
    [
        ("crash", {"nodes": ["leader"]}, "crash leader"),
        ("pause", {"nodes": ["n1", "n2"]}, "pause n1 n2"),
        ("skew", {"nodes": ["n2"], "offset_s": 1.5, "drift": 0.1}, "clock of n2: jump +1.5 s, drift +10 %"),
        ("weather", {"drop": 0.2, "slow_s": 0.05}, "messages: lose 20 %, delay up to 50 ms more"),
        ("disk", {"nodes": ["n1"], "mode": "slow", "sync_s": 0.2}, "disk of n1: slow, syncs of up to 200 ms"),
        ("disk", {"nodes": ["n1"], "mode": "full"}, "disk of n1: full"),
    ],
)
def test_a_fault_in_words(verb, args, text):
    """Every verb has its sentence."""
    assert Fault(1.0, verb, args).text == text


def test_every_profile_has_words_and_kinds():
    """A drawn fault says what it is, and is of the kind that was asked for."""
    for kind in PROFILES:
        plan = draw([kind], NODES, 200.0, Stream(1, "faults"))
        assert plan.faults
        assert all(fault.text for fault in plan.faults)
        assert kind in plan.kinds


def test_faults_are_in_order_of_time():
    """Whatever the order of rows; the end of the plan is the latest end."""
    rows = [
        {"at_s": 5, "until_s": 6, "verb": "crash", "args": {"nodes": ["n1"]}},
        {"at_s": 1, "until_s": 9, "verb": "pause", "args": {"nodes": ["n2"]}},
    ]
    plan = Plan.from_rows(rows)
    assert [fault.verb for fault in plan.faults] == ["pause", "crash"]
    assert plan.end_s == 9.0
    assert [(step.at_s, step.opens) for step in plan.steps()] == [(1.0, True), (5.0, True), (6.0, False), (9.0, False)]
    assert Plan().end_s == 0.0
    assert Plan((Fault(1.0, "crash", {"nodes": ["n1"]}),)).end_s == float("inf")


def test_at_one_moment_ends_come_before_beginnings():
    """A node that one fault releases when another takes it stays taken."""
    rows = [
        {"at_s": 1, "until_s": 2, "verb": "crash", "args": {"nodes": ["n1"]}},
        {"at_s": 2, "until_s": 3, "verb": "crash", "args": {"nodes": ["n1"]}},
    ]
    assert [step.opens for step in Plan.from_rows(rows).steps()] == [True, False, True, False]


def row(**changes):
    """A good row, changed; None removes an entry."""
    good = {"at_s": 1.0, "until_s": 2.0, "verb": "crash", "args": {"nodes": ["n1"]}}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (row(verb="crush"), "fault 1: unknown verb 'crush'; did you mean crash"),
        (row(verb=None), "unknown verb"),
        (row(att_s=1), "unknown entry 'att_s'; did you mean at_s"),
        (row(at_s=None), "at_s is a number"),
        (row(at_s=-1), "at_s is a number of at least 0"),
        (row(at_s=float("nan")), "at_s is a number"),
        (row(at_s=True), "at_s is a number"),
        (row(until_s=1.0), "it ends at 1.0 s, before or when it begins"),
        (row(args=[1]), "args is a table"),
        (row(args={}), "crash needs nodes"),
        (row(args={"nodes": []}), "nodes is a list of node names"),
        (row(args={"nodes": "n1"}), "nodes is a list of node names"),
        (row(args={"node": ["n1"]}), "did you mean nodes"),
        (row(verb="cut", args={"shape": "half"}), "did you mean halves"),
        (row(verb="cut", args={"shape": "halves", "groups": [["n1"]]}), "at least two lists"),
        (row(verb="cut", args={"shape": "one_way", "nodes": ["n1"]}), "cut needs to"),
        (row(verb="cut", args={"shape": "isolate", "nodes": ["n1"], "hold": 1}), "hold is true or false"),
        (row(verb="weather", args={}), "at least one of drop"),
        (row(verb="weather", args={"drop": 1.5}), "drop is at most 1"),
        (row(verb="disk", args={"nodes": ["n1"], "mode": "fulll"}), "did you mean full"),
        (row(verb="skew", args={"nodes": ["n1"], "drift": -1}), "drift is a number of at least -0.99"),
    ],
)
def test_bad_rows_are_refused_by_name(bad, says):
    """One line: which row, what was expected, the nearest name."""
    with pytest.raises(UsageError) as raised:
        Plan.from_rows([bad])
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_text_that_is_no_plan_is_refused():
    """Not TOML, or TOML without fault tables."""
    for text in ("[[faults", "x = 1", "faults = 3", "faults = [1]"):
        with pytest.raises(UsageError, match="plan"):
            Plan.from_toml(text)


def test_a_node_that_does_not_exist_is_refused():
    """Before the run, with the nodes that exist."""
    plan = Plan.from_rows([row(args={"nodes": ["n9"]})])
    with pytest.raises(UsageError, match="known: n1, n2"):
        plan.check(NODES)
    Plan.from_rows([row(args={"nodes": ["leader"]})]).check(NODES)
