"""The plugin as a user of pytest meets it: small projects, a real pytest each."""

import re
import xml.etree.ElementTree as ET

import pytest
from small_projects import session_of

pytestmark = pytest.mark.slow

FLAKY = '''
import asyncio
import pytest

async def serve():
    while True:
        await asyncio.sleep(0.1)

@pytest.mark.windtunnel(seeds=60, faults="crash,slow")
async def test_it_survives(world):
    """Fails as soon as a crash hits."""
    db = world.host("db", main=serve)
    print("before the crash")
    await asyncio.sleep(1)
    lives = db.incarnation + 1
    assert lives < 2

@pytest.mark.windtunnel(seeds=20)
async def test_it_runs(world):
    world.host("db", main=serve)
    print("nobody reads this")
    await asyncio.sleep(1)
'''


def replay_of(out):
    """The words of the replay line after `pytest`."""
    return re.search(r"^replay: pytest (.*)$", out, re.MULTILINE)[1].split()


def fingerprint_of(out):
    return re.search(r"fingerprint ([0-9a-f]{16})", out)[1]


def test_a_failure_tells_all_and_replays(project):
    """The user's line as pytest shows it, seed, smallest storm, log, output; the replay fails again with the same fingerprint."""
    ran = project.write(test_flaky=FLAKY).fresh()
    assert ran.code == 1, ran.out + ran.err
    assert "1 failed, 1 passed" in ran.out
    assert ">       assert lives < 2" in ran.out
    assert "E       assert 2 < 2" in ran.out
    assert re.search(r"^seed \d+ fails, after \d+ seeds? at \d+/s", ran.out, re.MULTILINE)
    assert re.search(r"^1 of \d+ faults opened the door; without it this seed passes", ran.out, re.MULTILINE)
    assert re.search(r"^  t=\d\.\d+\.\.\d\.\d+ s  crash db$", ran.out, re.MULTILINE)
    assert re.search(r"^ +\d\.\d{6}  db +world +crash: power cut$", ran.out, re.MULTILINE)
    assert "before the crash" in ran.out
    assert "nobody reads this" not in ran.out
    assert re.search(r"^windtunnel: 2 tests, \d+ seeds, \d+ seeds/s$", ran.out, re.MULTILINE)

    again = project.fresh(*replay_of(ran.out))
    assert again.code == 1
    assert "assert 2 < 2" in again.out
    assert fingerprint_of(again.out) == fingerprint_of(ran.out)

    storm = re.search(r"^the smallest storm: pytest (.*)$", ran.out, re.MULTILINE)[1].split()
    smallest = project.fresh(*storm)
    assert smallest.code == 1
    assert fingerprint_of(smallest.out) in ran.out


def test_a_failure_leaves_its_files(project):
    """A page, a plan, a log and the text, in a directory that git ignores."""
    ran = project.write(test_flaky=FLAKY).pytest("-k", "survives")
    place = project.path / ".windtunnel" / "test_flaky.py__test_it_survives"
    assert sorted(file.name for file in place.iterdir()) == ["failure.txt", "log.txt", "plan.toml", "report.html"]
    assert (project.path / ".windtunnel" / ".gitignore").read_text() == "*\n"
    page = (place / "report.html").read_text()
    assert "test_it_survives" in page
    assert "crash db" in page
    assert "power cut" in (place / "log.txt").read_text()
    assert "assert 2 < 2" in (place / "failure.txt").read_text()
    assert f"report: {place.relative_to(project.path)}/report.html" in ran.out


@pytest.mark.campaign
def test_reports_go_where_they_are_wanted(project):
    """--windtunnel-report DIR."""
    project.write(test_flaky=FLAKY).pytest("-k", "survives", "--windtunnel-report", "elsewhere")
    assert (project.path / "elsewhere" / "test_flaky.py__test_it_survives" / "report.html").exists()
    assert not (project.path / ".windtunnel").exists()


@pytest.mark.campaign
def test_junit_has_seed_fingerprint_plan_and_replay(project):
    """What a build server needs to run it again stands among the properties."""
    ran = project.write(test_flaky=FLAKY).pytest("--junitxml", "out.xml")
    cases = {case.get("name"): case for case in ET.parse(project.path / "out.xml").iter("testcase")}
    said = {each.get("name"): each.get("value") for each in cases["test_it_survives"].iter("property")}
    assert said["windtunnel_seed"] == replay_of(ran.out)[1]
    assert said["windtunnel_fingerprint"] == fingerprint_of(ran.out)
    assert said["windtunnel_plan"].endswith("crash db")
    assert said["windtunnel_replay"].split()[1:] == replay_of(ran.out)
    assert "assert 2 < 2" in cases["test_it_survives"].find("failure").text
    assert next(each.get("value") for each in cases["test_it_runs"].iter("property")) == "20"


