"""Levels, milestones, certificates: pure rules over evidence.

`rules.toml` says what each needs. A rule is judged by two sets, the items that are passed and the items that exist, so that
it can be tested at its thresholds without doing anything, and judged anew when it changes. Nothing is stored.
"""

from __future__ import annotations

import functools
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib import resources
from typing import Any

from windtunnel.base.errors import UsageError, unknown
from windtunnel.learn.progress import Progress
from windtunnel.learn.schema import Field, read


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that a rule needs: so many of a group, a share of it, all of it; a whole path; another certificate."""

    label: str
    group: str = ""
    at_least: int = 0
    share: float = 0.0
    all: bool = False
    path: str = ""
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A level, a milestone or a certificate."""

    id: str
    title: str
    requires: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A requirement as it stands: `have` of the `need` that it takes, of the `of` that exist. `missing`: what would count."""

    label: str
    have: int
    need: int
    of: int
    missing: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether it is met. What needs nothing because nothing exists is not met."""
        return self.have >= self.need > 0

    def to_json(self) -> dict[str, Any]:
        """The part as JSON."""
        names = ("label", "have", "need", "of", "holds")
        return {name: getattr(self, name) for name in names} | {"missing": list(self.missing)}


@dataclass(frozen=True, slots=True)
class Judgement:
    """A rule against the evidence. `items`: what was counted."""

    rule: Rule
    parts: tuple[Part, ...]
    items: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether all parts are met."""
        return all(part.holds for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        """The judgement as JSON."""
        parts = [part.to_json() for part in self.parts]
        return {"id": self.rule.id, "title": self.rule.title, "holds": self.holds, "parts": parts}


@dataclass(frozen=True, slots=True)
class World:
    """What rules are judged by: the items that exist, the groups (patterns over them), and the items of each path.

    The items of a path are those that its certificate takes: all that are not optional, planned ones included.
    """

    items: frozenset[str]
    groups: Mapping[str, Sequence[str]]
    paths: Mapping[str, Sequence[str]] = field(default_factory=dict)
    certificates: Mapping[str, Rule] = field(default_factory=dict)

    def group(self, name: str) -> frozenset[str]:
        """The existing items of a group."""
        patterns = self.groups[name]
        return frozenset(item for item in self.items if any(fnmatchcase(item, pattern) for pattern in patterns))


def judge(rule: Rule, passed: Iterable[str], world: World) -> Judgement:
    """A rule against the items that are passed."""
    have = frozenset(passed)
    parts: list[Part] = []
    counted: set[str] = set()
    for requirement in rule.requires:
        part, items = _part(requirement, have, world)
        parts.append(part)
        counted |= items
    return Judgement(rule, tuple(parts), tuple(sorted(counted)))


def _part(requirement: Requirement, passed: frozenset[str], world: World) -> tuple[Part, frozenset[str]]:
    if requirement.certificate:
        below = judge(world.certificates[requirement.certificate], passed, world)
        missing = () if below.holds else (f"certificate:{requirement.certificate}",)
        return Part(requirement.label, int(below.holds), 1, 1, missing), frozenset(below.items)
    if requirement.path:
        candidates = frozenset(world.paths.get(requirement.path, ()))
        need = len(candidates)
    else:
        candidates = world.group(requirement.group)
        need = _needed(requirement, len(candidates))
    done = candidates & passed
    part = Part(requirement.label, len(done), need, len(candidates), tuple(sorted(candidates - passed)))
    return part, done


def _needed(requirement: Requirement, existing: int) -> int:
    if requirement.all:
        return existing
    if requirement.share:
        return max(1, math.ceil(requirement.share * existing - 1e-9))
    return requirement.at_least


# --- What is shipped ---

_TABLES = ("levels", "milestones", "certificates")
_RULE = (Field("id", str), Field("title", str), Field("requires", list, item=dict))
_REQUIREMENT = (
    Field("label", str),
    Field("group", str, default=""),
    Field("at_least", int, default=0),
    Field("share", float, default=0.0),
    Field("all", bool, default=False),
    Field("path", str, default=""),
    Field("certificate", str, default=""),
)


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything in rules.toml."""

    groups: Mapping[str, Sequence[str]]
    levels: Mapping[str, Rule]
    milestones: Mapping[str, Rule]
    certificates: Mapping[str, Rule]


