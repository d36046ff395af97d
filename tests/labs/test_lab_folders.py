"""Labs on disk: what is complete is read, what is not is refused with the name of the file and of the field."""

import pytest
from toy_lab import CHECKS, LAB, written

from windtunnel import labs
from windtunnel.base.errors import UsageError
from windtunnel.labs.lab import read_lab


def test_a_complete_folder_is_a_lab(toy):
    """Every field has its type; the hash changes with any file."""
    assert (toy.id, toy.hours, toy.difficulty, toy.laws, toy.file) == ("toy", 0.1, 1, (2,), "adding.py")
    assert toy.hint("adds").levels[2] == "return a + b"
    assert toy.hint("answers") is None
    assert toy.mutants[0].killed_by == "adds"


def test_the_content_hash_is_of_every_file(tmp_path):
    """A changed check is another lab; a cache of Python's is not."""
    first = read_lab(written(tmp_path / "toy")).content_hash
    (tmp_path / "toy" / "__pycache__").mkdir()
    (tmp_path / "toy" / "__pycache__" / "x.pyc").write_bytes(b"1")
    assert read_lab(tmp_path / "toy").content_hash == first
    written(tmp_path / "toy", **{"checks.py": CHECKS + "\n"})
    assert read_lab(tmp_path / "toy").content_hash != first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("hours = 0.1", "hours = 0"), "hours: expected a number above 0, at most 40; got 0"),
        (("difficulty = 1", "difficulty = 1.5"), "difficulty: expected a whole number"),
        (("laws = [2]", "laws = [8]"), "laws: expected a list of numbers from 1 to 7"),
        (('form = "world"', 'form = "word"'), "form: expected one of world, core, http, maelstrom; got 'word'"),
        (('id = "toy"', 'id = "Toy"'), "id: expected the name of its folder, 'toy'"),
        (('why = "Somebody must."\n', ""), "why is missing"),
        (('why = "', 'whi = "'), "why is missing"),
        (("rows = []", 'rows = []\nrose = "red"'), r"unknown entry 'rose'; did you mean rows\?"),
        (('"It is the plus.", ', ""), "number 1: levels: expected three texts"),
        (('killed_by = "adds"', ""), r"\[mutants.minus\]: killed_by is missing"),
        (("[mutants.minus]", "[mutants.plus]"), "nothing is said about mutants/minus.py|expected the file mutants/plus.py"),
        (('file = "adding.py"', 'file = "other.py"'), "expected a file start/other.py"),
        (('title = "Adding"', "title = Adding"), "not TOML"),
    ],
)
def test_what_is_wrong_with_a_lab_is_said(change, message, tmp_path):
    """The file, the field, what was expected and what came."""
    with pytest.raises(UsageError, match=message):
        read_lab(written(tmp_path / "toy", **{"lab.toml": LAB.replace(*change)}))


@pytest.mark.parametrize("name", ["README.md", "checks.py", "start/adding.py", "reference/adding.py", "mutants/minus.py"])
def test_a_missing_file_is_named(name, tmp_path):
    """A lab that half works is no lab."""
    with pytest.raises(UsageError, match=name):
        read_lab(written(tmp_path / "toy", **{name: None}))


def test_every_lab_of_the_catalogue_is_complete():
    """All of them can be read, and each names labs that exist as prerequisites, and checks by their names."""
    from windtunnel.labs.grader import load_checks

    known = {lab.id: lab for lab in labs.catalogue()}
    assert "two-nodes" in known
    for lab in known.values():
        assert set(lab.prerequisites) <= set(known), lab.id
        _, checks = load_checks(lab.folder)
        names = {check.name for check in checks}
        assert {mutant.killed_by for mutant in lab.mutants} <= names, lab.id
        assert {hint.check for hint in lab.hints} <= {"", *names}, lab.id
        assert {check.stage for check in checks} <= {"", *(stage.id for stage in lab.stages)}, lab.id
        assert lab.mutants, lab.id


def test_an_unknown_lab_is_answered_with_the_nearest_name():
    """A typing error costs one line."""
    with pytest.raises(UsageError, match=r"unknown lab 'two-notes'; did you mean two-nodes\?"):
        labs.find("two-notes")
    with pytest.raises(UsageError, match="unknown safeguard of raft 'vote_is_durabel'"):
        labs.find("raft/vote_is_durabel")


# --- A learner's folder ---


def test_start_never_overwrites(tmp_path):
    """Not a folder that was started, and not a file that lies there."""
    place = labs.start("two-nodes", tmp_path / "mine")
    assert sorted(path.name for path in place.iterdir()) == [".windtunnel-lab.toml", "README.md", "two_nodes.py"]
    with pytest.raises(UsageError, match="was started already"):
        labs.start("two-nodes", place)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "two_nodes.py").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="exists already"):
        labs.start("two-nodes", tmp_path / "other")
    assert (tmp_path / "other" / "two_nodes.py").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "other" / "README.md").exists()


def test_a_folder_that_is_none_is_refused(tmp_path, monkeypatch):
    """With the way to make one; a damaged state says what is wrong with it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="is no lab folder"):
        labs.check(tmp_path)
    with pytest.raises(UsageError, match="has not been started here: `windtunnel lab start two-nodes`"):
        labs.check("two-nodes")
    place = labs.start("two-nodes")
    (place / ".windtunnel-lab.toml").write_text("lab = [", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be read"):
        labs.check("two-nodes")
    (place / ".windtunnel-lab.toml").write_text('lab = "two-nodes"', encoding="utf-8")
    (place / "two_nodes.py").unlink()
    with pytest.raises(UsageError, match=r"two_nodes.py is missing: it is the file that is graded"):
        labs.check(place)


def test_hints_have_three_levels_and_others_are_refused():
    """The hint of a check, or that of the lab."""
    name = "what was acknowledged is read at the other node, however slow the network is"
    assert "await self.tell_peer(text)" in labs.hint("two-nodes", name, 3)
    assert labs.hint("two-nodes", "a note is read where it was written", 1) == labs.hint("two-nodes", "", 1)
    with pytest.raises(UsageError, match="levels 1 to 3"):
        labs.hint("two-nodes", "", 4)
