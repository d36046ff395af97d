"""The plugin as a user of pytest meets it: small projects, a real pytest each."""

import re
import xml.etree.ElementTree as ET

import pytest

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
    ran = project.write(test_flaky=FLAKY).pytest()
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

    again = project.pytest(*replay_of(ran.out))
    assert again.code == 1
    assert "assert 2 < 2" in again.out
    assert fingerprint_of(again.out) == fingerprint_of(ran.out)

    storm = re.search(r"^the smallest storm: pytest (.*)$", ran.out, re.MULTILINE)[1].split()
    smallest = project.pytest(*storm)
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


def test_reports_go_where_they_are_wanted(project):
    """--windtunnel-report DIR."""
    project.write(test_flaky=FLAKY).pytest("-k", "survives", "--windtunnel-report", "elsewhere")
    assert (project.path / "elsewhere" / "test_flaky.py__test_it_survives" / "report.html").exists()
    assert not (project.path / ".windtunnel").exists()


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
    assert [each.get("value") for each in cases["test_it_runs"].iter("property")][0] == "20"


def test_under_xdist_all_is_the_same(project):
    """With -n 2: the same seed, the same fingerprint, properties and totals from the workers; layout fixed in them too."""
    alone = project.write(test_flaky=FLAKY).pytest()
    ran = project.pytest("-n", "2", "--junitxml", "out.xml")
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
        "test_plain": "PASSED",
        **theirs,
    }, ran.out
    assert "by hand" in ran.out
