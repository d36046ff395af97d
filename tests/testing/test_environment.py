"""The fixed layout: who is restarted, who is not, and that it happens once."""

import os
import sys

import pytest

from windtunnel.testing import environment
from windtunnel.testing.environment import Layout, addresses_can_be_fixed, is_program, layout, mentioned

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs personality")

WHERE = """
import os, sys
from windtunnel.testing.environment import layout

def test_where():
    print("LAYOUT", layout().text, "PID", os.getpid(), "ARGS", sys.argv[1:])
"""
MARKED = "import pytest\n" + WHERE + "\n@pytest.mark.windtunnel(seeds=1)\nasync def test_marked(world):\n    pass\n"


def said(ran):
    """The line that the test printed."""
    return next(line for line in ran.out.splitlines() if "LAYOUT" in line)


@pytest.mark.slow
@pytest.mark.parametrize("script", [False, True], ids=["-m", "script"])
def test_pytest_begins_anew_where_a_test_has_the_mark(project, script):
    """Hash seed 0 and fixed addresses, from `python -m pytest` and from `pytest`; the header says so, arguments are kept."""
    ran = project.write(test_marked=MARKED).fresh("-s", "-k", "where or marked", script=script)
    assert ran.code == 0, ran.out + ran.err
    assert "hash seed 0" in said(ran)
    assert "'where or marked'" in said(ran)
    assert "windtunnel: 0." in ran.out
    if addresses_can_be_fixed():
        assert "fixed addresses" in said(ran)


@pytest.mark.slow
def test_pytest_is_left_alone_where_no_test_has_it(project):
    """A session without a test of ours keeps what it has, and its header."""
    ran = project.write(test_plain=WHERE).fresh("-s")
    assert "random hash seed" in said(ran)
    assert "windtunnel: 0." not in ran.out


@pytest.mark.campaign
def test_the_ini_file_decides(project):
    """never, always; anything else is an error of usage."""
    project.write(test_marked=MARKED).ini("windtunnel_restart = never")
    assert "random hash seed" in said(project.fresh("-s"))
    project.write(test_marked=WHERE).ini("windtunnel_restart = always")
    assert "hash seed 0" in said(project.fresh("-s"))
    project.ini("windtunnel_restart = perhaps")
    ran = project.fresh()
    assert ran.code == 4
    assert "auto, always, never; got 'perhaps'" in ran.out + ran.err


@pytest.mark.slow
def test_a_program_that_calls_pytest_is_never_replaced(project):
    """pytest.main returns to its caller, with the layout that the program has."""
    main = "import pytest, sys\ncode = pytest.main(['-q', '-s', 'test_marked.py'])\nprint('RETURNED', int(code))\n"
    ran = project.write(test_marked=MARKED, program=main).run([sys.executable, "program.py"])
    assert "RETURNED 0" in ran.out, ran.out + ran.err
    assert "random hash seed" in said(ran)


@pytest.mark.slow
def test_a_hash_seed_that_was_chosen_is_kept(project):
    """PYTHONHASHSEED=7 is as fixed as 0."""
    ran = project.write(test_marked=MARKED).fresh("-s", PYTHONHASHSEED="7")
    assert "hash seed 7" in said(ran)


def test_only_a_process_that_is_the_program_itself_is(monkeypatch):
    """The words of the command line must be the program and its arguments; a tracer, another program, other arguments: no."""
    monkeypatch.setattr(sys, "gettrace", lambda: None)
    for argv, orig, arguments, expected in (
        (["/bin/pytest", "-q"], ["python", "/bin/pytest", "-q"], ["-q"], True),
        (["/lib/pytest/__main__.py"], ["python", "-m", "pytest"], [], True),
        (["/lib/pytest/__main__.py", "a"], ["python", "-X", "dev", "-m", "pytest", "a"], ["a"], True),
        (["program.py"], ["python", "program.py"], [], False),
        (["/bin/pytest", "-q"], ["python", "/bin/pytest", "-q"], ["other"], False),
        (["-c"], ["python", "-c", "..."], [], False),
        (["/bin/pytest", "-q"], ["python", "debugger.py", "--port", "1"], ["-q"], False),
    ):
        monkeypatch.setattr(sys, "argv", argv)
        monkeypatch.setattr(sys, "orig_argv", orig)
        assert is_program(("pytest", "py.test"), arguments) is expected, argv
    monkeypatch.setattr(sys, "argv", ["/bin/pytest"])
    monkeypatch.setattr(sys, "orig_argv", ["python", "/bin/pytest"])
    monkeypatch.setattr(sys, "gettrace", lambda: print)
    assert not is_program(("pytest",), [])


def test_a_process_restarts_itself_at_most_once(monkeypatch):
    """Where it has done so, or has nothing to gain, or exec fails, it goes on."""
    calls = []

    def fails(*args):
        calls.append(args)
        raise OSError("no exec here")

    monkeypatch.setattr(os, "execve", fails)
    monkeypatch.setattr(environment, "_personality", lambda wanted: None)
    monkeypatch.setattr(environment, "layout", lambda: Layout("random", "refused"))
    environment.restart(["python", "-m", "pytest"])
    assert len(calls) == 1
    assert calls[0][2]["PYTHONHASHSEED"] == "0"
    assert calls[0][2][environment.DONE] == str(os.getpid())
    monkeypatch.setenv(environment.DONE, str(os.getpid()))
    environment.restart(["python", "-m", "pytest"])
    monkeypatch.setenv(environment.DONE, "1")
    monkeypatch.setattr(environment, "layout", lambda: Layout("0", "refused"))
    environment.restart(["python", "-m", "pytest"])
    assert len(calls) == 1


def test_a_refused_personality_is_told(monkeypatch):
    """Containers may forbid it: the layout says so, in words."""
    monkeypatch.setattr(environment, "_personality", lambda wanted: 0 if wanted == environment._QUERY else None)
    assert not addresses_can_be_fixed()
    assert layout().addresses == "refused"
    assert "does not let them be fixed" in layout().text
    assert not layout().fixed


def test_asking_for_the_layout_changes_nothing():
    """The personality after the question is the one before it."""
    before = environment._personality(environment._QUERY)
    layout()
    addresses_can_be_fixed()
    assert environment._personality(environment._QUERY) == before


def test_the_mark_is_looked_for_in_test_files_only(tmp_path):
    """Files named, directories of test files, conftest; not in hidden or vendored trees, not for longer than allowed."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("@pytest.mark.windtunnel\n")
    (tmp_path / "notes.py").write_text("mark.windtunnel")
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "helper.py").write_text("mark.windtunnel")
    for vendored in (".tox", "node_modules", "env"):
        (tmp_path / "plain" / vendored).mkdir()
        (tmp_path / "plain" / vendored / "test_b.py").write_text("mark.windtunnel")
    (tmp_path / "plain" / "env" / "pyvenv.cfg").touch()
    patterns = ["test_*.py"]
    assert mentioned([str(tmp_path)], patterns)
    assert mentioned([f"{tmp_path}/tests/test_a.py::test_x"], patterns)
    assert not mentioned([str(tmp_path / "plain")], patterns)
    assert not mentioned([str(tmp_path / "absent.py")], patterns)
    (tmp_path / "plain" / "conftest.py").write_text("mark.windtunnel")
    assert mentioned([str(tmp_path / "plain")], patterns)
    for i in range(30):
        (tmp_path / f"test_0{i}.py").write_text("nothing")
    assert not mentioned([str(tmp_path)], patterns, budget_s=-1.0)
