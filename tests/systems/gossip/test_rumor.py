"""Rumor mongering: who tells whom, when interest is lost, and what every rule is good for."""

import pytest

from windtunnel.base.interface import Op
from windtunnel.scenarios import Scenario, run
from windtunnel.sim.explore import explore
from windtunnel.sim.stage import HandStage, StageViolation
from windtunnel.systems.gossip.rumor import (
    SYSTEM,
    Contents,
    Digest,
    Feedback,
    Gossip,
    Heard,
    Options,
    infected,
    push_rounds,
    residue,
)


def told(mode="push", k=1, size=2):
    """A stage on which a client has told n1 the rumor 7."""
    stage = HandStage(SYSTEM, size=size, options=Options(mode=mode, k=k))
    stage.request("author", "n1", Op("broadcast", value=7))
    stage.settle(["n1"])
    return stage


# --- Contacts ---


def test_push_tells_and_feedback_ends_interest():
    """The first contact is news; the second is not, and with k = 1 the site stops."""
    stage = told()
    stage.fire("n1", "gossip")
    stage.deliver("n1", "n2", Gossip)
    assert (list(stage.nodes["n2"].known), stage.in_flight) == ([7], [])
    stage.fire("n1", "gossip")
    stage.deliver("n1", "n2", Gossip)
    stage.deliver("n2", "n1", Feedback)
    assert stage.nodes["n1"].hot == {}
    stage.fire("n1", "gossip")
    assert stage.in_flight == []
    assert "gossip" not in stage.armed("n1")


def test_k_is_the_number_of_vain_contacts():
    """With k = 3 the third feedback ends the interest, not the second."""
    stage = told(k=3)
    stage.fire("n1", "gossip")
    stage.deliver("n1", "n2", Gossip)
    for interest in ({7: 1}, {7: 2}, {}):
        stage.fire("n1", "gossip")
        stage.deliver("n1", "n2", Gossip)
        stage.deliver("n2", "n1", Feedback)
        assert stage.nodes["n1"].hot == interest


def test_pull_asks_and_is_told():
    """The one who has not heard asks; whoever spreads answers; nothing is pushed."""
    stage = told("pull")
    stage.fire("n1", "gossip")
    assert stage.waiting("n1", "n2")[0].message == Gossip((), ask=True)
    stage.drop()
    stage.fire("n2", "gossip")
    stage.settle()
    assert list(stage.nodes["n2"].known) == [7]


def test_push_pull_does_both_in_one_contact():
    """Each side has a rumor of its own before, and both have two after."""
    stage = told("push-pull")
    stage.request("other", "n2", Op("broadcast", value="x"))
    stage.settle(["n2"])
    stage.fire("n1", "gossip")
    stage.settle()
    assert set(stage.nodes["n1"].known) == set(stage.nodes["n2"].known) == {7, "x"}


def test_anti_entropy_exchanges_what_either_side_lacks():
    """Checksums first; contents only when they differ; afterwards they do not."""
    stage = told()
    stage.request("other", "n2", Op("broadcast", value="x"))
    stage.settle(["n2"])
    stage.fire("n2", "compare")
    stage.settle()
    assert set(stage.nodes["n1"].known) == set(stage.nodes["n2"].known) == {7, "x"}
    stage.fire("n1", "compare")
    stage.deliver("n1", "n2", Digest)
    assert not stage.waiting(kind=Contents)


def test_checksums_of_different_rumors_do_not_cancel():
    """With CRCs and exclusive or, sites that had missed 10, 11, 12 and 13 seemed to know all; order must not matter either."""
    stage = HandStage(SYSTEM, size=3)
    said = {"n1": (10, 11), "n2": (12, 13), "n3": (11, 10)}
    for site, rumors in said.items():
        for rumor in rumors:
            stage.request(f"{site} {rumor}", site, Op("broadcast", value=rumor))
            stage.settle([site])
    first, second, third = (stage.nodes[site].checksum for site in said)
    assert first == third != second


def test_a_site_remembers_and_is_silent_after_a_crash():
    """What it knew it knows, who asked for it too, and nothing is hot."""
    stage = told()
    stage.crash("n1")
    stage.restart("n1")
    assert stage.records("n1") == (Heard(7, asked=True),)
    assert (list(stage.nodes["n1"].known), stage.nodes["n1"].hot) == ([7], {})


