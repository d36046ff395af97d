"""The item of pytest that is a campaign: one test function, many seeds."""

from __future__ import annotations

import contextlib
import inspect
import pickle
import shlex
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from _pytest._code.code import ExceptionChainRepr, ReprEntryNative, ReprFileLocation, ReprTraceback

from windtunnel.base.errors import UsageError
from windtunnel.base.units import seconds
from windtunnel.faults import Plan
from windtunnel.testing import telling
from windtunnel.testing.campaign import Campaign, CampaignFailed, conduct, replayed
from windtunnel.testing.fixtures import Fixtures, is_ours, stranded, worldly
from windtunnel.testing.plugin import MARK, OPTIONS, UNMARKED
from windtunnel.testing.progress import progress_on
from windtunnel.testing.settings import Settings, seeds_of
from windtunnel.testing.single import Skipped
from windtunnel.testing.storms import words

REPORTS = ".windtunnel"

_CHOSEN: pytest.StashKey[dict[str, Any]] = pytest.StashKey()


class SimulationWarning(pytest.PytestWarning):
    """What a campaign has to say that is no failure: leaks, situations that were never seen."""


class Simulated(pytest.Function):
    """A test that runs once per seed, each in a child forked after its fixtures were set up. refused: why it cannot run."""

    refused: str | None = None

    def get_closest_marker(self, name: str, default: Any = None) -> Any:
        """As pytest's, but for the mark of anyio: at the end of the collection anyio would make its own items of ours."""
        return default if name == "anyio" else super().get_closest_marker(name, default)

    def setup(self) -> None:
        """Fixtures as for any test, but those that need the world: each seed makes its own."""
        if self.refused is not None:
            pytest.fail(self.refused, pytrace=False)
        lost = stranded(self)
        if lost:
            pytest.fail(
                f"fixture {lost[0]!r} is a coroutine and does not ask for `world`: no event loop could run it for a simulated "
                "test. Let it ask for `world`, then each seed runs it inside the simulation; or make it a plain function",
                pytrace=False,
            )
        self.funcargs.update(dict.fromkeys(worldly(self)))
        super().setup()

    def runtest(self) -> None:
        """The campaign; or, for a debugger, one seed in this process."""
        settings = settings_of(self)
        if self.config.getoption("--windtunnel-seed") is not None and self._debugged():
            self._run_here(settings)
            return
        with progress_on(self.config, self.name) as progress:
            campaign = conduct(self._test, settings, explain=self._explain, progress=progress)
        self._tell(campaign)
        if campaign.failures or campaign.divergence:
            with contextlib.suppress(Warning):  # which a filter may have made errors: the failure comes first
                self._warn(campaign)
            raise CampaignFailed(campaign)
        self._warn(campaign)
        if campaign.skipped is not None:
            if campaign.skipped.startswith(telling.XFAIL):
                pytest.xfail(campaign.skipped.removeprefix(telling.XFAIL))
            raise pytest.skip.Exception(campaign.skipped, _use_item_location=True)
        if campaign.never_seen and self.config.getoption("--windtunnel-strict"):
            pytest.fail(telling.never_seen_text(campaign), pytrace=False)

    # --- In a child ---

    async def _test(self, world: Any) -> None:
        fixtures = Fixtures(self, world)
        try:
            arguments = {name: await fixtures.value(name) for name in self._fixtureinfo.argnames}
            await self.obj(**arguments)
        except pytest.xfail.Exception as expected:
            raise Skipped(f"{telling.XFAIL}{expected}") from None
        except pytest.skip.Exception as skip:
            raise Skipped(str(skip)) from None
        finally:
            await fixtures.close()

    def _explain(self, error: BaseException) -> Any:
        """What pytest says of the exception: source lines, values, assertions. Made where the frames are."""
        explained: Any = super().repr_failure(pytest.ExceptionInfo.from_exception(error))
        try:
            pickle.dumps(explained)
        except Exception:  # noqa: BLE001 - whatever a repr holds that does not travel, its text does
            return str(explained)
        return explained

    def _traceback_filter(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:
        """As pytest's, without our own frames and asyncio's, unless nothing else is there."""
        kept = super()._traceback_filter(excinfo)
        users = kept.filter(lambda entry: not _inner(str(entry.path)))
        return users if len(users) else kept

    # --- In this process ---

    def _debugged(self) -> bool:
        return bool(self.config.getoption("usepdb", False) or self.config.getoption("trace", False))

    def _run_here(self, settings: Settings) -> None:
        """The seed, here, so that a debugger sees its frames. What it leaves behind in modules stays."""
        replayed(self._test, settings)

    # --- What is told ---

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override] # as pytest.Function's
        """The exception of the failing seed as pytest shows any, and below it what the campaign knows."""
        if isinstance(excinfo.value, SimulationWarning):  # made an error by a filter: where it was raised is no news
            return self._plain(str(excinfo.value))
        if not isinstance(excinfo.value, CampaignFailed):
            return super().repr_failure(excinfo)
        campaign = excinfo.value.campaign
        failure = campaign.failure
        if failure is None:
            shown = self._plain("not deterministic: two runs of one seed differ")
        else:
            explained = failure.smallest.explanation
            text = failure.smallest.text or failure.smallest.message
            shown = (
                explained
                if isinstance(explained, ExceptionChainRepr)
                else self._plain(failure.smallest.message, explained or _headed(failure.smallest.message, text))
            )
        shown.addsection(f"windtunnel: {self.name}", "\n".join(self._lines(campaign)), "-")
        return shown

    def _plain(self, message: str, text: str | None = None) -> ExceptionChainRepr:
        """A failure that no exception stands for."""
        path, line, _ = self.location
        crash = ReprFileLocation(path, (line or 0) + 1, message.split("\n", 1)[0])
        return ExceptionChainRepr([(ReprTraceback([ReprEntryNative([f"{text or message}\n"])], None, "native"), crash, None)])

    def _lines(self, campaign: Campaign) -> list[str]:
        return [*telling.campaign_lines(campaign), *(f"{name}: {text}" for name, text in self._ways.items())]

    def _tell(self, campaign: Campaign) -> None:
        """Everything but the failure itself: properties, the output of the failing child, the report."""
        self._ways: dict[str, str] = {}
        say = self.user_properties.append
        say(("windtunnel_seeds", str(campaign.done)))
        say(("windtunnel_wall_s", f"{campaign.wall_s:.3f}"))
        failure = campaign.failure
        if failure is None:
            return
        smallest = failure.smallest
        for stream, text in (("stdout", smallest.out), ("stderr", smallest.err)):
            if text:
                self.add_report_section("call", stream, text)
        place = Path(self.config.getoption("--windtunnel-report") or self.config.rootpath / REPORTS)
        self._ways["replay"] = self._replay(failure.row.ask.seed)
        saved = telling.saved(campaign, place, self.nodeid, self._ways["replay"])
        if saved is not None:
            if failure.shrunk is not None and failure.shrunk.plan:
                plan = _relative(saved / telling.PLAN_FILE)
                self._ways["replay"] = self._replay(failure.row.ask.seed)
                self._ways["the smallest storm"] = self._replay(failure.row.ask.seed, plan=str(plan), policy=smallest.ask.policy)
            self._ways["report"] = str(_relative(saved / telling.REPORT_FILE))
        say(("windtunnel_seed", str(failure.row.ask.seed)))
        say(("windtunnel_fingerprint", failure.row.fingerprint))
        say(
            (
                "windtunnel_plan",
                "; ".join(words(failure.shrunk.plan if failure.shrunk else failure.row.plan)) or "no faults",
            )
        )
        say(("windtunnel_replay", self._ways["replay"]))
        if "report" in self._ways:
            say(("windtunnel_report", self._ways["report"]))

    def _warn(self, campaign: Campaign) -> None:
        """What children warned of, as if it had been here; leaks; situations that were never seen."""
        for category, text, file, line in campaign.warnings:
            warnings.warn_explicit(text, category, file, line)
        for leak in campaign.leaks:
            self.warn(SimulationWarning(f"leak {leak}"))
        if campaign.never_seen:
            self.warn(SimulationWarning(telling.never_seen_text(campaign)))

    def _replay(self, seed: int, *, plan: str | None = None, policy: str | None = None) -> str:
        """The command line that runs this seed again."""
        chosen = options_of(self.config)
        line = ["pytest", "--windtunnel-seed", str(seed)]
        if plan is not None:
            line += ["--windtunnel-plan", plan]
        elif "faults" in chosen:
            line += ["--windtunnel-faults", ",".join(chosen["faults"]) or "none"]
        if policy is not None or "policy" in chosen:
            line += ["--windtunnel-policy", policy or chosen["policy"]]
        if plan is None and "for_s" in chosen:
            line += ["--windtunnel-for", f"{chosen['for_s']:g}"]
        path, _, rest = self.nodeid.partition("::")
        place = f"{_relative(self.config.rootpath / path)}::{rest}"
        if not hasattr(self, "callspec") and self.cls is None:
            line += ["-k", self.name, str(_relative(self.config.rootpath / path))]
        else:
            line.append(place)
        return " ".join(shlex.quote(word) for word in line)


