"""Paths: their form, what they ship, and where a learner stands on them."""

import pytest

from windtunnel import learn
from windtunnel.base.errors import UsageError
from windtunnel.learn import items
from windtunnel.learn.path_file import acyclic, parse, problems
from windtunnel.learn.progress import Evidence, Progress

TOY = """\
id = "toy"
title = "Toy"
summary = "Short."
objective = "See."
why = "Because."
roles = ["anybody"]
hours = 1.0
weeks = [1, 2]
outcomes = ["Done."]

[[blocks]]
id = "one"
title = "One"
hours = 0.5
nodes = [
    { item = "lesson:what-is-distributed", minutes = 10 },
    { item = "lesson:reading-a-run", minutes = 20 },
]

[[blocks]]
id = "two"
title = "Two"
hours = 0.5
nodes = [
    { item = "lesson:cap", minutes = 20, needs = ["lesson:reading-a-run"] },
    { item = "lab:future", minutes = 10, planned = true, title = "Later", needs = ["lesson:cap"] },
    { item = "lesson:gossip", minutes = 20, optional = true },
]
"""


def evidence(item, verdict="passed", *, override=False):
    return Evidence(n=1, at="", item=item, kind="", verdict=verdict, content_hash="", override=override)


def progress(*passed, skipped=()):
    return Progress(tuple(evidence(item) for item in passed) + tuple(evidence(item, override=True) for item in skipped))


# --- What is shipped ---


def test_every_node_of_every_path_exists_and_nothing_needs_itself():
    """Items exist unless they are planned; needs are on some path; no circle, prerequisites of lessons and labs included."""
    assert problems() == []


def test_the_four_main_paths_come_first_and_in_order():
    """With the weeks of the curriculum."""
    assert list(learn.paths())[:4] == ["beginner", "practitioner", "architect", "leader"]
    weeks = {name: path.weeks for name, path in learn.paths().items()}
    assert weeks["beginner"] == (6, 8)
    assert weeks["practitioner"] == (4, 6)
    assert weeks["architect"] == (3, 4)
    assert weeks["leader"] == (1, 2)


def test_every_node_of_the_beginner_path_can_be_done():
    """Nothing is planned, nothing is optional, and no lesson or lab takes longer than its node says."""
    path = learn.path("beginner")
    assert path.available_hours == pytest.approx(path.hours)
    assert len(path.blocks) == 4
    for node in path.nodes:
        item = node.found()
        assert item is not None, node.item
        assert item.minutes in (0, node.minutes), f"{node.item}: {node.minutes} minutes on the path, {item.minutes} of its own"
    assert {f"lesson:law-{n}" for n in range(1, 8)} <= {node.item for node in path.nodes}


@pytest.mark.parametrize("name", ["beginner", "practitioner", "architect", "leader"])
def test_minutes_of_nodes_are_those_of_their_items(name):
    """A lesson or lab takes on each path what it says itself."""
    for node in learn.path(name).nodes:
        item = node.found()
        assert item is None or item.minutes in (0, node.minutes), node.item


def test_the_leader_path_takes_no_code():
    """No labs on it."""
    assert not [node.item for node in learn.path("leader").nodes if node.kind == "lab"]


@pytest.mark.parametrize("name", ["beginner", "leader"])
def test_a_path_can_be_walked_from_its_beginning_to_its_end(name):
    """`next` always names an open node, in the order of the path, until all that can be done is done."""
    path = learn.path(name)
    done = []
    while (state := path.next(progress(*done))) is not None:
        assert state.missing == ()
        assert state.node.item not in done
        done.append(state.node.item)
    assert set(done) == {node.item for node in path.nodes if not node.planned and not node.optional}
    assert path.status(progress(*done)).complete == (name == "beginner")
    assert path.status(progress(*done)).percent == 100.0


# --- Where a learner stands ---


def states(path, *passed, skipped=()):
    return [state.state for state in path.status(progress(*passed, skipped=skipped)).nodes]