def test_under_xdist_all_is_the_same(project):
    """With -n 2: the same seed, the same fingerprint, properties and totals from the workers; layout fixed in them too."""
    alone = project.write(test_flaky=FLAKY).fresh()
    ran = project.fresh("-n", "2", "--junitxml", "out.xml")
    assert ran.code == 1, ran.out + ran.err
    assert "1 failed, 1 passed" in ran.out
    assert replay_of(ran.out) == replay_of(alone.out)
    assert fingerprint_of(ran.out) == fingerprint_of(alone.out)
    assert "assert 2 < 2" in ran.out
    assert "hash seed 0" in ran.out
    assert re.search(r"^windtunnel: 2 tests, \d+ seeds", ran.out, re.MULTILINE)


OTHERS = """
import asyncio
import pytest

@pytest.fixture(scope="session")
def shared():
    return ["made once"]

@pytest.fixture
def server(world, shared):
    host = world.host("server")
    yield host
    print("closed at", world.now)

@pytest.fixture
async def answer(server):
    await asyncio.sleep(1)
    yield 42
    await asyncio.sleep(1)

@pytest.mark.windtunnel(seeds=3)
class TestMethods:
    @pytest.fixture
    def own(self, world):
        return self

    @pytest.mark.parametrize("n", [1, 2])
    async def test_method(self, world, n, tmp_path, shared, server, answer, own, monkeypatch):
        assert type(own) is type(self)
        assert world.now == 1.0
        assert answer == 42
        assert shared == ["made once"]
        shared.append("by a seed")
        (tmp_path / "file").write_text(str(n))
        assert server.name == "server"

@pytest.mark.parametrize("depth", [pytest.param(1, marks=pytest.mark.windtunnel(seeds=2, faults=["crash"]))])
async def test_mark_on_a_parameter(world, depth):
    assert depth == 1

@pytest.fixture(params=["a", "b"])
def flavour(request, world):
    request.addfinalizer(lambda: print("finished"))
    return request.param

@pytest.mark.windtunnel(seeds=2)
async def test_parametrized_fixture_of_the_world(flavour):
    assert flavour in "ab"

@pytest.mark.windtunnel(seeds=2)
async def test_skips(world):
    pytest.skip("not today")

@pytest.mark.windtunnel(seeds=2)
async def test_expected(world):
    pytest.xfail("known")

@pytest.mark.windtunnel(seeds=2)
async def test_says_fail(world):
    pytest.fail("by hand")

@pytest.mark.anyio
@pytest.mark.asyncio
@pytest.mark.windtunnel(seeds=2)
async def test_of_three_marks(world):
    await asyncio.sleep(1)

def test_plain():
    assert True
"""


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_beside_other_plugins_and_fixtures(project, mode):
    """pytest-asyncio in either mode and anyio: methods, parameters, fixtures of every kind, outcomes work."""
    asyncio_test = "" if mode == "strict" else "async def test_theirs():\n    await asyncio.sleep(0)\n"
    project.write(test_others=OTHERS + asyncio_test).ini(f"asyncio_mode = {mode}\nanyio_mode = {mode}\n")
    ran = project.pytest("-v", "-rA")
    listed = re.findall(r"^test_others.py::(\S+) (PASSED|FAILED|SKIPPED|XFAIL|ERROR)", ran.out, re.MULTILINE)
    outcomes = {name.replace("asyncio-", ""): outcome for name, outcome in listed}
    theirs = {} if mode == "strict" else {name: "PASSED" for name in outcomes if name.startswith("test_theirs")}
    assert outcomes == {
        "TestMethods::test_method[1]": "PASSED",
        "TestMethods::test_method[2]": "PASSED",
        "test_mark_on_a_parameter[1]": "PASSED",
        "test_parametrized_fixture_of_the_world[a]": "PASSED",
        "test_parametrized_fixture_of_the_world[b]": "PASSED",
        "test_skips": "SKIPPED",
        "test_expected": "XFAIL",
        "test_says_fail": "FAILED",
        "test_of_three_marks": "PASSED",
        "test_plain": "PASSED",
        **theirs,
    }, ran.out
    assert "by hand" in ran.out


