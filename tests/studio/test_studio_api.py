"""The API of a running studio: what it answers, what it refuses, and that looking changes nothing."""

import json
import time
from pathlib import Path

import pytest
from served_studio import wait_until

from windtunnel.base.errors import UsageError
from windtunnel.studio.answers import number, text, texts, whole
from windtunnel.studio.app import PAGES

RUN = {"system": "rumor", "seed": 3, "for_s": 3, "faults": ["crash"], "clients": 2, "speed": 0}


def files_of(*folders):
    """Every file below some folders with its time of change."""
    return {path: path.stat().st_mtime_ns for folder in folders for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def stored(studio):
    """The events of a run that the studio has made and kept."""
    return studio.events(studio.post("/api/runs", RUN)["job"])


def test_the_shell_is_every_page(studio):
    """Each page's address answers the same document; an address that is none answers it too, with 404."""
    documents = {studio.ask("GET", path.replace("{id}", "x"))[2] for path in PAGES}
    assert len(documents) == 1
    status, headers, body = studio.ask("GET", "/no/such/page")
    assert (status, body) == (404, documents.pop())
    assert headers["content-type"].startswith("text/html")


def test_modules_of_the_browser_are_served_by_name(studio):
    """Scripts come as scripts; they are asked for again rather than kept."""
    status, headers, _ = studio.ask("GET", "/static/app.js")
    assert status == 200
    assert headers["content-type"].startswith("text/javascript")
    assert headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/%2e%2e/cli/entry.py",
        "/static//etc/passwd",
        "/static/vendor/vendored.toml",
        "/static/viewer/../embed.py",
        "/api/runs/..%2f..%2fetc",
        "/api/runs/../../etc/passwd",
        "/api/runs/rumor~..",
        "/api/runs/..~x",
        "/api/runs/rumor~..%2f..%2flabs",
        "/api/runs/~/report",
        "/api/labs/..",
        "/api/labs/..~..~etc",
        "/api/labs/%2fetc%2fpasswd",
        "/api/labs/two-nodes%00",
        "/api/lessons/..%2fpaths%2fbeginner",
        "/api/decisions/..",
        "/api/calculators/__class__",
        "/api/paths/..",
        "/api/jobs/../events",
        "/api/jobs/-1/events",
    ],
)
def test_no_path_comes_from_an_address(studio, path):
    """What is no name of something that exists is not there; nothing is joined, nothing is read."""
    status, _, body = studio.ask("GET", path)
    assert status == 404
    assert b"root:" not in body
    assert b"import" not in body or body.startswith(b"<!doctype")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"system": "/etc/passwd.py"}, "unknown system"),
        ({"system": "../x.py"}, "unknown system"),
        ({"system": 7}, "expected a text"),
        ({"system": "rafd"}, "did you mean raft"),
        ({"faults": ["nonsense"]}, "unknown fault"),
        ({"faults": "crash"}, "expected a list"),
        ({"faults": ["crash"] * 1000}, "at most 50"),
        ({"without": ["no_such_rule"]}, "has no safeguard"),
        ({"options": {"no_such": 1}}, "unknown option"),
        ({"options": [1]}, "names with their values"),
        ({"for_s": 1e9}, "from 1 to 300"),
        ({"for_s": "long"}, "expected a number"),
        ({"nodes": 10_000}, "from 1 to 25"),
        ({"nodes": True}, "whole number"),
        ({"clients": 0}, "from 1 to 50"),
        ({"seed": -1}, "whole number"),
        ({"seed": 1.5}, "whole number"),
        ({"policy": "best"}, "policy is one of"),
        ({"world": "moon"}, "sim or live"),
        ({"script": "no-such"}, "unknown scenario"),
    ],
)
def test_a_run_that_cannot_be_is_refused_with_what_can(studio, change, said):
    """Nothing is started, and the sentence says what was expected."""
    status, _, body = studio.ask("POST", "/api/runs", RUN | change)
    assert status in (400, 404), body
    assert said in json.loads(body)["error"]
    assert studio.get("/api/jobs") == {"jobs": []}


@pytest.mark.parametrize("body", ["", "{", "[]", "7", "null", '"x"', "[" * 30_000, b"\xff\xfe"])
def test_a_body_that_is_no_object_is_refused(studio, body):
    """Malformed JSON is a sentence, not a traceback."""
    status, _, answer = studio.ask("POST", "/api/runs", body)
    assert status == 400
    assert "error" in json.loads(answer)


