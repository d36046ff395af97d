"""Evidence: a log that survives crashes, edits and several writers."""

import json
import multiprocessing
import threading

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.learn.progress import GENESIS, Journal, Progress


def lines_of(journal):
    return journal.path.read_bytes().splitlines(keepends=True)


@pytest.fixture
def journal(tmp_path):
    """A journal with three records."""
    journal = Journal(tmp_path / "home", now=lambda: "2026-01-02T03:04:05.678Z")
    journal.add("lesson:law-1", "lesson", "passed", "aa", metrics={"wrong": 2})
    journal.add("lab:retry", "lab", "failed", "bb", "cc", "windtunnel 1", seeds=(1, 2))
    journal.add("lab:retry", "lab", "passed", "bb", "dd", "windtunnel 1", seeds=[3])
    return journal


# --- What is written is read ---


def test_records_come_back_in_order_and_chained(journal):
    """Each record has the hash of the one before it, and all its fields."""
    read = journal.read()
    assert [(e.n, e.item, e.verdict, e.seeds) for e in read.evidence] == [
        (1, "lesson:law-1", "passed", ()),
        (2, "lab:retry", "failed", (1, 2)),
        (3, "lab:retry", "passed", (3,)),
    ]
    assert [e.previous for e in read.evidence] == [GENESIS, read.evidence[0].hash, read.evidence[1].hash]
    assert read.evidence[0].metrics == {"wrong": 2}
    assert read.problems == ()
    assert read.head == read.evidence[-1].hash
    assert read.passed() == {"lesson:law-1", "lab:retry"}


def test_an_absent_log_is_empty(tmp_path):
    """Reading makes no files."""
    assert Journal(tmp_path / "none").read() == Progress()
    assert not (tmp_path / "none").exists()


def test_an_override_unlocks_and_does_not_pass(journal):
    """A skipped prerequisite is on record and is not an achievement."""
    journal.add("lesson:cap", "override", "passed", "aa", override=True)
    assert journal.read().overridden() == {"lesson:cap"}
    assert not journal.read().has("lesson:cap")


def test_the_log_is_for_its_owner_only(journal):
    """Nobody else on the machine reads it."""
    assert journal.path.stat().st_mode & 0o077 == 0