def parse(text: str, file: str) -> Rules:
    """The rules in `text`. Raises UsageError for fields, groups and certificates that do not exist."""
    table = tomllib.loads(text)
    groups = table["groups"]
    found = {name: {row["id"]: _rule(row, f"{file}: {name}", groups) for row in table[name]} for name in _TABLES}
    for rules in found.values():
        for rule in rules.values():
            for requirement in rule.requires:
                if requirement.certificate and requirement.certificate not in found["certificates"]:
                    raise UsageError(f"{file}: {unknown('certificate', requirement.certificate, found['certificates'])}")
    return Rules(groups, **found)


def _rule(row: Mapping[str, Any], where: str, groups: Mapping[str, Any]) -> Rule:
    values = read(row, _RULE, where)
    requires = tuple(Requirement(**read(part, _REQUIREMENT, f"{where}: {values['id']}")) for part in values["requires"])
    for part in requires:
        counts = [part.at_least > 0, part.share > 0, part.all]
        if part.group and (part.group not in groups or sum(counts) != 1):
            raise UsageError(f"{where}: {values['id']}: {part.label}: needs a known group and one of at_least, share, all")
        if sum(map(bool, (part.group, part.path, part.certificate))) != 1:
            raise UsageError(f"{where}: {values['id']}: {part.label}: needs one of group, path, certificate")
    return Rule(values["id"], values["title"], requires)


@functools.cache
def rules() -> Rules:
    """The rules that are shipped."""
    return parse((resources.files("windtunnel.learn") / "rules.toml").read_text(encoding="utf-8"), "rules.toml")


def world() -> World:
    """What exists in this installation."""
    from windtunnel import labs, quant  # noqa: PLC0415 - both load their catalogues
    from windtunnel.learn import decision_tree, lesson_file, path_file  # noqa: PLC0415

    items = {found.item for found in lesson_file.lessons().values()}
    items |= {f"lab:{lab.id}" for lab in labs.catalogue()}
    items |= {f"calc:{name}" for name in quant.CALCULATORS}
    items |= {found.item for found in decision_tree.decisions().values()}
    items |= {name for name in rules().groups["uploads"] if "*" not in name}
    paths = {name: [n.item for n in path.nodes if not n.optional] for name, path in path_file.paths().items()}
    return World(frozenset(items), rules().groups, paths, rules().certificates)


def passed(progress: Progress) -> frozenset[str]:
    """The items that rules count: what graders passed, and documents that the learner has put on record."""
    return progress.passed() | {e.item for e in progress.evidence if e.kind == "upload" and e.verdict == "recorded"}


def level(progress: Progress, within: World | None = None) -> str:
    """The id of the highest level whose rule, and those of all levels below it, hold; "0" for none."""
    within = within or world()
    reached = "0"
    for rule in rules().levels.values():
        if not judge(rule, passed(progress), within).holds:
            break
        reached = rule.id
    return reached


def certificate(name: str, progress: Progress, within: World | None = None) -> Judgement:
    """The rule of a certificate against the evidence. Raises UsageError for a certificate that does not exist."""
    known = rules().certificates
    if name not in known:
        raise unknown("certificate", name, known)
    return judge(known[name], passed(progress), within or world())


def overview(progress: Progress) -> dict[str, Any]:
    """Level, milestones, certificates, counts: what `windtunnel progress` and a page show."""
    within, have = world(), passed(progress)
    counts = {name: {"have": len(within.group(name) & have), "of": len(within.group(name))} for name in within.groups}
    return {
        "level": level(progress, within),
        "levels": [judge(rule, have, within).to_json() for rule in rules().levels.values()],
        "milestones": [judge(rule, have, within).to_json() for rule in rules().milestones.values()],
        "certificates": [judge(rule, have, within).to_json() for rule in rules().certificates.values()],
        "counts": counts,
    }
