"""What the quiet run does for the others."""

import importlib
import importlib.metadata
import sys

import pytest

from windtunnel.testing import warmth
from windtunnel.testing.warmth import Warmth, looking

NAME = "no_module_has_this_name"


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.setattr(warmth, "_absent", set())


def failed_import():
    with pytest.raises(ModuleNotFoundError, match=NAME):
        importlib.import_module(NAME)


def test_what_is_absent_is_looked_for_once(monkeypatch):
    """After the quiet run has looked in vain, no directory is searched for that name again."""
    with looking() as missed:
        failed_import()
    assert missed == [NAME]
    Warmth(absent=missed).spread()
    searched = []
    monkeypatch.setattr(warmth.PathFinder, "find_spec", lambda name, path=None, target=None: searched.append(name))
    with looking() as again:
        failed_import()
    assert again == []
    assert searched == []


def test_the_finder_is_gone_afterwards():
    """Outside of runs the path is searched by Python's own finder."""
    before = list(sys.meta_path)
    with looking():
        assert sys.meta_path != before
    assert sys.meta_path == before


def test_a_module_that_is_made_is_found(tmp_path, monkeypatch):
    """A program that writes a module and says so can import it, although it was absent before."""
    monkeypatch.syspath_prepend(tmp_path)
    with looking() as missed:
        failed_import()
        Warmth(absent=missed).spread()
        (tmp_path / f"{NAME}.py").write_text("here = True\n")
        failed_import()
        importlib.invalidate_caches()
        assert importlib.import_module(NAME).here
    del sys.modules[NAME]


def test_distributions_are_still_found():
    """`importlib.metadata` asks the same finders."""
    with looking():
        assert importlib.metadata.version("pytest") == pytest.__version__