# --- Making and refusing items ---


def simulated(item: pytest.Function) -> Simulated:
    """`item` as one of ours; whatever class another plugin had given it."""
    made: Simulated = Simulated.from_parent(
        item.parent,
        name=item.name,
        callspec=getattr(item, "callspec", None),
        fixtureinfo=item._fixtureinfo,  # noqa: SLF001 - as pytest-asyncio does it
        keywords=item.keywords,
        originalname=item.originalname,
    )
    made.own_markers = item.own_markers
    return made


def refuse(item: pytest.Item) -> None:
    """Raises pytest.UsageError for an item that cannot be run, with the reason and the way out."""
    wrong = _what_is_wrong(item)
    if wrong is None:
        return
    if hasattr(item.config, "workerinput"):  # an error of usage would look like a crash of xdist: let the test fail
        if isinstance(item, Simulated):
            item.refused = wrong
        return
    raise pytest.UsageError(f"{item.nodeid}: {wrong}")


def _what_is_wrong(item: pytest.Item) -> str | None:
    mark = item.get_closest_marker(MARK)
    if mark is None:
        definitions: Mapping[str, Any] = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
        ours = any(map(is_ours, definitions.get("world", ())))
        return UNMARKED if ours else None
    if not isinstance(item, Simulated):
        return f"@pytest.mark.{MARK} is for functions; this is a {type(item).__name__}"
    if getattr(item.obj, "is_hypothesis_test", False):
        return "hypothesis draws from a generator of its own: a simulated test draws with `random`, from its seed"
    if not inspect.iscoroutinefunction(item.obj):
        return f"@pytest.mark.{MARK} is for coroutines: write `async def {item.originalname}`"
    try:
        settings_of(item)
    except UsageError as error:
        return f"@pytest.mark.{MARK}: {error}"
    return None


