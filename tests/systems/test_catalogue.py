"""Systems are found by looking at the files, and imported one at a time."""

import subprocess
import sys

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.systems import find, names


def test_every_name_leads_to_a_system_of_that_name():
    """The name in the catalogue, the name of the module and the name in the entry are one."""
    assert "raft" in names()
    for name in names():
        system = find(name)
        assert system.name == name
        assert system.family in type(system).__module__ or system.family


def test_names_are_sorted_and_known_without_importing_any_system():
    """Listing the catalogue stays cheap, however many systems there are."""
    code = "import sys; from windtunnel.systems import names; assert list(names()) == sorted(names()); assert names(); "
    code += "print([m for m in sys.modules if m.startswith('windtunnel.systems.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_is_answered_with_the_nearest_one():
    """A typing error costs one line, not a search."""
    with pytest.raises(UsageError, match=r"unknown system 'raff'; did you mean raft\?"):
        find("raff")


@pytest.mark.parametrize("name", names())
def test_every_rule_of_every_system_can_be_removed_and_names_a_real_property(name):
    """`breaks` lists properties of the system or promises that a checker makes; `by` says how that is shown."""
    from windtunnel.checkers import MODELS

    system = find(name)
    known = {prop.name for prop in (*system.always, *system.eventually)} | {model.promise for model in MODELS.values()}
    for rule in system.rules():
        assert rule.breaks, rule.name
        assert set(rule.breaks) <= known, rule.name
        assert not getattr(system.safeguards_without([rule.name]), rule.name)
        how, _, scenario = rule.by.partition(" ")
        assert how in {"seeds", "search", "scenario"}
        assert how != "scenario" or scenario in system.scenarios
