"""The page in a real browser: it draws, it can be used by keyboard alone, and it is silent on the network and the console."""

import pytest

from windtunnel.histories import Operation

pytestmark = pytest.mark.slow

DECK = "#timeline-deck"
HOSTILE = "</script><script>window.hit = 1</script><img src=x onerror='window.hit = 2'>"


def pixels(seen, canvas=f"{DECK} canvas"):
    """The drawing as a data URL: equal if and only if it looks the same."""
    return seen.page.evaluate(f"document.querySelector('{canvas}').toDataURL()")


def shown(seen):
    return seen.page.inner_text(f"{DECK} [data-range]")


def said(seen):
    return seen.page.inner_text(f"{DECK} [data-readout]")


def press(seen, *keys):
    seen.page.focus(f"{DECK} .surface")
    for key in keys:
        seen.page.keyboard.press(key)
    seen.settle()


def test_both_drawings_are_drawn(visit, invalid):
    """The canvases are not blank."""
    seen = visit(invalid)
    for canvas in (f"{DECK} canvas", ".wt-viewer .surface canvas"):
        ink = seen.page.evaluate(
            f"""(() => {{ const c = document.querySelector('{canvas}');
            const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;
            for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n / (c.width * c.height); }})()"""
        )
        assert ink > 0.02


def test_the_keyboard_moves_and_zooms(visit, invalid):
    """+ shows less, arrows shift, Home shows everything, - cannot show more than everything."""
    seen = visit(invalid)
    press(seen, "Home")
    whole, drawn = shown(seen), pixels(seen)
    press(seen, "+", "+")
    near = shown(seen)
    assert near != whole
    assert pixels(seen) != drawn
    press(seen, "ArrowRight")
    assert shown(seen) != near
    press(seen, "Home")
    assert (shown(seen), pixels(seen)) == (whole, drawn)
    press(seen, "-")
    assert shown(seen) == whole


@pytest.mark.campaign
def test_tab_walks_the_events_of_note_and_leaves(visit, invalid):
    """Every fault, marked operation and the violation is announced in order; after the last, Tab goes on to the page."""
    seen = visit(invalid)
    heard = []
    seen.page.focus(f"{DECK} .surface")
    for _ in range(12):
        seen.page.keyboard.press("Tab")
        heard.append(said(seen))
        if not heard[-1]:
            break
    assert heard[0].startswith("partition halves")
    assert any(text.startswith("c1.2: read x -> 3") and text.endswith("shows the violation") for text in heard)
    assert heard[-2].startswith("Violation at 19.731")
    assert heard[-1] == ""
    assert not seen.page.evaluate(f"document.activeElement.matches('{DECK} .surface')")


@pytest.mark.campaign
def test_escape_lets_go(visit, invalid):
    """After Escape nothing is selected and the next Tab leaves: the drawing is no trap."""
    seen = visit(invalid)
    press(seen, "Tab", "Escape")
    assert said(seen) == ""
    seen.page.keyboard.press("Tab")
    assert not seen.page.evaluate("document.activeElement.matches('.surface')")


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
    assert said(seen).startswith(found.split("\n")[0])


@pytest.mark.campaign
def test_wheel_zooms_only_with_control(visit, invalid):
    """A page scrolls with the wheel; a drawing must not swallow that."""
    seen = visit(invalid)
    seen.page.locator("#timeline-deck .surface").hover()
    before = shown(seen)
    seen.page.mouse.wheel(0, -200)
    press(seen)
    assert shown(seen) == before
    seen.page.locator("#timeline-deck .surface").hover()
    seen.page.keyboard.down("Control")
    seen.page.mouse.wheel(0, -200)
    seen.page.keyboard.up("Control")
    press(seen)
    assert shown(seen) != before


@pytest.mark.campaign
def test_dark_and_light_are_drawn_in_their_own_colours(visit, invalid):
    """The scheme of the reader decides, for the page and for both drawings."""
    light, dark = visit(invalid, color_scheme="light"), visit(invalid, color_scheme="dark")
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    assert light.page.evaluate(paper) == "rgb(251, 251, 249)"
    assert dark.page.evaluate(paper) == "rgb(20, 23, 26)"
    for canvas in (f"{DECK} canvas", ".wt-viewer .surface canvas"):
        assert pixels(light, canvas) != pixels(dark, canvas)


@pytest.mark.campaign
def test_paper_is_white(visit, invalid):
    """Before printing the drawings are painted in the light colours, afterwards in the reader's again."""
    seen = visit(invalid, color_scheme="dark")
    canvases = (f"{DECK} canvas", ".wt-viewer .surface canvas")
    drawn = [pixels(seen, canvas) for canvas in canvases]
    seen.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert all(pixels(seen, canvas) != before for canvas, before in zip(canvases, drawn, strict=True))
    seen.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert [pixels(seen, canvas) for canvas in canvases] == drawn


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
    for key in ("]", "[", "t"):
        seen.page.focus(".wt-viewer .surface")
        seen.page.keyboard.press(key)
    assert HOSTILE in seen.page.inner_text(".wt-viewer [data-readout]")
    assert HOSTILE in seen.page.inner_text(".wt-viewer .scroller table")
    assert seen.page.evaluate("window.hit") is None


@pytest.mark.campaign
def test_a_run_without_a_trace_has_one_drawing(visit, valid):
    """What was not recorded is not drawn, and nothing fails for want of it."""
    seen = visit(valid)
    assert seen.page.locator(".surface").count() == 1
    assert not seen.page.is_visible("#timeline-deck [data-do=focus]")


@pytest.mark.campaign
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
    assert "step" in shown(seen)
    assert "step" in seen.page.inner_text(".wt-viewer .clock")


@pytest.mark.campaign
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
    whole = shown(seen)
    press(seen, "+", "+", "ArrowRight")
    assert shown(seen) != whole


def test_the_replay_line_can_be_copied(visit, invalid):
    """The button says that it worked: the clipboard holds the line, or the line is selected."""
    seen = visit(invalid)
    seen.page.click("[data-copy=replay]")
    seen.until("document.querySelector('[data-copy=replay]').textContent !== 'Copy'")
    assert seen.page.inner_text("[data-copy=replay]") in ("Copied", "Selected")