# --- Choices ---


def settings_of(item: pytest.Item) -> Settings:
    """The mark's arguments, and over them the options of the command line. Raises UsageError."""
    mark = item.get_closest_marker(MARK)
    assert mark is not None, "an item of ours has the mark"
    if len(mark.args) > 1:
        raise UsageError(f"expected keywords, such as seeds=200; got {mark.args!r}")
    given = {**dict(zip(("seeds",), mark.args, strict=False)), **mark.kwargs}
    return Settings().changed(**given).changed(**{**_jobs(item.config), **options_of(item.config)})


def _jobs(config: pytest.Config) -> dict[str, Any]:
    return {"jobs": 1} if hasattr(config, "workerinput") else {}


def options_of(config: pytest.Config) -> dict[str, Any]:
    """What the command line says, checked once. Raises pytest.UsageError that names the option."""
    known = config.stash.get(_CHOSEN, None)
    if known is not None:
        return known
    chosen: dict[str, Any] = {}
    for name, _ in OPTIONS:
        value = config.getoption(name)
        if value is None or value is False:
            continue
        try:
            chosen |= _option(name.removeprefix("--windtunnel-"), value)
        except UsageError as error:
            raise pytest.UsageError(f"{name}: {error}") from None
    config.stash[_CHOSEN] = chosen
    return chosen


def _option(name: str, value: Any) -> dict[str, Any]:
    """The setting that an option stands for."""
    given: dict[str, Any]
    match name:
        case "seed":
            given = {"seeds": (value,)}
        case "seeds":
            given = {"seeds": seeds_of(value)}
        case "plan":
            try:
                text = Path(value).read_text(encoding="utf-8")
            except OSError as error:
                raise UsageError(f"cannot read {value}: {error.strerror}") from None
            given = {"plan": tuple(Plan.from_toml(text, value).to_rows()), "shrink": False}
        case "for":
            given = {"for_s": seconds(value)}
        case "no-shrink":
            given = {"shrink": False}
        case "keep-going":
            given = {"keep_going": True}
        case "strict" | "report":
            return {}
        case _:
            given = {name: value}
    checked = Settings().changed(**given)
    return {field: getattr(checked, field) for field in given}


def _relative(path: Path) -> Path:
    with contextlib.suppress(ValueError):
        return path.relative_to(Path.cwd())
    return path


_SOURCES = (str(Path(__file__).parents[1]), str(Path(inspect.getfile(contextlib)).parent / "asyncio"))


def _inner(path: str) -> bool:
    return path.startswith(_SOURCES) or (path.endswith(".pyx") and "windtunnel" in path)


def _headed(message: str, text: str) -> str:
    """Details below what they are details of."""
    return text if text.startswith(message) else f"{message}\n{text}"
