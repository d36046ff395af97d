"""The page as a document: whole, self-contained, and deaf to what strangers wrote into a history."""

import json
import re
from html.parser import HTMLParser

import pytest

from windtunnel.histories import History, Operation
from windtunnel.reports import render

VOID = {"meta", "link", "br", "hr", "img", "input", "path", "circle"}
HOSTILE = "</script><script>window.hit = 1</script><img src=x onerror='window.hit = 2'>\"'&é"


class Page(HTMLParser):
    """Elements, texts and attributes of a page; fails on elements that do not nest."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.texts = [], [], {}
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    def text(self):
        return " ".join(t for tag, texts in self.texts.items() if tag not in ("script", "style") for t in texts)


def page_of(run):
    return Page(render(run.results, run.history, run.trace))


@pytest.mark.parametrize("kind", ["invalid", "valid", "unknown"])
def test_the_page_is_well_formed(kind, request):
    """Elements nest, ids are unique, labels point at something, and every section has a heading."""
    page = page_of(request.getfixturevalue(kind))
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in page.elements:
        for name in ("aria-labelledby", "aria-describedby", "data-copy"):
            assert attrs.get(name) is None or attrs[name] in ids
    assert len(page.texts["h1"]) == 1
    assert len(page.texts["h2"]) == len(page.all("section"))


def test_the_page_asks_nobody_for_anything(invalid):
    """No element refers to anything outside the file, and a policy forbids what a script might try."""
    text = render(invalid.results, invalid.history, invalid.trace)
    page = Page(text)
    for tag, attrs in page.elements:
        for name in ("src", "href", "action", "srcset", "poster", "data"):
            if name in attrs:
                assert attrs[name].startswith(("#", "data:")), f"<{tag} {name}={attrs[name][:60]}>"
    assert not re.search(
        r"@import|url\((?!#)|https?://(?!www\.w3\.org/2000/svg)", "".join(page.texts["style"] + page.texts["script"])
    )
    policy = next(attrs["content"] for attrs in page.all("meta") if attrs.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]


def test_the_verdict_is_a_word_an_icon_and_a_colour(invalid, valid, unknown):
    """Nobody needs to see the colour: the word is the heading and the title."""
    for run, word in ((invalid, "Invalid"), (valid, "Valid"), (unknown, "Unknown")):
        page = page_of(run)
        assert page.texts["h1"] == [word]
        assert page.texts["title"][0].startswith(f"{word}: ")
        assert any(attrs.get("class") == "seal" for attrs in page.all("svg"))
    assert "ran out of its budget" in page_of(unknown).text()


def test_the_violation_is_told(invalid):
    """Promise with its source, evidence, operations, cause, safeguard with its section, replay line."""
    text = page_of(invalid).text()
    for part in (
        "linearizability",
        "Herlihy & Wing 1990",
        "nobody wrote 3 again",
        "read x -> 3",
        "isolate the leader",
        "read_index_confirmed",
        "Ongaro 2014 (thesis), 6.4",
        "--without read_index_confirmed",
    ):
        assert part in text
    assert "What broke" not in page_of_valid_text(invalid)


def page_of_valid_text(run):
    return Page(render({**run.results, "verdict": "valid", "violation": None}, run.history)).text()


def test_drawings_have_a_text_alternative(invalid):
    """The timeline is labelled, explains its keys, and has a table; the events stand in one for who runs no script."""
    page = page_of(invalid)
    surfaces = [attrs for _, attrs in page.elements if attrs.get("class") == "surface"]
    assert len(surfaces) == 1  # the viewer makes its own, with a table beside it: tested in a browser
    assert all(attrs["tabindex"] == "0" and attrs["aria-label"] and attrs["aria-describedby"] for attrs in surfaces)
    alternatives = [attrs for attrs in page.all("details") if attrs.get("class") == "alternative"]
    assert len(alternatives) == 2
    assert all(attrs["scope"] in ("col", "row") for attrs in page.all("th"))
    assert "AppendEntries(term=3" in page.text()


def test_values_of_strangers_are_text(invalid):
    """Markup in any value of results, history or trace is shown, never obeyed."""
    run = invalid
    run.history.operations[-1].result = HOSTILE
    run.history.operations[-1].key = HOSTILE
    run.history.operations[-2].error = HOSTILE
    for row in run.trace:
        row["text"] = HOSTILE
    run.results["nodes"][0] = run.results["clients"][0] = HOSTILE
    for name in ("system", "title", "why", "seed", "fingerprint", "windtunnel", "python", "replay", "kernel", "policy"):
        run.results[name] = HOSTILE
    run.results["notes"] = [HOSTILE]
    run.results["scenario"] = {HOSTILE: HOSTILE}
    run.results["checker"] = dict.fromkeys(("model", "promise", "verdict", "why"), HOSTILE)
    run.results["properties"] = [dict.fromkeys(("name", "kind", "statement", "status"), HOSTILE)]
    run.results["faults"] = [{"at_s": 1.0, "until_s": None, "verb": HOSTILE, "text": HOSTILE, "args": {}}]
    run.results["violation"].update(
        dict.fromkeys(("property", "statement", "source", "node", "evidence", "door", "safeguard", "rule"), HOSTILE),
        text=[HOSTILE],
    )
    page = page_of(run)
    assert len(page.all("script")) == 2
    assert page.all("img") == []
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    data = json.loads(page.texts["script"][0])
    assert HOSTILE in data["trace"]["texts"]
    assert page.text().count("window.hit = 1") > 20


def test_a_history_that_is_not_unicode_can_be_written():
    """A lone surrogate, as a broken decoder leaves it, becomes a replacement character, not an error at writing."""
    op = Operation(0, "c1", "write", "x", "\ud800", "ok", invoked_s=0.0, completed_s=1.0)
    render({"verdict": "valid", "title": "\ud800", "ops": {"total": 1}}, History([op])).encode("utf-8")


def test_little_is_needed():
    """The verdict on a file of operations has no nodes, faults, seed or trace: those parts are simply absent."""
    op = Operation(0, 0, "write", None, 1, "ok", invoked_s=0.0, completed_s=1.0)
    page = Page(
        render({"verdict": "valid", "ops": {"total": 1, "ok": 1}, "checker": {"model": "register"}}, History([op], timed=False))
    )
    assert page.texts["h2"] == ["What was promised", "Operations over time", "Environment"]
    Page(render({"verdict": "unknown"}))


def test_the_same_run_gives_the_same_page(invalid):
    """A report has no time, no random id and no order of a set in it."""
    assert render(invalid.results, invalid.history, invalid.trace) == render(invalid.results, invalid.history, invalid.trace)


def test_the_scenario_is_toml(invalid):
    """What is shown can be saved as a file and run."""
    import tomllib

    page = page_of(invalid)
    shown = next(text for text in page.texts["pre"] if "system =" in text)
    assert tomllib.loads(shown)["plan"][0]["verb"] == "cut"
