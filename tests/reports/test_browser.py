"""The page in a real browser: it draws, it can be used by keyboard alone, and it is silent on the network and the console."""

import os
import shutil
from importlib.resources import files

import pytest

from windtunnel.histories import Operation
from windtunnel.reports import render
from windtunnel.reports.embed import data_of, trace_window
from windtunnel.reports.exports import senders

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: the page was not opened in a browser")

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = "</script><script>window.hit = 1</script><img src=x onerror='window.hit = 2'>"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser():
    """One chromium for all tests here; skipped, with the reason printed, where there is none."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium on the PATH (or in CHROMIUM): the page was not opened in a browser")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield started
        started.close()


class Visit:
    """An open page, and everything it complained about or asked for."""

    def __init__(self, browser, file, **context):
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.complaints, self.requests = [], []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())
        self.page.wait_for_function("document.querySelector('#timeline-deck [data-range]').textContent !== ''")

    def pixels(self, deck):
        """The drawing as a data URL: equal if and only if it looks the same."""
        return self.page.evaluate(f"document.querySelector('#{deck}-deck canvas').toDataURL()")

    def range(self, deck):
        return self.page.inner_text(f"#{deck}-deck [data-range]")

    def said(self, deck):
        return self.page.inner_text(f"#{deck}-deck [data-readout]")

    def press(self, deck, *keys):
        self.page.focus(f"#{deck}-deck .surface")
        for key in keys:
            self.page.keyboard.press(key)
        # Two frames: the first draws what the keys asked for.
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


@pytest.fixture
def visit(browser, tmp_path):
    """Opens a page for a run; afterwards nothing but the file itself may have been asked for, and nothing complained about."""
    visits = []

    def opened(run, **context):
        file = tmp_path / f"report{len(visits)}.html"
        file.write_text(render(run.results, run.history, run.trace), encoding="utf-8")
        visits.append(Visit(browser, file, **context))
        return visits[-1]

    yield opened
    for each in visits:
        each.context.close()
        assert each.complaints == []
        assert [url for url in each.requests if not url.startswith("data:")] == [each.requests[0]]
        assert each.requests[0].startswith("file://")


def test_both_drawings_are_drawn(visit, invalid):
    """The canvases are not blank, and say what they show."""
    seen = visit(invalid)
    for deck in ("timeline", "spacetime"):
        ink = seen.page.evaluate(
            f"""(() => {{ const c = document.querySelector('#{deck}-deck canvas');
            const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;
            for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n / (c.width * c.height); }})()"""
        )
        assert ink > 0.02
    assert "of 822 events" in seen.range("spacetime")


@pytest.mark.parametrize("deck", ["timeline", "spacetime"])
def test_the_keyboard_moves_and_zooms(visit, invalid, deck):
    """+ shows less, arrows shift, Home shows everything, - cannot show more than everything."""
    seen = visit(invalid)
    seen.press(deck, "Home")
    whole, drawn = seen.range(deck), seen.pixels(deck)
    seen.press(deck, "+", "+")
    near = seen.range(deck)
    assert near != whole
    assert seen.pixels(deck) != drawn
    seen.press(deck, "ArrowRight")
    assert seen.range(deck) != near
    seen.press(deck, "Home")
    assert (seen.range(deck), seen.pixels(deck)) == (whole, drawn)
    seen.press(deck, "-")
    assert seen.range(deck) == whole


def test_tab_walks_the_events_of_note_and_leaves(visit, invalid):
    """Every fault, marked operation and the violation is announced in order; after the last, Tab goes on to the page."""
    seen = visit(invalid)
    said = []
    seen.page.focus("#timeline-deck .surface")
    for _ in range(12):
        seen.page.keyboard.press("Tab")
        said.append(seen.said("timeline"))
        if not said[-1]:
            break
    assert said[0].startswith("partition halves")
    assert any(text.startswith("c1.2: read x -> 3") and text.endswith("shows the violation") for text in said)
    assert said[-2].startswith("Violation at 19.731")
    assert said[-1] == ""
    assert not seen.page.evaluate("document.activeElement.matches('#timeline-deck .surface')")


def test_escape_lets_go(visit, invalid):
    """After Escape nothing is selected and the next Tab leaves: the drawing is no trap."""
    seen = visit(invalid)
    seen.press("spacetime", "Tab", "Escape")
    assert seen.said("spacetime") == ""
    seen.page.keyboard.press("Tab")
    assert not seen.page.evaluate("document.activeElement.matches('.surface')")


def test_brackets_walk_every_event(visit, invalid):
    """From the violation back, event by event; a message says from whom, to whom and how long."""
    seen = visit(invalid)
    seen.press("spacetime", "Shift+Tab")
    seen.page.check("#past")
    assert "violation on n1" in seen.said("spacetime")
    seen.press("spacetime", "[", "[", "[")
    assert " to n" in seen.said("spacetime")
    assert " ms" in seen.said("spacetime")


def test_the_causal_past_is_dimmed_around(visit, invalid):
    """Choosing to see only what led to the violation changes the drawing; undoing it brings it back."""
    seen = visit(invalid)
    seen.press("spacetime", "]")
    drawn = seen.pixels("spacetime")
    seen.page.check("#past")
    assert seen.pixels("spacetime") != drawn
    seen.page.uncheck("#past")
    assert seen.pixels("spacetime") == drawn


def causal_past(rows, item):
    """Happens-before by its definition: the events of a node in order, and every message from its sending to its arrival."""
    sent_in = senders(rows)
    past, todo = set(), [item]
    while todo:
        at = todo.pop()
        if at < 0 or at in past:
            continue
        past.add(at)
        earlier = [i for i in range(at) if rows[i].get("node") and rows[i].get("node") == rows[at].get("node")]
        todo += [max(earlier, default=-1), sent_in[at]]
    return past


def in_the_drawing(browser, run, expression):
    """The value of an expression about `s`, the object that draws the messages of a run."""
    source = "".join((files("windtunnel.reports") / "static" / name).read_text() for name in ("view.js", "spacetime.js"))
    data = data_of(run.results, run.history, trace_window(run.results, run.history, run.trace))
    page = browser.new_page()
    value = page.evaluate(f"{source}; (data) => {{ const s = new Spacetime(data); return {expression}; }}", data)
    page.close()
    return value


def test_the_causal_past_is_what_happened_before(browser, invalid):
    """The drawing's own computation gives, for every tenth event, exactly the events that happened before it."""
    tenth = "s.all().filter((i) => i % 10 === 0)"
    found = in_the_drawing(browser, invalid, f"{tenth}.map((i) => (s.chosen(i), [i, [...s.past]]))")
    rows = trace_window(invalid.results, invalid.history, invalid.trace).rows
    assert len(found) > 80
    for item, past in found:
        assert sorted(past) == sorted(causal_past(rows, item))


