import asyncio
import sys

import pytest

from windtunnel.base.errors import UsageError


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A package with state in its globals, a relative and a late import."""
    package = tmp_path / "freshshop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "state.py").write_text("orders = []\n")
    (package / "late.py").write_text("from .state import orders\ncount = lambda: len(orders)\n")
    (package / "server.py").write_text(
        "import asyncio\n"
        "from . import state\n"
        "seen = []\n"
        "async def main():\n"
        "    state.orders.append(1)\n"
        "    await asyncio.sleep(0)\n"
        "    from freshshop.late import count\n"
        "    import importlib\n"
        "    assert importlib.import_module('freshshop.state') is state\n"
        "    seen.append((len(state.orders), count()))\n"
        "    await asyncio.sleep(1000.0)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "freshshop"
    for name in [name for name in sys.modules if name.partition(".")[0] == "freshshop"]:
        del sys.modules[name]


def counted(host):
    """What the program of this life has seen, from its own copy."""
    return list(host.modules["freshshop.server"].seen)


@pytest.mark.parametrize("how", ["string", "function", "import"])
def test_each_life_has_its_own_copy(simulate, shop, how):
    """Hosts do not share globals, and a restarted program does not find those of its former life."""

    async def scenario(world):
        if how == "function":
            from freshshop.server import main
        elif how == "string":
            main = "freshshop.server:main"
        else:

            def main():
                from freshshop.server import main as inner

                return inner()

        one = world.host("one", main, fresh=(shop,))
        two = world.host("two", main, fresh=(shop,))
        await asyncio.sleep(1.0)
        first = counted(one), counted(two)
        common = sys.modules.get("freshshop.server")
        world.crash("one")
        world.restart("one")
        await asyncio.sleep(1.0)
        assert sys.modules.get("freshshop.server") is common
        return first, counted(one)

    assert simulate(scenario)[0] == (([(1, 1)], [(1, 1)]), [(1, 1)])
    assert ("freshshop.server" in sys.modules) == (how == "function")


def test_without_it_globals_are_shared(simulate, shop):
    """The common copy, as with any module of one process."""

    async def scenario(world):
        import freshshop.server

        world.host("one", "freshshop.server:main")
        world.host("two", freshshop.server.main)
        await asyncio.sleep(1.0)
        return freshshop.server.seen

    assert simulate(scenario)[0] == [(2, 2), (2, 2)]


def test_imports_are_as_before_after_a_run(make_world, shop):
    """Also when a host asks for fresh packages before the run."""
    import builtins
    import importlib

    before = builtins.__import__, importlib.import_module
    world = make_world(1)
    world.host("one", "freshshop.server:main", fresh=(shop,))
    assert (builtins.__import__, importlib.import_module) == before
    world.run(asyncio.sleep, 1.0)
    assert (builtins.__import__, importlib.import_module) == before


@pytest.mark.parametrize("fresh", ["shop", ("shop.orders",), ("",)])
def test_only_top_level_packages_can_be_fresh(make_world, fresh):
    """A part of a package would leave its mark on the parent; a string is a mistake."""
    with pytest.raises(UsageError, match="top-level packages"):
        make_world(1).host("a", fresh=fresh)


def test_a_main_by_name_needs_a_function(simulate):
    """`module:function`; anything else is a usage error, raised as the failure of main."""

    async def scenario(world):
        world.host("a", "freshshop")
        await asyncio.sleep(1.0)

    with pytest.raises(Exception, match=r"package\.module:function"):
        simulate(scenario)
