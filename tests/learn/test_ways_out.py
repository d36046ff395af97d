"""Calendar, xAPI, export and import, notes: what a learner's data can become."""

import datetime as dt
import json
import re

import pytest

from windtunnel import learn
from windtunnel.base.errors import UsageError
from windtunnel.learn import bundle, schedule, xapi
from windtunnel.learn.progress import Progress

FIRST = dt.date(2026, 1, 5)  # a Monday
EVENING = dt.time(19, 0)
BEGINNER = learn.path("beginner")


def slots(**more):
    asked = {"hours_per_week": 5.0, "first": FIRST, "days": ("mon", "wed"), "at": EVENING} | more
    return schedule.slots(more.pop("status", BEGINNER.status(Progress())), **{k: v for k, v in asked.items() if k != "status"})


@pytest.fixture
def journal(tmp_path):
    """A small log."""
    journal = learn.Journal(tmp_path / "one", now=lambda: "2026-01-02T03:04:05.678Z")
    journal.add("lab:retry", "lab", "failed", "aa", grader="windtunnel 1")
    journal.add("lab:retry", "lab", "passed", "aa", grader="windtunnel 1")
    journal.add("lesson:law-1#product", "question", "passed", "bb")
    journal.add("lesson:law-1", "lesson", "passed", "bb")
    journal.add("lab:saga", "lab", "unknown", "cc")
    journal.add("lesson:cap", "override", "skipped", "", override=True)
    return journal


# --- Calendar ---


def test_appointments_cover_what_is_left_and_no_more():
    """All minutes of the path, on the days that were asked for, none longer than a day's share."""
    found = slots()
    assert sum(slot.minutes for slot in found) == round(BEGINNER.available_hours * 60)
    assert {slot.start.weekday() for slot in found} == {0, 2}
    assert max(slot.minutes for slot in found) == 150
    assert found[0].start == dt.datetime.combine(FIRST, EVENING)
    assert found[0].parts[0][:1] == ("lesson:what-is-distributed",)
    weeks = (found[-1].start.date() - FIRST).days // 7 + 1
    assert weeks == -(-round(BEGINNER.available_hours * 60) // 300)


def test_what_is_done_is_not_scheduled(journal):
    """And neither is what is planned."""
    journal.add("lesson:what-is-distributed", "lesson", "passed", "aa")
    parts = [item for slot in slots(status=BEGINNER.status(journal.read())) for item, _, _ in slot.parts]
    assert "lesson:what-is-distributed" not in parts
    assert "lab:retry" not in parts
    practitioner = slots(status=learn.path("practitioner").status(Progress()))
    assert "project:kv-store" not in [item for slot in practitioner for item, _, _ in slot.parts]


def test_the_calendar_is_icalendar():
    """RFC 5545: CRLF, at most 75 octets a line, every event with its required fields, texts escaped."""
    text = schedule.ics(BEGINNER.status(Progress()), slots(), dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    lines = text.split("\r\n")
    assert lines[0] == "BEGIN:VCALENDAR"
    assert lines[-2:] == ["END:VCALENDAR", ""]
    assert max(len(line.encode()) for line in lines) <= 75
    assert "\n" not in text.replace("\r\n", "")
    whole = text.replace("\r\n ", "")
    events = whole.split("BEGIN:VEVENT")[1:]
    assert len(events) == len(slots())
    for event in events:
        for name in ("UID:", "DTSTAMP:20260101T000000Z", "DTSTART:2026", "DURATION:PT", "SUMMARY:", "DESCRIPTION:"):
            assert f"\r\n{name}" in event
    assert len(set(re.findall(r"UID:(\S+)", whole))) == len(events)
    assert not re.search(r"SUMMARY:[^\r]*(?<!\\),", whole)


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"hours_per_week": 0}, "hours per week"),
        ({"hours_per_week": 200}, "hours per week"),
        ({"days": ()}, "days: expected some of mon"),
        ({"days": ("monday",)}, "days: expected"),
        ({"days": ("mon", "mon")}, "each once"),
        ({"days": ("mon",), "hours_per_week": 30.0}, "appointments of 1800 minutes"),
    ],
)
def test_impossible_weeks_are_refused(wish, says):
    """Before anything is laid out."""
    with pytest.raises(UsageError, match=says):
        slots(**wish)


# --- xAPI ---


def test_statements_have_the_verbs_of_cmi5(journal):
    """One per record, with verb, actor without e-mail, object, time, and the hash of the evidence."""
    rows = list(xapi.statements(journal.read(), "7c9d7a0e-0000-4000-8000-000000000000"))
    verbs = [row["verb"]["display"]["en"] for row in rows]
    assert verbs == ["failed", "passed", "passed", "completed", "terminated", "waived"]
    assert [row["verb"]["id"] for row in rows] == [xapi.VERBS[verb] for verb in verbs]
    for row, e in zip(rows, journal.read().evidence, strict=True):
        assert set(row) == {"id", "actor", "verb", "object", "result", "context", "timestamp"}
        assert row["actor"]["account"]["name"].startswith("7c9d")
        assert "mbox" not in row["actor"]
        assert row["timestamp"] == e.at
        assert row["object"]["id"].startswith("https://")
        assert row["result"]["extensions"][f"{xapi.HOME_PAGE}/evidence"] == e.hash
    assert rows[0]["result"]["success"] is False
    assert rows[1]["result"] | {"extensions": 0} == {"success": True, "completion": True, "extensions": 0}
    assert rows[0]["context"]["platform"] == "windtunnel 1"
    assert len({row["id"] for row in rows}) == len(rows)
    lines = xapi.ndjson(rows).splitlines()
    assert [json.loads(line) for line in lines] == rows