def test_nodes_are_locked_until_what_they_need_is_done():
    """By the path's own needs and by the prerequisites of a lesson; a planned node is never open."""
    path = parse(TOY, "toy.toml")
    assert states(path) == ["open", "locked", "locked", "planned", "locked"]
    assert path.status(progress()).nodes[1].missing == ("lesson:what-is-distributed",)
    assert states(path, "lesson:what-is-distributed")[1] == "open"
    cap = path.status(progress("lesson:reading-a-run")).nodes[2]
    assert cap.missing == ("lesson:law-2", "lesson:law-4")


def test_an_override_opens_what_needs_the_item_and_not_more():
    """The skipped item itself is not done."""
    path = parse(TOY, "toy.toml")
    assert states(path, skipped=["lesson:what-is-distributed"])[:2] == ["open", "open"]
    assert path.status(progress(skipped=["lesson:what-is-distributed"])).done_minutes == 0


def test_hours_leave_optional_and_planned_nodes_out():
    """What is available is what can be done; a path with planned nodes is never complete."""
    path = parse(TOY, "toy.toml")
    everything = [node.item for node in path.nodes if not node.planned]
    status = path.status(progress(*everything))
    assert (status.done_minutes, status.available_minutes, status.planned_minutes) == (50, 50, 10)
    assert path.available_hours == pytest.approx(50 / 60)
    assert status.percent == 100.0
    assert not status.complete
    assert path.next(progress(*everything)) is None


def test_a_path_says_what_it_waits_for_outside_itself():
    """When nothing is open, these are the reason."""
    path = parse(TOY, "toy.toml")
    done = ["lesson:what-is-distributed", "lesson:reading-a-run"]
    assert path.next(progress(*done)) is None
    assert path.waits_for(progress(*done)) == ("lesson:law-2", "lesson:law-4", "lesson:law-5")
    assert set(path.outside()) == {"lesson:law-2", "lesson:law-4", "lesson:law-5"}


# --- Form ---


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("hours = 1.0", "hours = 1.1", "hours: 1.1 are stated, its nodes sum up to 1"),
        ("minutes = 20 },", "minutes = 21 },", "block 1: hours: 0.5 are stated"),
        ("minutes = 10 },", "minutes = 0 },", "minutes: expected more than 0"),
        ('"lesson:reading-a-run", minutes', '"lesson:what-is-distributed", minutes', "stands on the path twice"),
        (', title = "Later"', "", "is planned: it needs a title"),
        ('"lab:future"', '"lap:future"', "did you mean lab?"),
        ("weeks = [1, 2]", "weeks = [2, 1]", "weeks: expected [from, to]"),
        ("roles = ", "rolls = ", "unknown field 'rolls'; did you mean roles?"),
        ("hours = 1.0", "hours = = 1", "not TOML"),
    ],
)
def test_malformed_paths_are_refused(old, new, says):
    """With file, block, node and what was expected."""
    assert old in TOY
    with pytest.raises(UsageError) as refused:
        parse(TOY.replace(old, new, 1), "toy.toml")
    assert says in str(refused.value)
    assert "toy.toml" in str(refused.value)


def test_a_circle_is_shown():
    """In the order in which the items need each other."""
    with pytest.raises(
        UsageError, match=r"circle: (a needs b needs c needs a|b needs c needs a needs b|c needs a needs b needs c)"
    ):
        acyclic({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]})


@pytest.mark.parametrize(
    ("name", "says"),
    [("law-1", "expected an item"), ("lessen:law-1", "kinds: lesson"), ("lesson:lav-1", "did you mean"), ("study:x", "planned")],
)
def test_items_that_do_not_exist_are_refused(name, says):
    """With what exists."""
    assert not items.exists(name)
    with pytest.raises(UsageError, match=says):
        items.find(name)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("lesson:law-1", "windtunnel lesson do law-1"),
        ("lab:raft-election#1", "windtunnel lab start raft-election"),
        ("lab:raft/one_vote_per_term", "windtunnel lab start raft/one_vote_per_term"),
        ("calc:mmc", "windtunnel calc mmc --check"),
        ("decision:retry", "windtunnel decide retry --cases"),
        ("run:raft", "windtunnel run raft --faults all"),
        ("exercise:tail", "windtunnel path choose"),
    ],
)
def test_items_know_the_command_that_does_them(name, command):
    """So that `next` can print it."""
    assert items.find(name).command == command
