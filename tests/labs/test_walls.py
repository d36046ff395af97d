"""The walls one by one: what stands is said, and where one is refused the rest still stand."""

import os
import resource
from pathlib import Path

import pytest

from windtunnel.labs import walls
from windtunnel.testing.forks import alone


def in_a_child(function, *arguments):
    """The value of `function(*arguments)` in a process of its own."""
    ended = alone(lambda _: function(*arguments), None, limit_s=20.0)
    assert ended.how == "returned", ended.text
    return ended.value


def refused(*deeds):
    """For each deed, the class of what it raises, or its value."""
    said = []
    for deed in deeds:
        try:
            said.append(deed())
        except OSError as error:
            said.append(type(error).__name__)
    return said


def test_every_wall_is_named_with_what_it_keeps_out(tmp_path):
    """What `doctor` shows: tried in a child, so nothing of it stays here."""
    found = walls.standing(tmp_path)
    assert [wall.name for wall in found][:5] == ["group", "namespaces", "landlock", "rlimits", "seccomp"]
    assert all(wall.text for wall in found)
    (tmp_path / "mine.txt").write_text("still here", encoding="utf-8")
    assert os.fork  # this process may still do everything


def test_without_seccomp_and_landlock_a_hook_of_python_stands_in(tmp_path, monkeypatch):
    """Writing outside, starting processes and connecting raise; the scratch folder can be written."""
    monkeypatch.setattr(walls, "_libc", None)
    outside, scratch = tmp_path / "outside.txt", tmp_path / "scratch"
    outside.write_text("mine", encoding="utf-8")
    scratch.mkdir()

    def confined():
        names = [wall.name for wall in walls.confine(walls.Limits(), scratch)]
        (scratch / "ok.txt").write_text("fine", encoding="utf-8")
        import socket
        import subprocess

        deeds = (
            lambda: outside.write_text("yours", encoding="utf-8"),
            outside.unlink,
            os.fork,
            lambda: subprocess.run(["true"], check=False),
            lambda: socket.create_connection(("127.0.0.1", 9), 0.1),
        )
        return names, refused(*deeds)

    names, said = in_a_child(confined)
    assert names == ["rlimits", "seccomp", "audit hook"]
    assert said == ["PermissionError"] * 5
    assert outside.read_text(encoding="utf-8") == "mine"
    assert [wall.stands for wall in walls.enclose(scratch)] == [False, False]


def test_limits_are_set_beyond_what_the_process_has(tmp_path):
    """A grader that has mapped much is not killed by the limit of a submission."""

    def confined():
        walls.confine(walls.Limits(memory_bytes=64 << 20), tmp_path)
        small = bytearray(8 << 20)
        try:
            bytearray(512 << 20)
        except MemoryError:
            return len(small), resource.getrlimit(resource.RLIMIT_CORE)
        return None

    assert in_a_child(confined) == (8 << 20, (0, 0))


@pytest.mark.skipif(walls.landlock_abi() == 0, reason="this kernel has no Landlock")
def test_landlock_lets_write_to_the_scratch_folder_alone(tmp_path):
    """And to /dev/null; everything can be read."""
    outside, scratch = tmp_path / "outside.txt", tmp_path / "scratch"
    outside.write_text("mine", encoding="utf-8")
    scratch.mkdir()

    def enclosed():
        walls.enclose(scratch)
        (scratch / "deep").mkdir()
        (scratch / "deep" / "ok.txt").write_text("fine", encoding="utf-8")
        Path(os.devnull).write_text("fine", encoding="utf-8")
        return outside.read_text(encoding="utf-8"), refused(
            lambda: outside.write_text("yours"), outside.unlink, (tmp_path / "new").mkdir
        )

    assert in_a_child(enclosed) == ("mine", ["PermissionError"] * 3)


def test_a_namespace_of_process_numbers_ends_with_its_process(tmp_path):
    """Orphans of a program die with the run that started it."""
    note = tmp_path / "orphan.pid"

    def run():
        walls.enclose(tmp_path)
        walls.enclose_programs()
        if os.fork() == 0:
            if os.fork() == 0:
                os.setsid()
                import time

                note.write_text("started", encoding="utf-8")
                time.sleep(0.5)
                note.write_text("alive", encoding="utf-8")
                os._exit(0)
            os._exit(0)
        while not note.exists():
            pass
        return True

    if not any(wall.name == "namespaces" and wall.stands for wall in walls.standing(tmp_path)):
        pytest.skip("this system has no namespaces for everybody")
    in_a_child(run)
    import time

    time.sleep(0.8)
    assert note.read_text(encoding="utf-8") == "started"