def test_values_are_read_with_their_bounds():
    """Types and bounds are checked one by one; a missing value has its default."""
    body = {"a": "x", "n": 3, "many": ["u", "v"], "big": "x" * 201}
    assert (text(body, "a"), whole(body, "n", 0, 5), number(body, "n", 0, 5), texts(body, "many")) == ("x", 3, 3.0, ("u", "v"))
    assert (whole(body, "gone", 0, 5, 2), number(body, "gone", 0, 1, 0.5), texts(body, "gone")) == (2, 0.5, ())
    for wrong in (
        lambda: text(body, "big"),
        lambda: whole(body, "a", 0, 1),
        lambda: number(body, "n", 0, 2),
        lambda: texts(body, "a"),
    ):
        with pytest.raises(UsageError, match="expected"):
            wrong()


def test_looking_changes_nothing(studio, stored):
    """Every GET of the API leaves every file as it is."""
    before = files_of(studio.store, studio.home, studio.labs)
    run = stored[-2]["run"]
    for path in (
        "/api/home",
        "/api/paths",
        "/api/paths/beginner",
        "/api/catalogue",
        "/api/systems",
        "/api/runs",
        f"/api/runs/{run}",
        "/api/labs/two-nodes",
        "/api/calculators",
        "/api/calculators/mmc",
        "/api/decisions",
        "/api/jobs",
    ):
        studio.get(path)
    assert files_of(studio.store, studio.home, studio.labs) == before


def test_acting_by_get_is_not_possible(studio):
    """The addresses of actions do not act when they are looked at."""
    for path in ("/api/labs/two-nodes/start", "/api/labs/two-nodes/hint", "/api/paths/beginner/start", "/api/jobs/1/cancel"):
        assert studio.ask("GET", path)[0] in (404, 405)
    assert not (studio.labs / "two-nodes").exists()


# --- Runs ---


def test_a_run_is_told_from_its_beginning_to_its_verdict(stored):
    """begin, pictures, notes and figures, done, end; virtual time never goes back."""
    kinds = [event["kind"] for event in stored]
    assert (kinds[-2:], set(kinds)) == (["done", "end"], {"begin", "frame", "note", "bucket", "done", "end"})
    begin = next(event for event in stored if event["kind"] == "begin")
    assert (begin["system"], begin["seed"], begin["clients"]) == ("rumor", 3, ["c1", "c2"])
    frames = [event for event in stored if event["kind"] == "frame"]
    assert [event["now"] for event in frames] == sorted(event["now"] for event in frames)
    assert all(set(event["nodes"]) == set(begin["nodes"]) for event in frames)
    assert [event["t"] for event in stored if event["kind"] == "bucket"][:6] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    assert any(event["kind"] == "note" and event["what"] == "crash" for event in stored)
    assert stored[-2]["verdict"] == "valid"


def test_a_run_is_kept_and_can_be_looked_at(studio, stored):
    """The list has it, its page has results, scenario and what the viewer draws, and its report is a file to save."""
    run = stored[-2]["run"]
    rows = studio.get("/api/runs")["runs"]
    assert [row["id"] for row in rows if row["id"] == run] == [run]
    shown = studio.get(f"/api/runs/{run}")
    assert shown["results"]["seed"] == 3
    assert shown["scenario"]["system"] == "rumor"
    assert len(shown["view"]["trace"]["t"]) > 100
    status, headers, body = studio.ask("GET", f"/api/runs/{run}/report")
    assert status == 200
    assert headers["content-disposition"].startswith("attachment;")
    assert body.startswith(b"<!doctype html>")


def test_a_page_that_comes_late_gets_what_it_missed(studio, stored):
    """With the place of the last event it had, the rest follows and nothing twice."""
    job = studio.post("/api/runs", RUN)["job"]
    first = studio.events(job)
    again = studio.events(job)
    told = [event for event in first if event["kind"] != "frame"]
    assert [event for event in again if event["kind"] != "frame"] == told
    assert told[-2]["verdict"] == stored[-2]["verdict"]
    assert [event for event in studio.events(job, after=3) if event["kind"] != "frame"] == told[3:]


def test_a_run_is_held_goes_on_and_is_cancelled(studio):
    """Held, virtual time stands still; at another speed it goes on; cancelled in the middle it keeps nothing."""
    before = len(studio.get("/api/runs")["runs"])
    job = studio.post("/api/runs", RUN | {"for_s": 300, "speed": 2})["job"]
    now = lambda: studio.events(job, until="frame")[-1]["now"]  # noqa: E731
    now()
    studio.post(f"/api/jobs/{job}/pace", {"paused": True})

    def stands_still():
        before = now()
        time.sleep(0.4)  # several pictures long at this speed
        return now() == before

    assert wait_until(stands_still)
    held = now()
    assert studio.post(f"/api/jobs/{job}/pace", {"speed": 50, "paused": False}) == {"speed": 50.0, "paused": False}
    assert wait_until(lambda: now() > held)
    studio.post(f"/api/jobs/{job}/cancel")
    assert studio.events(job)[-1] == {"kind": "end", "state": "cancelled"}
    assert len(studio.get("/api/runs")["runs"]) == before


