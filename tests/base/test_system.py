"""Catalogue entries: safeguards by name."""

from dataclasses import dataclass

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.base.system import System, safeguard


@dataclass(frozen=True)
class Rules:
    first: bool = safeguard("do this", source="paper, 1", breaks=("safety",), by="seeds")
    second: bool = safeguard("do that", source="paper, 2", breaks=("liveness",), by="search")


@dataclass(frozen=True)
class Options:
    pass


SYSTEM = System(
    name="toy",
    family="test",
    title="a toy",
    source="none",
    interface="kv",
    promise="nothing",
    build=lambda setup: None,
    messages=(),
    safeguards=Rules,
    options=Options,
)


def test_rules_are_read_from_the_fields():
    """Each safeguard carries its rule, source, what it breaks and how that is shown, in the order of the class."""
    assert [(r.name, r.source, r.breaks, r.by) for r in SYSTEM.rules()] == [
        ("first", "paper, 1", ("safety",), "seeds"),
        ("second", "paper, 2", ("liveness",), "search"),
    ]


def test_safeguards_are_switched_off_by_name():
    """What is named is off, the rest stays on."""
    assert SYSTEM.safeguards_without([]) == Rules(first=True, second=True)
    assert SYSTEM.safeguards_without(["second"]) == Rules(first=True, second=False)


def test_unknown_safeguards_are_refused_with_the_list():
    """The error names the system and what it has."""
    with pytest.raises(UsageError, match="toy has no safeguard 'third'; it has: first, second"):
        SYSTEM.safeguards_without(["third"])


def test_default_node_names():
    """Nodes are n1 to nN unless a system says otherwise, and all of them take requests."""
    assert SYSTEM.nodes(3) == ("n1", "n2", "n3")
    assert SYSTEM.entry(SYSTEM.nodes(2)) == ("n1", "n2")
