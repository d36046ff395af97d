"""The pytest plugin: the mark `windtunnel`, the fixture `world`, the options `--windtunnel-*`.

Every pytest session of an environment that has windtunnel installed imports this module, so it imports almost nothing. A test
with the mark becomes an item of `items.Simulated`; all else is left alone.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

MARK = "windtunnel"
OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--windtunnel-seeds", {"metavar": "N", "help": "how many seeds (1..N), or which (A..B), instead of what the marks say"}),
    (
        "--windtunnel-seed",
        {"metavar": "S", "type": int, "help": "run this seed only: the replay of a failure; with --pdb in this process"},
    ),
    ("--windtunnel-faults", {"metavar": "LIST", "help": 'fault profiles such as "partition,crash:2", or none'}),
    ("--windtunnel-plan", {"metavar": "FILE", "help": "the faults themselves: plan.toml of a report"}),
    ("--windtunnel-policy", {"metavar": "P", "help": "which of several due callbacks runs first: fifo, random or pct"}),
    ("--windtunnel-for", {"metavar": "TIME", "help": "virtual time over which faults are drawn, such as 30 or 2m"}),
    (
        "--windtunnel-twice",
        {"action": "store_true", "help": "run every seed twice, the second time under other addresses, and compare"},
    ),
    ("--windtunnel-jobs", {"metavar": "N", "type": int, "help": "children at a time (default: cores; 1 in a worker of xdist)"}),
    ("--windtunnel-keep-going", {"action": "store_true", "help": "run all seeds of a test, even after one has failed"}),
    ("--windtunnel-no-shrink", {"action": "store_true", "help": "do not look for the smallest fault plan"}),
    ("--windtunnel-strict", {"action": "store_true", "help": "fail where a `sometimes` was never true in all seeds of a test"}),
    (
        "--windtunnel-report",
        {"metavar": "DIR", "help": "where reports of failures go (default: .windtunnel in the root directory)"},
    ),
)

UNMARKED = "the fixture `world` is there for tests with @pytest.mark.windtunnel: add the mark"
RESTARTS = ("auto", "always", "never")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options, and the one entry of the ini file."""
    group = parser.getgroup("windtunnel", "deterministic simulation of asyncio code")
    for name, how in OPTIONS:
        group.addoption(name, **how)
    parser.addini(
        "windtunnel_restart",
        "begin pytest anew with a fixed hash seed and fixed addresses: auto (if test files mention windtunnel), always, never",
        default="auto",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> Generator[None, object, object]:
    """Fix hash seed and addresses before anything is captured, printed or imported: `environment` says why."""
    del args
    wish = early_config.getini("windtunnel_restart")
    if wish not in RESTARTS:
        raise pytest.UsageError(f"windtunnel_restart: expected one of {', '.join(RESTARTS)}; got {wish!r}")
    if wish == "always" or _has_tests_of_ours(early_config):
        _prepare(early_config, restart=wish != "never")
    return (yield)


def _has_tests_of_ours(config: pytest.Config) -> bool:
    from windtunnel.testing.environment import mentioned  # noqa: PLC0415 - a millisecond, after what needs none of it

    chosen = [str(place) for place in config.known_args_namespace.file_or_dir]
    places = chosen or [str(config.rootpath / place) for place in config.getini("testpaths")]
    return mentioned(places or [str(config.invocation_params.dir)], config.getini("python_files"))


def _prepare(config: pytest.Config, *, restart: bool) -> None:
    """Begin anew if need be; then watch for generators that the modules under test make without a seed."""
    import sys  # noqa: PLC0415 - kept beside the only place that looks at the process

    from windtunnel.testing import environment  # noqa: PLC0415 - as above

    if restart and environment.is_program(("pytest", "py.test"), list(config.invocation_params.args)):
        environment.restart(sys.orig_argv)
    from windtunnel.sim.ambient import generators  # noqa: PLC0415 - only sessions with tests of ours pay for it

    generators.watch()


def pytest_configure(config: pytest.Config) -> None:
    """Say what the mark means, and refuse wrong options before anything runs."""
    config.addinivalue_line(
        "markers",
        f"{MARK}(seeds=200, faults='', policy='fifo', for_s=None, twice=False, ...): run the coroutine once per seed in a "
        "simulated world, under faults drawn from the seed",
    )
    config.pluginmanager.register(Adder(config), "windtunnel-totals")
    given = [config.getoption(name) for name, _ in OPTIONS]
    if any(value is not None and value is not False for value in given):
        from windtunnel.testing.items import options_of  # noqa: PLC0415 - most sessions give none

        options_of(config)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pycollect_makeitem(collector: Any, name: str, obj: object) -> Generator[None, Any, Any]:
    """Coroutines with the mark become ours, whatever other plugins have made of them."""
    del collector, name, obj
    made = yield
    if isinstance(made, list):
        for i, item in enumerate(made):
            if isinstance(item, pytest.Function) and item.get_closest_marker(MARK) is not None:
                from windtunnel.testing.items import simulated  # noqa: PLC0415 - most sessions have none

                made[i] = simulated(item)
    return made


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """In its auto mode anyio runs a test once per backend; ours run on our loop only."""
    if "anyio_backend" in metafunc.fixturenames and metafunc.definition.get_closest_marker(MARK) is not None:
        metafunc.fixturenames.remove("anyio_backend")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse what cannot work: a mark on a plain function, a wrong argument, `world` without the mark."""
    for item in items:
        if item.get_closest_marker(MARK) is not None or "world" in getattr(item, "fixturenames", ()):
            from windtunnel.testing.items import refuse  # noqa: PLC0415 - as above

            refuse(item)


@pytest.fixture
def world() -> Any:
    """The simulated world of a test with @pytest.mark.windtunnel: hosts, network, faults, virtual time."""
    pytest.fail(UNMARKED, pytrace=False)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Whether seeds can be replayed elsewhere, where that matters."""
    if os.environ.get("WINDTUNNEL_RESTARTED") != str(os.getpid()):
        return None
    del config
    from windtunnel import __version__  # noqa: PLC0415 - as above
    from windtunnel.testing.environment import layout  # noqa: PLC0415

    return f"windtunnel: {__version__}, {layout().text}"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line: how many seeds, how fast."""
    totals = terminalreporter.config.stash.get(TOTALS, None)
    if totals is not None:
        tests, seeds, wall_s = totals
        rate = f", {seeds / wall_s:.0f} seeds/s" if wall_s > 0 else ""
        terminalreporter.write_line(f"windtunnel: {tests} test{'s' if tests != 1 else ''}, {seeds} seeds{rate}")


TOTALS: pytest.StashKey[tuple[int, int, float]] = pytest.StashKey()


class Adder:
    """Adds up what reports say, its own process's and those of workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One test has ended a phase."""
        if report.when != "call":
            return
        said = dict(report.user_properties)
        if "windtunnel_seeds" in said:
            tests, seeds, wall_s = self._config.stash.get(TOTALS, (0, 0, 0.0))
            mine = int(str(said["windtunnel_seeds"])), float(str(said["windtunnel_wall_s"]))
            self._config.stash[TOTALS] = (tests + 1, seeds + mine[0], wall_s + mine[1])