def test_only_so_many_jobs_at_a_time(studio):
    """The fifth is refused with what to do, and ends nothing."""
    slow = RUN | {"for_s": 300, "speed": 1}
    jobs = [studio.post("/api/runs", slow)["job"] for _ in range(4)]
    status, _, body = studio.ask("POST", "/api/runs", slow)
    assert status == 400
    assert "cancel" in json.loads(body)["error"]
    assert len(studio.get("/api/jobs")["jobs"]) == 4
    for job in jobs:
        studio.post(f"/api/jobs/{job}/cancel")
    assert studio.get("/api/jobs") == {"jobs": []}


# --- School ---


def test_a_lab_is_started_checked_and_helped_with(studio):
    """It begins in the folder that the command line named, and only once; the starter fails with its story; a hint is noted."""
    assert studio.get("/api/labs/two-nodes")["state"] is None
    assert studio.ask("POST", "/api/labs/two-nodes/check", {})[0] == 400
    assert studio.ask("GET", "/api/labs/two-nodes/solution")[0] == 400
    state = studio.post("/api/labs/two-nodes/start")["state"]
    assert Path(state["folder"]) == studio.labs / "two-nodes"
    assert studio.ask("POST", "/api/labs/two-nodes/start", {})[0] == 400
    events = studio.events(studio.post("/api/labs/two-nodes/check")["job"])
    bad = next(event for event in events if event["kind"] == "check" and event["verdict"] == "failed")
    assert bad["message"]
    assert bad["seed"] is not None
    assert bad["view"]["trace"]["t"]
    report = next(event for event in events if event["kind"] == "report")
    assert (report["verdict"], report["passed"]) == ("failed", False)
    assert studio.post("/api/labs/two-nodes/hint", {"check": bad["name"], "level": 1})["text"]
    assert studio.get("/api/labs/two-nodes")["state"]["hints"]
    assert studio.get("/api/labs/two-nodes/source")["text"] == Path(state["file"]).read_text()
    assert studio.ask("GET", "/api/labs/two-nodes/solution")[0] == 400
    assert studio.get("/api/home")["recent"][0] | {"at": ""} == {
        "item": "lab:two-nodes",
        "at": "",
        "verdict": "failed",
        "title": "Two nodes and a delay",
        "href": "/lab/two-nodes",
    }


def test_a_watched_lab_is_checked_again_and_ends_with_its_page(studio):
    """A saved file is checked at once; when no page follows any more, the grader goes."""
    if studio.get("/api/labs/two-nodes")["state"] is None:
        studio.post("/api/labs/two-nodes/start")
    job = studio.post("/api/labs/two-nodes/check", {"watch": True})["job"]
    studio.events(job, until="report")
    file = studio.labs / "two-nodes" / "two_nodes.py"
    file.write_text(file.read_text() + "\n")
    told = [event["kind"] for event in studio.events(job, until="changed")]
    assert "changed" in told
    assert wait_until(lambda: studio.get("/api/jobs") == {"jobs": []}, limit_s=30)


def test_a_lesson_is_answered_before_it_is_run(studio):
    """A wrong answer costs nothing; a run before its question is refused; the words of a command are never the page's."""
    lesson = studio.get("/api/lessons/what-is-distributed")["lesson"]
    assert not any({"answer", "why", "proof"} & set(block) for block in lesson["blocks"] if block["type"] == "question")
    question = next(block for block in lesson["blocks"] if block["type"] == "question")
    step = next(block for block in lesson["blocks"] if block["type"] == "try")
    early = studio.events(studio.post("/api/lessons/what-is-distributed/try", {"step": step["id"]})["job"])
    assert "predict first" in next(event["text"] for event in early if event["kind"] == "error")
    graded = [
        studio.post("/api/lessons/what-is-distributed/answer", {"question": question["id"], "given": at})["right"]
        for at in range(len(question["choices"]))
    ]
    assert graded.count(True) == 1
    assert studio.ask("POST", "/api/lessons/what-is-distributed/try", {"step": "try-1; rm -rf /"})[0] == 400
    done = next(
        event
        for event in studio.events(studio.post("/api/lessons/what-is-distributed/try", {"step": step["id"]})["job"])
        if event["kind"] == "done"
    )
    assert done["right"], done