def test_a_path_is_satisfied_with_its_last_node(tmp_path):
    """Once, right after the record that completes it."""
    journal = learn.Journal(tmp_path)
    for node in BEGINNER.nodes:
        journal.add(node.item, node.kind, "passed", "aa")
    journal.add("lesson:cap", "lesson", "passed", "aa")
    rows = list(xapi.statements(journal.read(), "x"))
    satisfied = [i for i, row in enumerate(rows) if row["verb"]["display"]["en"] == "satisfied"]
    assert satisfied == [len(BEGINNER.nodes)]
    assert rows[satisfied[0]]["object"]["id"] == f"{xapi.HOME_PAGE}/path/beginner"


# --- Export and import, notes ---


def test_an_export_comes_back_whole(journal, tmp_path):
    """Evidence with its hashes, notes, choices; taking it twice adds nothing."""
    bundle.add_note("lab:retry", "jitter, then budget", journal.home)
    learn.set_settings({"path": "beginner"}, journal.home)
    data = json.dumps(bundle.exported(journal.home)).encode()
    there = tmp_path / "two"
    assert bundle.imported(data, there) == {"evidence": 6, "notes": 1}
    assert bundle.imported(data, there) == {"evidence": 0, "notes": 0}
    assert learn.Journal(there).read().passed() == journal.read().passed()
    assert [e.origin for e in learn.Journal(there).read().evidence] == [e.hash for e in journal.read().evidence]
    assert bundle.notes(there) == bundle.notes(journal.home)
    assert learn.settings(there) == {"path": "beginner"}


def changed(data, at, name, value):
    found = json.loads(data)
    found["evidence"][at][name] = value
    return json.dumps(found).encode()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda data: b"nonsense", "not JSON"),
        (lambda data: b"[" * 100_000, "not JSON"),
        (lambda data: b"{}", "expected an export with `format`"),
        (lambda data: changed(data, 0, "verdict", "passed"), "record 1 of the export was changed"),
        (lambda data: changed(data, 1, "seeds", None), "record 2 of the export has no seeds"),
        (lambda data: json.dumps(json.loads(data) | {"notes": [1]}).encode(), "lists of evidence and of notes"),
    ],
)
def test_a_spoilt_export_is_refused_and_nothing_is_taken(journal, tmp_path, spoil, says):
    """All of it or none of it."""
    data = json.dumps(bundle.exported(journal.home)).encode()
    with pytest.raises(UsageError, match=says):
        bundle.imported(spoil(data), tmp_path / "two")
    assert learn.Journal(tmp_path / "two").read() == Progress()


def test_notes_survive_damage(tmp_path):
    """A torn line costs itself; an empty note is refused."""
    bundle.add_note("lesson:law-1", "one", tmp_path)
    with (tmp_path / bundle.NOTES).open("ab") as file:
        file.write(b'{"at": "2026')
    bundle.add_note("lesson:law-1", "two", tmp_path)
    assert [row["text"] for row in bundle.notes(tmp_path)] == ["one", "two"]
    with pytest.raises(UsageError, match="needs a text"):
        bundle.add_note("lesson:law-1", "  ", tmp_path)


def test_the_learner_is_a_number_that_stays(tmp_path):
    """Drawn once, kept in the settings."""
    first = bundle.learner_id(tmp_path)
    assert bundle.learner_id(tmp_path) == first
    assert learn.settings(tmp_path) == {"learner": first}


def test_settings_that_are_no_toml_are_said(tmp_path):
    """With the file, and that it may go."""
    (tmp_path / "settings.toml").write_text("= broken")
    with pytest.raises(UsageError, match="mend it or delete it"):
        learn.settings(tmp_path)


@pytest.mark.parametrize(
    ("file", "call"),
    [
        ("progress.jsonl", lambda home: learn.Journal(home).read()),
        ("progress.jsonl", lambda home: learn.Journal(home).add("lab:retry", "lab", "passed", "aa")),
        ("notes.jsonl", bundle.notes),
        ("notes.jsonl", lambda home: bundle.add_note("lab:retry", "x", home)),
        ("settings.toml", learn.settings),
        ("settings.toml", lambda home: learn.set_settings({"path": "beginner"}, home)),
    ],
)
def test_files_that_cannot_be_used_are_said_in_one_line(tmp_path, file, call):
    """Here a folder stands where the file ought to be."""
    (tmp_path / file).mkdir()
    with pytest.raises(UsageError, match=r"cannot (read|write)"):
        call(tmp_path)


@pytest.mark.parametrize(
    ("env", "end"),
    [
        ({"WINDTUNNEL_HOME": "/a", "XDG_DATA_HOME": "/b"}, "/a"),
        ({"XDG_DATA_HOME": "/b"}, "/b/windtunnel"),
        ({}, "/.local/share/windtunnel"),
    ],
)
def test_the_folder_follows_the_environment(monkeypatch, env, end):
    """Our variable, then the standard's, then the standard's default."""
    for name in ("WINDTUNNEL_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert str(learn.home_of()).endswith(end)