def test_what_no_exception_stands_for_is_told_in_lines_of_its_own(project):
    """A deadlock: what it is, who waits for what, and only then the section of the campaign."""
    text = (
        "import asyncio, pytest\n@pytest.mark.windtunnel(seeds=2)\nasync def test_it(world):\n    await asyncio.Event().wait()\n"
    )
    ran = project.write(test_stuck=text).pytest()
    assert ran.code == 1
    lines = ran.out.splitlines()
    head = lines.index("nothing can ever run again, and the test is not done")
    assert "test waits for an event at" in lines[head + 1]
    assert lines[head + 2].startswith("---")


def test_a_program_that_is_given_up_warns_of_nothing(project):
    """Its `finally` blocks run when the world is gone and cannot await: that is our doing, so a strict filter stays quiet."""
    text = """
    import asyncio, pytest

    async def farewell():
        await asyncio.sleep(1)

    async def main():
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.shield(farewell())

    @pytest.mark.windtunnel(seeds=2)
    async def test_it(world):
        world.host("a", main)
        await asyncio.sleep(1)
    """
    ran = project.write(test_left=text).ini("filterwarnings = error\n").pytest()
    assert ran.code == 0, ran.out
    assert "never awaited" not in ran.out + ran.err
    assert "warning" not in ran.out


# --- Bad input ---