def test_a_calculator_answers_and_refuses(studio):
    """Texts with units are read; what is outside the domain is said with the domain."""
    answer = studio.post("/api/calculators/mmc", {"values": {"arrivals": "80/s", "service": "12/s", "servers": "8"}})
    assert answer["result"]["outputs"]
    assert answer["tornado"]["bars"]
    refused = studio.post("/api/calculators/mmc", {"values": {"arrivals": "80 apples"}})["refused"]
    assert refused.startswith("arrivals:")
    assert "load" in studio.post("/api/calculators/mmc", {"values": {"arrivals": "800/s"}})["refused"]
    assert studio.ask("POST", "/api/calculators/mmc", {"values": {"arrivals": {"a": 1}}})[0] == 400


def test_a_decision_is_walked_by_its_choices(studio):
    """A walk that ends is graded against its case; one that does not end, or leads nowhere, is refused."""
    tree = studio.get("/api/decisions/retry")
    assert "leaf" not in json.dumps(tree["cases"])
    assert studio.post("/api/decisions/retry/walk", {"answers": [0, 0], "case": tree["cases"][0]["id"]})["right"] in (True, False)
    for answers in ([], [9], ["x"], [-1], "0"):
        assert studio.ask("POST", "/api/decisions/retry/walk", {"answers": answers})[0] == 400


def test_the_catalogue_has_everything_with_an_address(studio):
    """Systems, labs, calculators, lessons, decisions, safeguards and models; each leads somewhere."""
    rows = studio.get("/api/catalogue")["rows"]
    assert {row["kind"] for row in rows} == {"system", "lab", "safeguard", "calculator", "lesson", "decision", "model"}
    assert all(row["href"].startswith("/") and row["title"] for row in rows)


def test_a_path_is_chosen(studio):
    """The choice is kept in the learner's settings, and home follows it."""
    assert studio.post("/api/paths/beginner/start") == {"path": "beginner"}
    assert studio.get("/api/home")["path"]["chosen"]
    assert studio.ask("POST", "/api/paths/no-such/start", {})[0] == 404


def test_a_path_is_proposed_by_what_is_solved(studio):
    """Answers are graded and kept; nothing solved leads to the first path, and a goal must exist."""
    asked = studio.get("/api/placement")
    assert {goal["id"] for goal in asked["goals"]} >= {"foundation", "leadership"}
    assert not any({"answer", "why"} & set(row) for row in asked["exercises"])
    found = studio.post("/api/placement", {"goal": "design", "answers": {"majority": "4"}, "hours_per_week": 4})
    assert found["results"] == {"majority": False}
    assert found["chosen"]["path"] == "beginner"
    assert studio.post("/api/placement", {"goal": "foundation", "answers": {}, "codes": False})["chosen"]["path"] == "leader"
    for wrong in ({"goal": "fame", "answers": {}}, {"goal": "design", "answers": []}, {"goal": "design", "answers": {"x": "1"}}):
        assert studio.ask("POST", "/api/placement", wrong)[0] == 400


def test_a_prediction_is_made_without_an_editor(studio):
    """It goes into the answer's file of that lab and no other, keeps the reason written there, and is graded like any."""
    name = "two-phase-commit~log_before_announce"
    assert studio.ask("POST", f"/api/labs/{name}/predict", {"promise": "agreement"})[0] == 400
    state = studio.post(f"/api/labs/{name}/start")["state"]
    file = Path(state["file"])
    file.write_text(file.read_text().replace('because = ""', 'because = "I think so"'))
    promises = [row["name"] for row in studio.get(f"/api/labs/{name}")["promises"]]
    assert studio.ask("POST", f"/api/labs/{name}/predict", {"promise": '"]\nx = "'})[0] == 400
    studio.post(f"/api/labs/{name}/predict", {"promise": promises[0]})
    assert f'breaks = "{promises[0]}"' in file.read_text()
    assert 'because = "I think so"' in file.read_text()
    assert studio.get("/api/labs/two-nodes")["promises"] == []
    assert studio.ask("POST", "/api/labs/two-nodes/predict", {"promise": "agreement"})[0] == 400


def test_damaged_files_of_the_learner_are_said(studio):
    """A broken log keeps the rest and says where; broken settings are a sentence; mended files are read again at once."""
    log, settings = studio.home / "progress.jsonl", studio.home / "settings.toml"
    studio.post("/api/placement", {"goal": "design", "answers": {"majority": "4"}})
    whole, kept = log.read_bytes(), settings.read_bytes() if settings.exists() else None
    log.write_bytes(whole + b"{torn\n")
    assert "is not JSON" in studio.get("/api/home")["problems"][0]
    log.write_bytes(whole)
    assert studio.get("/api/home")["problems"] == []
    settings.write_text("this is = = no TOML")
    status, _, body = studio.ask("GET", "/api/home")
    assert status == 400
    assert "mend it or delete it" in json.loads(body)["error"]
    settings.unlink()
    if kept is not None:
        settings.write_bytes(kept)
    assert studio.get("/api/home")["path"]
