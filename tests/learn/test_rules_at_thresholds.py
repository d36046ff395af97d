"""Levels, milestones, certificates: true exactly at their thresholds."""

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.learn import rules
from windtunnel.learn.progress import Evidence, Progress
from windtunnel.learn.rules import World, judge, parse

SHIPPED = rules.rules()
LAWS = [f"lesson:law-{n}" for n in range(1, 8)]
LABS = list(SHIPPED.groups["patterns"])
CALCS = [f"calc:c{n}" for n in range(1, 11)]
EXERCISES = [*LABS, *CALCS]
STUDIES = [f"study:s{n}" for n in range(1, 16)]
DECISIONS = [f"decision:d{n}" for n in range(1, 8)]
PROJECTS = [f"project:p{n}" for n in range(1, 5)]
UPLOADS = list(SHIPPED.groups["uploads"])
PATHS = {
    "beginner": [*LAWS, *LABS[:3]],
    "practitioner": [*LABS[3:6], "lab:planned"],
    "architect": ["project:p1"],
    "leader": LAWS,
}
WORLD = World(
    frozenset([*EXERCISES, *LAWS, *STUDIES, *DECISIONS, *PROJECTS, *UPLOADS]), SHIPPED.groups, PATHS, SHIPPED.certificates
)
HALF = -(-len(EXERCISES) // 2)


def holds(rule, *groups):
    return judge(rule, [item for group in groups for item in group], WORLD).holds


def level(*groups):
    rows = [item for group in groups for item in group]
    records = tuple(
        Evidence(n=i, at="", item=item, kind="upload", verdict="recorded", content_hash="")
        if item.startswith("upload:")
        else Evidence(n=i, at="", item=item, kind="", verdict="passed", content_hash="")
        for i, item in enumerate(rows, 1)
    )
    return rules.level(Progress(records), WORLD)


# --- Levels (PLAT-36 to 38, 81) ---


def test_level_1_is_reached_exactly_at_its_thresholds():
    """Seven laws, half of the exercises, five studies, one pattern: each one less is not enough."""
    one = SHIPPED.levels["1"]
    half = EXERCISES[:HALF]
    assert holds(one, LAWS, half, STUDIES[:5])
    assert not holds(one, LAWS[:6], half, STUDIES[:5])
    assert not holds(one, LAWS, half[:-1], STUDIES[:5])
    assert not holds(one, LAWS, half, STUDIES[:4])


def test_level_1_needs_a_pattern():
    """Half of the exercises without one is not enough, with one it is."""
    one = SHIPPED.levels["1"]
    world = World(WORLD.items | {f"calc:more{n}" for n in range(20)}, WORLD.groups)
    calculators = sorted(item for item in world.items if item.startswith("calc:"))
    have = [*LAWS, *STUDIES[:5], *calculators]
    assert not judge(one, have, world).holds
    assert judge(one, [*have, LABS[0]], world).holds


def test_level_2_needs_everything_that_it_names():
    """All exercises, all trade-offs, five patterns, a project: each one less is not enough."""
    two = SHIPPED.levels["2"]
    assert holds(two, EXERCISES, DECISIONS, PROJECTS[:1])
    assert not holds(two, EXERCISES[:-1], DECISIONS, PROJECTS[:1])
    assert not holds(two, EXERCISES, DECISIONS[:-1], PROJECTS[:1])
    assert not holds(two, EXERCISES, DECISIONS)
    patterns = next(part for part in judge(two, LABS[:4], WORLD).parts if part.label == "patterns")
    assert (patterns.have, patterns.need, patterns.holds) == (4, 5, False)


def test_level_3_counts_documents_on_record():
    """All four kinds, each by its hash."""
    below = [LAWS, EXERCISES, STUDIES[:5], DECISIONS, PROJECTS[:1]]
    assert level(*below) == "2"
    assert level(*below, UPLOADS[:3]) == "2"
    assert level(*below, UPLOADS) == "3"


def test_levels_build_on_each_other():
    """Level 2 without level 1 is no level; the top level needs a certificate and projects."""
    assert level() == "0"
    assert level(EXERCISES, DECISIONS, PROJECTS[:1]) == "0"
    assert level(LAWS, EXERCISES, STUDIES[:5]) == "1"
    everything = [LAWS, EXERCISES, STUDIES, DECISIONS, UPLOADS]
    assert level(*everything, PROJECTS[:2]) == "3"
    assert level(*everything, PROJECTS[:3]) == "expert"


# --- Milestones and certificates (PLAT-31, 32, 34, 86 to 88) ---


@pytest.mark.parametrize(
    ("milestone", "enough", "short"),
    [
        ("first-green-lab", LABS[:1], [item for item in EXERCISES if item not in LABS]),
        ("foundations", PATHS["beginner"], PATHS["beginner"][1:]),
        ("ten-patterns", LABS[:10], LABS[:9]),
        ("first-system", PROJECTS[:1], EXERCISES),
        ("production", [*SHIPPED.groups["resilience"], PROJECTS[0]], SHIPPED.groups["resilience"]),
        ("production", [*SHIPPED.groups["resilience"], PROJECTS[0]], [*SHIPPED.groups["resilience"][1:], PROJECTS[0]]),
    ],
)
def test_milestones_are_reached_exactly_at_their_thresholds(milestone, enough, short):
    """One less is not enough."""
    rule = SHIPPED.milestones[milestone]
    assert holds(rule, enough)
    assert not holds(rule, short)


def test_a_certificate_takes_every_node_of_its_path():
    """Planned ones, too: a path that has some cannot be certified yet."""
    assert holds(SHIPPED.certificates["foundation"], PATHS["beginner"])
    assert not holds(SHIPPED.certificates["foundation"], PATHS["beginner"][:-1])
    assert not holds(SHIPPED.certificates["practitioner"], LABS)


def test_specialists_need_a_main_certificate_and_their_path():
    """And where there is no such path yet, there is no such certificate."""
    security = SHIPPED.certificates["security"]
    world = World(WORLD.items, WORLD.groups, PATHS | {"security": ["project:p2"]}, WORLD.certificates)
    have = [*PATHS["practitioner"], "project:p2"]
    assert judge(security, have, world).holds
    assert not judge(security, ["project:p2"], world).holds
    assert not judge(security, have, WORLD).holds


def test_all_of_nothing_is_nothing():
    """A rule over a group that is empty does not hold."""
    empty = World(frozenset(), SHIPPED.groups)
    for rule in (*SHIPPED.levels.values(), *SHIPPED.milestones.values()):
        assert not judge(rule, EXERCISES, World(empty.items, empty.groups, {}, SHIPPED.certificates)).holds


def test_what_was_overridden_or_failed_does_not_count():
    """Only passed evidence does."""
    rows = [
        Evidence(n=1, at="", item=LABS[0], kind="lab", verdict="failed", content_hash=""),
        Evidence(n=2, at="", item=LABS[1], kind="override", verdict="passed", content_hash="", override=True),
        Evidence(n=3, at="", item="upload:review", kind="lab", verdict="recorded", content_hash=""),
        Evidence(n=4, at="", item=LABS[2], kind="lab", verdict="passed", content_hash=""),
    ]
    assert rules.passed(Progress(tuple(rows))) == {LABS[2]}


# --- The rules that are shipped, in the world that is shipped ---


def test_the_overview_of_a_new_learner_is_all_zero():
    """Every rule is judged, none holds, the counts are those of the catalogue."""
    found = rules.overview(Progress())
    assert found["level"] == "0"
    assert not any(row["holds"] for name in ("levels", "milestones", "certificates") for row in found[name])
    assert found["counts"]["laws"] == {"have": 0, "of": 7}
    assert found["counts"]["patterns"]["of"] >= 10
    assert found["counts"]["tradeoffs"]["of"] >= 6


def test_the_foundation_certificate_can_be_earned_today():
    """Its rule holds for somebody who has done the Beginner path, and names what is missing for others."""
    world = rules.world()
    items = world.paths["beginner"]
    assert judge(SHIPPED.certificates["foundation"], items, world).holds
    lacking = judge(SHIPPED.certificates["foundation"], items[1:], world).parts[0]
    assert lacking.missing == (items[0],)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('requires = [{ label = "x", group = "g", at_least = 1, all = true }]', "one of at_least, share, all"),
        ('requires = [{ label = "x", group = "h", at_least = 1 }]', "needs a known group"),
        ('requires = [{ label = "x" }]', "needs one of group, path, certificate"),
        ('requires = [{ label = "x", certificate = "none" }]', "unknown certificate 'none'"),
    ],
)
def test_malformed_rules_are_refused(text, says):
    """By what they need."""
    head = '[groups]\ng = ["lab:*"]\n'
    levels = f'[[levels]]\nid = "1"\ntitle = "One"\n{text}\n'
    with pytest.raises(UsageError) as refused:
        parse(f"milestones = []\ncertificates = []\n{head}{levels}", "rules.toml")
    assert says in str(refused.value)