def test_metrics_that_are_no_json_are_refused(journal):
    """And nothing is written."""
    with pytest.raises(UsageError, match="plain JSON"):
        journal.add("lab:retry", "lab", "passed", "bb", metrics={"x": float("nan")})
    assert len(journal.read().evidence) == 3


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    """One line, with the variable that chooses another folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="WINDTUNNEL_HOME"):
        Journal(tmp_path / "file" / "home").add("lab:retry", "lab", "passed", "bb")


# --- What is broken is told, and costs itself only ---


def test_a_changed_record_is_told_and_does_not_count(journal):
    """A verdict that was edited no longer fits its hash; the records around it do."""
    text = journal.path.read_text().replace('"verdict":"failed"', '"verdict":"passed"')
    journal.path.write_text(text)
    read = journal.read()
    assert [e.n for e in read.evidence] == [1, 3]
    assert [(p.line, "changed after it was written" in p.what) for p in read.problems] == [(2, True)]
    assert '"n":2' in read.problems[0].text


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_a_removed_record_leaves_a_gap(journal, cut):
    """Removing the first or one in the middle is seen; removing the newest is not, and nothing local could."""
    lines = lines_of(journal)
    journal.path.write_bytes(b"".join(line for i, line in enumerate(lines) if i != cut))
    read = journal.read()
    assert [e.n for e in read.evidence] == [n for n in (1, 2, 3) if n != cut + 1]
    assert [p.line for p in read.problems] == ([cut + 1] if cut < 2 else [])


def test_moved_records_are_told(journal):
    """Two lines that changed places do not follow each other, and are both kept."""
    one, two, three = lines_of(journal)
    journal.path.write_bytes(two + one + three)
    read = journal.read()
    assert {e.n for e in read.evidence} == {1, 2, 3}
    assert read.problems


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (b"\x00\xff\xfe not json", "is not JSON"),
        (b"[1, 2]", "is not a record"),
        (b'{"n": 1}', "has no at of type str"),
        (b"[" * 100_000, "is not JSON"),
    ],
)
def test_an_overwritten_line_costs_itself(journal, damage, what):
    """Line and reason are said, every other record is kept, and the chain around it is not blamed."""
    lines = lines_of(journal)
    journal.path.write_bytes(lines[0] + damage + b"\n" + lines[2])
    read = journal.read()
    assert [e.n for e in read.evidence] == [1, 3]
    assert len(read.problems) == 1
    assert str(read.problems[0]).startswith("line 2: ")
    assert what in read.problems[0].what


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("n", True, "no n of type int"),
        ("seeds", ["x"], "not whole numbers"),
        ("colour", "red", "fields that no record has: colour"),
        ("item", "\ud800", "no words for"),
    ],
)
def test_fields_of_the_wrong_type_are_said_by_name(journal, name, value, what):
    """A record is all its fields, of their types, and nothing else."""
    lines = lines_of(journal)
    row = json.loads(lines[1]) | {name: value}
    journal.path.write_bytes(lines[0] + json.dumps(row).encode() + b"\n" + lines[2])
    assert [p.line for p in journal.read().problems] == [2]
    assert what in journal.read().problems[0].what


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_a_torn_line_is_kept_and_the_next_append_begins_a_new_one(journal, kept):
    """After a crash in the middle of a write the log goes on, and nothing of the file is lost."""
    lines = lines_of(journal)
    torn = lines[2].rstrip(b"\n")[:kept]
    journal.path.write_bytes(lines[0] + lines[1] + torn)
    added = journal.add("lab:saga", "lab", "passed", "ee")
    read = journal.read()
    assert journal.path.read_bytes().startswith(lines[0] + lines[1] + torn + b"\n")
    assert [e.n for e in read.evidence] == [1, 2, 3]
    assert read.evidence[-1] == added
    assert [p.line for p in read.problems] == [3]


def test_an_append_after_a_changed_record_goes_on_from_the_last_whole_one(journal):
    """The change is told once; the new record is not blamed for it."""
    journal.path.write_text(journal.path.read_text().replace('"seeds":[3]', '"seeds":[4]'))
    journal.add("lab:saga", "lab", "passed", "ee")
    read = journal.read()
    assert [e.item for e in read.evidence] == ["lesson:law-1", "lab:retry", "lab:saga"]
    assert [p.line for p in read.problems] == [3]


def test_the_last_record_is_found_behind_much_damage(journal):
    """Also when it lies further back than an append looks at first."""
    with journal.path.open("ab") as file:
        file.write(b"x" * 200_000 + b"\n")
    added = journal.add("lab:saga", "lab", "passed", "ee")
    assert added.n == 4
    assert [p.line for p in journal.read().problems] == [4]


# --- Several writers ---


def _add_some(home, name):
    for i in range(20):
        Journal(home).add(f"lab:{name}", "lab", "passed", "aa", seeds=(i,))


def test_writers_at_the_same_time_lose_nothing(tmp_path):
    """Two processes and two threads append to one log: one chain, every record."""
    processes = [multiprocessing.get_context("fork").Process(target=_add_some, args=(tmp_path, f"p{i}")) for i in range(2)]
    threads = [threading.Thread(target=_add_some, args=(tmp_path, f"t{i}")) for i in range(2)]
    for process in processes:
        process.start()
    for writer in threads:
        writer.start()
    for writer in (*threads, *processes):
        writer.join()
    read = Journal(tmp_path).read()
    assert read.problems == ()
    assert [e.n for e in read.evidence] == list(range(1, 81))
    for name in ("p0", "p1", "t0", "t1"):
        assert [e.seeds for e in read.of(f"lab:{name}")] == [(i,) for i in range(20)]


# --- From log to log ---


def test_taking_evidence_of_another_log_is_idempotent(journal, tmp_path):
    """Each record comes once, with the hash that it had; taking it again, also over a third log, adds nothing."""
    here = Journal(tmp_path / "here")
    here.add("lab:saga", "lab", "passed", "ee")
    assert here.take(journal.read().evidence) == 3
    assert here.take(journal.read().evidence) == 0
    assert journal.take(here.read().evidence) == 1
    assert here.take(journal.read().evidence) == 0
    read = here.read()
    assert read.problems == ()
    assert [e.origin for e in read.evidence[1:]] == [e.hash for e in journal.read().evidence[:3]]
    assert read.evidence[1].at == "2026-01-02T03:04:05.678Z"