def test_contacts_are_uniform_over_the_others():
    """No site calls itself; of 3,000 calls each of four others gets 750, within four standard deviations (95)."""
    stage = HandStage(SYSTEM, size=5)
    site = stage.nodes["n3"]
    calls = [site._peer() for _ in range(3000)]
    counts = {name: calls.count(name) for name in ("n1", "n2", "n3", "n4", "n5")}
    assert counts.pop("n3") == 0
    assert all(abs(count - 750) < 95 for count in counts.values())


def test_clients_are_told_what_cannot_be_done():
    """Unknown operations and rumors that are no value fail for certain; a rumor may be said twice."""
    stage = told()
    stage.request("again", "n1", Op("broadcast", value=7))
    stage.request("odd", "n1", Op("write", value=1))
    stage.request("list", "n1", Op("broadcast", value=[1]))
    stage.settle(["n1"])
    assert [operation.type for operation in stage.history.operations] == ["ok", "ok", "fail", "fail"]


def test_a_single_site_has_nobody_to_talk_to():
    """It knows, and arms no timer."""
    stage = told(size=1)
    assert stage.armed("n1") == ()


# --- Safety under every schedule, liveness under faults ---


def test_every_schedule_of_three_sites_up_to_a_limit():
    """No phantom, whoever is called (both dice), with one crash anywhere; the space is larger than the limit."""
    found = explore(SYSTEM, states_max=20_000, options=Options(k=1))
    assert (found.verdict, found.violation) == ("unknown", None)
    assert "stopped at the limit of 20000 states" in found.why


def test_a_phantom_is_recognized():
    """A rumor that no client has said breaks the property by name."""
    stage = HandStage(SYSTEM)
    stage.launch("n2", "n1", Gossip((666,), ask=False))
    with pytest.raises(StageViolation, match=r"no_phantom broken.*nobody has said"):
        stage.settle()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["push", "pull", "push-pull"])
@pytest.mark.parametrize("seed", [1, 2])
def test_everyone_hears_in_the_end(mode, seed):
    """Partitions, crashes, loss, duplicates and slow disks; at the end all know all, and push has fallen silent."""
    faults = ("partition", "crash", "loss", "duplicate", "disk")
    results = run(
        Scenario(system="rumor", seed=seed, for_s=10, size=7, think_s=0.2, faults=faults, options={"mode": mode})
    ).results
    assert results["verdict"] == "valid"
    assert {"everyone_knows", "rumors_die_out"} <= {row["name"] for row in results["properties"] if row["status"] == "reached"}


def test_every_situation_is_reached():
    """Some run needs anti-entropy; otherwise the ablation below would be vacuous."""
    results = run(Scenario(system="rumor", seed=2, for_s=5, size=20, think_s=0.3, options={"k": 1})).results
    assert {row["name"]: row["status"] for row in results["properties"]}["anti_entropy_repairs"] == "seen"


# --- Ablations ---


@pytest.mark.parametrize("rule", SYSTEM.rules(), ids=lambda rule: rule.name)
def test_a_missing_rule_breaks_what_it_names(rule):
    """By seeds, or by the scenario that the rule names."""
    kind, _, script = rule.by.partition(" ")
    if kind == "scenario":
        scenario = Scenario(system="rumor", seed=1, world="stage", script=script)
    else:
        scenario = Scenario(system="rumor", seed=1, for_s=5, settle_s=5, size=20, think_s=0.3)
    assert run(scenario).results["verdict"] == "valid"
    results = run(scenario.with_changes(without=(rule.name,))).results
    assert results["verdict"] == "invalid"
    assert results["violation"]["property"] in rule.breaks


# --- Theory ---


def test_the_formulas_are_those_of_the_paper():
    """Section 1.4: 20 % miss the rumor with k = 1, 6 % with k = 2; pushes take log2 n + ln n rounds."""
    assert (round(residue(1), 2), round(residue(2), 2)) == (0.20, 0.06)
    assert round(push_rounds(1000), 1) == 16.9
    assert (infected(0), round(infected(2) + infected(-2), 9)) == (0.5, 1)