WRONG = {
    "seeds": ("@pytest.mark.windtunnel(seeds=0)\nasync def test_it(world): pass", "seeds: a campaign needs at least one"),
    "faults": ("@pytest.mark.windtunnel(faults='partitions')\nasync def test_it(world): pass", "did you mean partition?"),
    "argument": ("@pytest.mark.windtunnel(seed=3)\nasync def test_it(world): pass", "did you mean seeds?"),
    "plain": ("@pytest.mark.windtunnel\ndef test_it(world): pass", "write `async def test_it`"),
    "unmarked": ("async def test_it(world): pass", "add the mark"),
    "hypothesis": (
        """
from hypothesis import given, strategies
@given(strategies.integers())
@pytest.mark.windtunnel
async def test_it(world, n): pass""",
        "hypothesis draws",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_marks_are_errors_of_usage(project, case):
    """Exit code 4, the test by name, what was expected."""
    text, words = WRONG[case]
    ran = project.write(test_wrong=f"import pytest\n{text}\n").pytest()
    assert ran.code == 4, ran.out + ran.err
    assert "test_wrong.py::test_it: " in ran.err
    assert words in ran.err
    assert "Traceback" not in ran.out + ran.err


def test_wrong_options_are_errors_of_usage(project):
    """Each names itself."""
    project.write(test_flaky=FLAKY)
    for option, words in (
        (["--windtunnel-seeds", "0"], "--windtunnel-seeds: seeds: a campaign needs at least one"),
        (["--windtunnel-faults", "quake"], "--windtunnel-faults: unknown fault profile 'quake'"),
        (["--windtunnel-policy", "lifo"], "--windtunnel-policy: unknown policy 'lifo'"),
        (["--windtunnel-plan", "absent.toml"], "--windtunnel-plan: cannot read absent.toml"),
        (["--windtunnel-for", "soon"], "--windtunnel-for: expected a duration"),
        (["--windtunnel-jobs", "0"], "--windtunnel-jobs: jobs: expected"),
    ):
        ran = project.pytest(*option)
        assert ran.code == 4, ran.out + ran.err
        assert words in ran.err


def test_a_wrong_mark_under_xdist_is_told(project):
    """A worker that refuses says why, and the session fails."""
    ran = project.write(test_wrong="import pytest\n@pytest.mark.windtunnel(seeds=0)\nasync def test_it(world): pass\n").fresh(
        "-n", "1"
    )
    assert ran.code != 0
    assert "a campaign needs at least one" in ran.out + ran.err


STRANDED = """
import pytest

@pytest.fixture
async def service():
    return 1

@pytest.mark.windtunnel(seeds=2)
async def test_it(world, service):
    pass
"""


def test_a_coroutine_fixture_without_the_world_is_refused(project):
    """It has no loop that it could run on; the message says what to do."""
    ran = project.write(test_stranded=STRANDED).pytest()
    assert ran.code == 1
    assert "fixture 'service' is a coroutine and does not ask for `world`" in ran.out


# --- Warnings, strictness, selection ---

VACUOUS = """
import asyncio
import warnings
import pytest
from windtunnel.sim import sometimes

@pytest.mark.windtunnel(seeds=5)
async def test_vacuous(world):
    sometimes(False, "two leaders")

@pytest.mark.windtunnel(seeds=5)
async def test_leaky(world):
    test_leaky.task = asyncio.create_task(asyncio.sleep(1000), name="forgotten")
    await asyncio.sleep(0.1)

@pytest.mark.windtunnel(seeds=5)
async def test_warns(world):
    warnings.warn("old ways", DeprecationWarning)
"""


@pytest.mark.campaign
def test_leaks_and_vacuity_are_warnings(project):
    """They are in the summary of warnings, as are those of the children, once; with -W error and --strict they fail."""
    project.write(test_vacuous=VACUOUS)
    ran = project.pytest()
    assert ran.code == 0, ran.out
    assert "3 warnings" in ran.out
    assert "never true in 5 seeds: two leaders" in ran.out
    assert "still open at the end" in ran.out
    assert "'forgotten'" in ran.out
    assert ran.out.count("DeprecationWarning: old ways") == 1
    strict = project.pytest("--windtunnel-strict", "-k", "vacuous")
    assert strict.code == 1
    assert "two leaders" in strict.out
    errors = project.pytest("-W", "error")
    assert "3 failed" in errors.out, errors.out
    assert "items.py" not in errors.out


@pytest.mark.campaign
def test_options_outrank_marks_and_pytest_selects_as_ever(project):
    """Seeds, faults, policy from the command line; -x, -k, --lf."""
    project.write(test_flaky=FLAKY)
    ran = project.pytest("--windtunnel-seeds", "7..9", "--windtunnel-faults", "none", "-v")
    assert ran.code == 0, ran.out
    assert "windtunnel: 2 tests, 6 seeds" in ran.out
    failed = project.pytest("-x", "--windtunnel-no-shrink", "--windtunnel-policy", "random")
    assert "1 failed" in failed.out
    assert "not shrunk" in failed.out
    assert "policy random" in failed.out
    assert "--windtunnel-policy random" in failed.out
    again = project.pytest("--lf", "--windtunnel-keep-going", "--windtunnel-no-shrink")
    assert re.search(r"= 1 failed in", again.out)
    assert "of 60 seeds fail" in again.out


@pytest.mark.campaign
def test_twice_is_an_option(project):
    """--windtunnel-twice finds what depends on addresses."""
    text = """
    import asyncio
    import pytest

    class Thing:
        pass

    @pytest.mark.windtunnel(seeds=3)
    async def test_set(world):
        things = {Thing() for _ in range(50)}
        order = {thing: i for i, thing in enumerate(things)}
        for thing in sorted(things, key=id):
            await asyncio.sleep(0.001 * order[thing])
    """
    project.write(test_set=text)
    assert project.pytest().code == 0
    ran = project.pytest("--windtunnel-twice")
    assert ran.code == 1
    assert "not deterministic: two runs of seed" in ran.out
    assert "hint:" in ran.out


@pytest.mark.campaign
def test_a_debugger_gets_the_frames(project):
    """--windtunnel-seed S --pdb runs the seed here; the prompt stands at the user's line."""
    ran = project.write(test_flaky=FLAKY).pytest("-k", "survives")
    words = replay_of(ran.out)
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", *words, "--pdb"],
        cwd=project.path,
        env=project.environment(),
        input="p 'lives are', lives\nq\n",
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert "('lives are', 2)" in done.stdout, done.stdout + done.stderr


def test_a_timeout_of_pytest_timeout_leaves_nothing_behind(project):
    """The campaign ends with the test, its children too."""
    text = """
    import ctypes
    import pytest

    @pytest.mark.timeout(2)
    @pytest.mark.windtunnel(seeds=3)
    async def test_slow(world):
        ctypes.CDLL(None).sleep(50)
    """
    ran = project.write(test_slow=text).pytest()
    assert ran.code == 1
    assert "Timeout" in ran.out + ran.err


def test_ctrl_c_leaves_nothing_behind(project):
    """The session ends as pytest's sessions do; no child survives."""
    import os
    import signal
    import subprocess
    import sys
    import time

    text = """
    import ctypes
    import pytest

    @pytest.mark.windtunnel(seeds=30)
    async def test_slow(world):
        ctypes.CDLL(None).sleep(50)
    """
    project.write(test_slow=text)
    started = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "-v"],
        cwd=project.path,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    ends = time.monotonic() + 60

    while len(session_of(started.pid)) < 2 and time.monotonic() < ends:
        time.sleep(0.05)
    time.sleep(0.3)
    os.killpg(started.pid, signal.SIGINT)
    out, _ = started.communicate(timeout=60)
    assert "KeyboardInterrupt" in out, out
    assert started.returncode == 2
    assert session_of(started.pid) == []