def test_lifelines_know_who_is_down_and_who_leads(browser, invalid):
    """From crash to start a node is down; it leads until another does, or to the end."""
    stretches = in_the_drawing(browser, invalid, "s.stretches.map((x) => [s.data.trace.names[x.node], x.what, x.from, x.to])")
    kinds = [(row["kind"], row["node"]) for row in invalid.trace]
    last = len(kinds) - 1
    down = ["n5", "down", kinds.index(("crash", "n5")), kinds.index(("start", "n5"))]
    assert sorted(stretches) == [["n3", "leading", kinds.index(("leader", "n3")), last], down]


def test_the_axis_can_be_order(visit, invalid):
    """By order the same events stay in view, each with the same room."""
    seen = visit(invalid)
    drawn = seen.pixels("spacetime")
    seen.page.check("input[value=order]")
    assert seen.pixels("spacetime") != drawn
    assert seen.range("spacetime").endswith("events")
    assert " s" not in seen.range("spacetime").split("of")[0]


def test_kinds_of_messages_can_be_hidden(visit, invalid):
    """A button per kind, pressed while it is shown."""
    seen = visit(invalid)
    drawn = seen.pixels("spacetime")
    button = seen.page.locator("#kinds button").first
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert seen.pixels("spacetime") != drawn


def test_the_pointer_finds_what_is_drawn(visit, invalid):
    """Hovering an operation shows it; a click selects it for the readout."""
    seen = visit(invalid)
    seen.page.click("#timeline-deck [data-do=focus]")
    box = seen.page.locator("#timeline-deck .surface").bounding_box()
    found = ""
    for step in range(40, 400, 4):
        seen.page.mouse.move(box["x"] + box["width"] * step / 400, box["y"] + 70)
        if seen.page.is_visible("#tip"):
            found = seen.page.inner_text("#tip")
            break
    assert "c1." in found
    seen.page.mouse.down()
    seen.page.mouse.up()
    assert seen.said("timeline").startswith(found.split("\n")[0])


def test_wheel_zooms_only_with_control(visit, invalid):
    """A page scrolls with the wheel; a drawing must not swallow that."""
    seen = visit(invalid)
    seen.page.locator("#timeline-deck .surface").hover()
    before = seen.range("timeline")
    seen.page.mouse.wheel(0, -200)
    seen.press("timeline")
    assert seen.range("timeline") == before
    seen.page.locator("#timeline-deck .surface").hover()
    seen.page.keyboard.down("Control")
    seen.page.mouse.wheel(0, -200)
    seen.page.keyboard.up("Control")
    seen.press("timeline")
    assert seen.range("timeline") != before


def test_dark_and_light_are_drawn_in_their_own_colours(visit, invalid):
    """The scheme of the reader decides, for the page and for both drawings."""
    light, dark = visit(invalid, color_scheme="light"), visit(invalid, color_scheme="dark")
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    assert light.page.evaluate(paper) == "rgb(251, 251, 249)"
    assert dark.page.evaluate(paper) == "rgb(20, 23, 26)"
    for deck in ("timeline", "spacetime"):
        assert light.pixels(deck) != dark.pixels(deck)


def test_paper_is_white(visit, invalid):
    """Before printing the drawings are painted in the light colours, afterwards in the reader's again."""
    seen = visit(invalid, color_scheme="dark")
    drawn = seen.pixels("spacetime")
    seen.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert seen.pixels("spacetime") != drawn
    seen.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert seen.pixels("spacetime") == drawn


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_is_wider_than_the_window(visit, invalid, width):
    """At the width of a telephone tables scroll by themselves; the page does not."""
    invalid.results["replay"] += " --option" * 30
    seen = visit(invalid, viewport={"width": width, "height": 800})
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_values_of_strangers_do_nothing(visit, invalid):
    """Markup in a history is neither run nor loaded, in the text or in a tooltip."""
    invalid.history.operations[-1].result = HOSTILE
    for row in invalid.trace:
        row["text"] = HOSTILE
    invalid.results["violation"]["evidence"] = HOSTILE
    seen = visit(invalid)
    seen.press("spacetime", "]", "]")
    assert HOSTILE in seen.said("spacetime")
    assert seen.page.evaluate("window.hit") is None


def test_a_run_without_a_trace_has_one_drawing(visit, valid):
    """What was not recorded is not drawn, and nothing fails for want of it."""
    seen = visit(valid)
    assert seen.page.locator(".surface").count() == 1
    assert not seen.page.is_visible("#timeline-deck [data-do=focus]")


def test_a_stage_is_drawn_in_steps(visit, invalid):
    """Where no clock runs, the axis of messages is their order, and there is no latency."""
    invalid.results["world"] = "stage"
    for i, row in enumerate(invalid.trace):
        row["t"] = float(i)
        if "sent" in row:
            row["sent"] = max(0.0, i - 3.0)
    invalid.results["violation"]["at_s"] = invalid.trace[-1]["t"]
    seen = visit(invalid)
    assert seen.page.is_checked("input[value=order]")
    assert "step" in seen.range("timeline")


def test_a_hundred_thousand_operations_can_be_moved(visit, valid):
    """A long run opens, and a key still changes what is seen."""
    valid.history.operations[:] = [
        Operation(
            i,
            f"c{i % 5 + 1}.1",
            "read",
            f"k{i % 5}",
            None,
            "ok",
            result=i % 100,
            invoked_s=i * 0.01,
            completed_s=i * 0.01 + 0.009,
        )
        for i in range(100_000)
    ]
    seen = visit(valid)
    whole = seen.range("timeline")
    seen.press("timeline", "+", "+", "ArrowRight")
    assert seen.range("timeline") != whole


def test_the_replay_line_can_be_copied(visit, invalid):
    """The button says that it worked: the clipboard holds the line, or the line is selected."""
    seen = visit(invalid)
    seen.page.click("[data-copy=replay]")
    seen.page.wait_for_function("document.querySelector('[data-copy=replay]').textContent !== 'Copy'")
    assert seen.page.inner_text("[data-copy=replay]") in ("Copied", "Selected")
