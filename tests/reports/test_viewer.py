"""The trace viewer in a real browser: time travel, states, cones, filters, links, keys, export, table, forks."""

import itertools
import json
import shlex
import xml.etree.ElementTree as ET

import pytest

from windtunnel.cli import main
from windtunnel.reports.embed import trace_window
from windtunnel.reports.exports import senders

pytestmark = pytest.mark.slow

RESTS = """new Promise((done) => {
  const found = [];
  const look = () => {
    found.push(v.position === v.painter.at(v.cursor));
    if (found.length < 8) requestAnimationFrame(look);
    else done(found);
  };
  look();
})"""
SERVER = """(
  v.options.fork = async (wanted) => { window.wanted = wanted; return 'raft-7-b'; },
  v.options.href = (id) => `#run=${id}`
)"""


class Viewer:
    """The viewer of an open page, seen and handled as a person would."""

    def __init__(self, seen):
        self.seen, self.page = seen, seen.page

    def press(self, *keys):
        self.page.focus(".wt-viewer .surface")
        for key in keys:
            self.page.keyboard.press(key)
        self.seen.settle()

    def pixels(self):
        return self.page.evaluate("document.querySelector('.wt-viewer .surface canvas').toDataURL()")

    def said(self):
        return self.page.inner_text(".wt-viewer [data-readout]")

    def asked(self, expression):
        """The value of an expression about `v`, the viewer."""
        return self.page.evaluate(f"() => {{ const v = window.windtunnel; return {expression}; }}")

    @property
    def cursor(self):
        return self.asked("v.cursor")


@pytest.fixture
def viewer(visit):
    """Opens the page of a run; gives its viewer."""
    return lambda run, **more: Viewer(visit(run, **more))


def rows_of(run):
    return trace_window(run.results, run.history, run.trace).rows


# --- Time travel ---


def test_time_travel_by_keys(viewer, invalid):
    """Arrows step both ways, brackets go between events of note, Home and End to the ends; what happened is said each time."""
    seen = viewer(invalid)
    rows = rows_of(invalid)
    violation = next(i for i, row in enumerate(rows) if row["kind"] == "violation")
    assert seen.cursor == violation  # it opens on what broke
    assert "violation on n1" in seen.said()
    seen.press("ArrowLeft", "ArrowLeft")
    assert seen.cursor == violation - 2
    before = seen.said()
    assert rows[violation - 2]["text"] in before
    seen.press("ArrowRight")
    assert seen.said() != before
    seen.press("ArrowLeft")
    assert seen.said() == before
    seen.press("[")
    assert rows[seen.cursor]["kind"] == "leader"
    seen.press("Home")
    assert seen.cursor == 0
    seen.press("]")
    assert rows[seen.cursor]["kind"] == "crash"
    seen.press("End")
    assert seen.cursor == len(rows) - 1
    seen.press("v")
    assert seen.cursor == violation


@pytest.mark.campaign
def test_space_plays_and_stops(viewer, invalid):
    """Playing moves the cursor forward on its own, faster with a dot; a second press stops it."""
    seen = viewer(invalid)
    seen.press("Home", ".", ".", ".", " ")
    seen.seen.until("window.windtunnel.cursor > 3")
    seen.press(" ")
    stopped = seen.cursor
    seen.page.wait_for_timeout(150)
    assert seen.cursor == stopped
    assert not seen.asked("v.playing")


@pytest.mark.campaign
def test_with_reduced_motion_the_cursor_rests_on_events(viewer, invalid):
    """Nothing glides for readers who asked for that."""
    seen = viewer(invalid, reduced_motion="reduce")
    seen.press("Home", ".", ".", ".", " ")
    seen.seen.until("window.windtunnel.cursor > 3")
    assert all(seen.asked(RESTS))


@pytest.mark.campaign
def test_a_chosen_node_is_stepped_alone(viewer, invalid):
    """Down chooses a lifeline; the arrows then stop at its events only; Escape lets go of it."""
    seen = viewer(invalid)
    rows = rows_of(invalid)
    seen.press("Home", "ArrowDown", "ArrowDown")
    visited = []
    for _ in range(6):
        seen.press("ArrowRight")
        visited.append(rows[seen.cursor])
    assert all("n2" in (row["node"], row.get("src"), row.get("dst")) for row in visited)
    seen.press("Escape")
    assert seen.asked("v.node") is None


@pytest.mark.campaign
def test_the_timeline_leads_the_viewer(viewer, invalid):
    """An operation chosen on the timeline takes the cursor to the moment of its invocation."""
    seen = viewer(invalid)
    seen.page.focus("#timeline-deck .surface")
    for key in ("Shift+Tab", "Tab", "Tab", "Tab", "Tab", "Tab", "Tab", "Tab"):
        seen.page.keyboard.press(key)
        said = seen.page.inner_text("#timeline-deck [data-readout]")
        if said.startswith("c1.2: read x"):
            break
    at = float(said.split("; ")[1].split(" s to")[0])
    assert abs(seen.asked("v.trace.times[v.cursor]") - at) < 0.05


# --- States ---


def test_the_state_of_a_node_is_the_sum_of_its_changes(viewer, invalid):
    """At any event, each node shows what the rows up to there have told, and nothing from before its last crash."""
    seen = viewer(invalid)
    rows = rows_of(invalid)
    told = seen.asked(
        "[100, 400, 600, v.trace.count - 1].map((i) => [i, [0, 1, 2, 3, 4].map((n) => "
        "Object.fromEntries(v.trace.state(n, i).map((f) => [f.name, f.value])))])"
    )
    for i, states in told:
        expected = {name: {} for name in ("n1", "n2", "n3", "n4", "n5")}
        for row in rows[: i + 1]:
            if row["kind"] == "crash":
                expected[row["node"]] = {}
            expected.get(row["node"], {}).update(row.get("state", {}))
        assert states == list(expected.values())


def test_what_an_event_changed_stands_beside_what_it_was(viewer, invalid):
    """The node of the event is open; its changed field shows the old value and the new one."""
    seen = viewer(invalid)
    rows = rows_of(invalid)
    earlier = {}
    for at, row in enumerate(rows):
        was = earlier.get(row["node"])
        if row.get("state") and was and was != row["state"]["commit_index"]:
            changed_at = at
            break
        if row.get("state"):
            earlier[row["node"]] = row["state"]["commit_index"]
    seen.asked(f"v.goTo({changed_at})")
    card = seen.page.locator(".wt-viewer .card.focused")
    assert row["node"] in card.locator("summary").first.inner_text()
    changed = card.locator(".changed", has_text="commit_index")
    assert changed.locator("del").inner_text() == was
    assert changed.locator("ins").inner_text() == row["state"]["commit_index"]
    seen.press("c")
    assert card.locator("summary").first.is_visible()


def test_lifelines_know_who_is_down_and_who_leads(viewer, invalid):
    """From crash to start a node is down; it leads until another does, or to the end."""
    seen = viewer(invalid)
    stretches = seen.asked("v.trace.stretches.map((x) => [v.trace.names[x.node], x.what, x.from, x.to])")
    kinds = [(row["kind"], row["node"]) for row in invalid.trace]
    down = ["n5", "down", kinds.index(("crash", "n5")), kinds.index(("start", "n5"))]
    assert sorted(stretches) == [["n3", "leading", kinds.index(("leader", "n3")), len(kinds) - 1], down]
    seen.asked(f"v.goTo({down[2] + 1})")
    assert "down" in seen.page.inner_text(".wt-viewer .nodes")


def test_what_the_network_did_is_told(viewer, invalid):
    """A message that arrives twice, one that takes very long and one that is lost are known as such, and have a key."""
    rows = invalid.trace
    twice = next(i for i, row in enumerate(rows) if row["kind"] == "deliver" and i > 20)
    rows.insert(twice + 1, {**rows[twice], "t": rows[twice]["t"] + 1e-4})
    slow = next(i for i, row in enumerate(rows) if row["kind"] == "deliver" and i > 300)
    rows[slow] = {**rows[slow], "sent": rows[slow]["t"] - 0.5}
    seen = viewer(invalid)
    odd = seen.asked("[v.trace.isRepeat, v.trace.isLate].map((found) => [...found].flatMap((is, i) => is ? [i] : []))")
    assert odd == [[twice + 1], [slow]]
    lost = seen.asked("[...v.trace.isLost].filter(Boolean).length")
    assert lost == sum("lost" in row["kind"] for row in rows)
    assert seen.page.locator(".wt-viewer .mark").all_inner_texts() == ["lost", "repeated", "late"]
    seen.asked(f"v.goTo({twice + 1})")
    assert "a repetition" in seen.said()


# --- Cones ---


def cones(rows):
    """Happens-before by its definition: the events of a node in order, and every message from its sending to its arrival."""
    sent_in = senders(rows)
    past = []
    last = {}
    for i, row in enumerate(rows):
        causes = [sent_in[i], last.get(row.get("node"), -1) if row.get("node") else -1]
        past.append({i}.union(*(past[at] for at in causes if at >= 0)))
        if row.get("node"):
            last[row["node"]] = i
    return past


def test_the_causal_cone_is_what_happened_before_and_after(viewer, invalid):
    """For every tenth event, exactly the events of Lamport's definition; the future is the past seen from the other end."""
    seen = viewer(invalid)
    tenths = "Array.from({ length: v.trace.count }, (_, i) => i).filter((i) => i % 10 === 0)"
    found = seen.asked(f"{tenths}.map((i) => [i, [...v.trace.cone(i)]])")
    past = cones(rows_of(invalid))
    assert len(found) > 80
    for item, marks in found:
        assert {i for i, mark in enumerate(marks) if mark & 1} == past[item]
        assert {i for i, mark in enumerate(marks) if mark & 2} == {i for i in range(len(past)) if item in past[i]}


@pytest.mark.campaign
def test_a_cone_dims_the_rest(viewer, invalid):
    """The key c turns past, future, both, off; each looks different, and off looks as before."""
    seen = viewer(invalid)
    seen.press("[")
    drawn = [seen.pixels()]
    for _ in range(3):
        seen.press("c")
        drawn.append(seen.pixels())
    assert len(set(drawn)) == 4
    seen.press("c")
    assert seen.pixels() == drawn[0]


# --- Filters, axis, links ---


def test_the_filter_finds_and_steps_and_lets_go(viewer, invalid):
    """/ takes the focus; words, nodes, kinds and their negation select; the arrows stop only there; Escape shows all again."""
    seen = viewer(invalid)
    rows = rows_of(invalid)
    everything = seen.pixels()
    seen.press("/")
    seen.page.keyboard.type("kind:crash")
    assert seen.page.inner_text(".wt-viewer .search [role=status]") == "1 fit"
    seen.page.keyboard.press("Enter")
    seen.page.keyboard.press("ArrowLeft")
    assert rows[seen.cursor]["kind"] == "crash"
    seen.asked("v.filterBy('node:n2 appended -kind:lost')")
    fits = set(seen.asked("[...v.matching()]"))
    ends = [(row.get("node"), row.get("src"), row.get("dst")) for row in rows]
    appended = {i for i, row in enumerate(rows) if "n2" in ends[i] and "appended" in row["text"].lower()}
    expected = {i for i in appended if "lost" not in rows[i]["kind"]}
    assert fits == expected
    assert expected
    seen.press("Escape", "v")
    assert seen.page.input_value(".wt-viewer input[type=search]") == ""
    assert seen.pixels() == everything


def test_types_of_messages_can_be_hidden(viewer, invalid):
    """A button per type, pressed while it is shown."""
    seen = viewer(invalid)
    drawn = seen.pixels()
    button = seen.page.locator(".wt-viewer .kinds button").first
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    seen.seen.settle()
    assert button.get_attribute("aria-pressed") == "false"
    assert seen.pixels() != drawn


def test_the_axis_can_be_order(viewer, invalid):
    """By order the same events stay in view, each with the same room; the cursor stays on its event."""
    seen = viewer(invalid)
    drawn, at = seen.pixels(), seen.cursor
    seen.press("o")
    assert seen.pixels() != drawn
    assert seen.cursor == at
    assert seen.page.is_checked(".wt-viewer input[value=order]")
    assert " s" not in seen.page.inner_text(".wt-viewer [data-range]").split("of")[0]


def test_a_link_leads_to_a_moment_a_node_and_an_event(viewer, invalid):
    """The address follows the cursor; opened elsewhere it shows the same; a moment alone is enough."""
    seen = viewer(invalid)
    seen.press("[", "ArrowDown", "c", "ArrowLeft")
    seen.seen.until("location.hash.includes('e=')")
    seen.press("l")
    link = seen.page.evaluate("location.hash")
    again = viewer(invalid, fragment=link)
    state = "[v.cursor, v.node, v.cone, v.link()]"
    assert again.asked(state) == seen.asked(state)
    t = rows_of(invalid)[200]["t"]
    for fragment, wanted in ((f"#t={t:.6f}", t), ("#t=&e=123456&n=nobody", rows_of(invalid)[0]["t"]), (link, None)):
        again.page.evaluate(f"location.hash = {json.dumps(fragment)}")  # as when it is typed
        again.seen.settle()
        assert wanted is None or rows_of(invalid)[again.cursor]["t"] == wanted
    assert again.cursor == seen.cursor


# --- Keyboard, table, export ---


@pytest.mark.campaign
def test_every_key_of_the_list_does_something_harmless(viewer, invalid):
    """? shows the list, Escape closes it; no key of it raises, and none is swallowed in the filter."""
    seen = viewer(invalid)
    seen.press("?")
    assert seen.page.is_visible("dialog.wt-keys")
    assert "play, pause" in seen.page.inner_text("dialog.wt-keys")
    seen.page.keyboard.press("Escape")
    assert not seen.page.is_visible("dialog.wt-keys")
    for key in (" ", " ", "ArrowUp", ",", "+", "-", "Shift+ArrowRight", "Shift+ArrowLeft", "a", "o", "o", "l", "t", "f"):
        seen.press(key)
    seen.press("/")
    seen.page.keyboard.type("cot?")
    assert seen.page.input_value(".wt-viewer input[type=search]") == "cot?"


@pytest.mark.campaign
def test_tab_reaches_every_control_and_leaves(viewer, invalid):
    """No trap: from the first button Tab comes to the drawing, to the panels below it, and out of the viewer."""
    seen = viewer(invalid)
    seen.page.focus(".wt-viewer button")
    places = []
    for _ in range(60):
        seen.page.keyboard.press("Tab")
        places.append(
            seen.page.evaluate(
                "document.activeElement.closest('.wt-viewer') ? document.activeElement.className || "
                "document.activeElement.tagName : 'out'"
            )
        )
        if places[-1] == "out":
            break
    assert "surface" in places
    assert "SUMMARY" in places
    assert places[-1] == "out"
    names = seen.page.evaluate(
        "[...document.querySelectorAll('.wt-viewer :is(button, select, input)')].filter((e) => "
        "!(e.getAttribute('aria-label') || e.textContent.trim() || e.closest('label')))"
    )
    assert names == []


def test_the_table_says_the_same(viewer, invalid):
    """The key t opens it at the cursor, a page at a time; a row leads to its event; the filter holds for it too."""
    seen = viewer(invalid)
    rows = rows_of(invalid)
    seen.press("t")
    page = seen.page
    current = page.locator(".wt-viewer tr[aria-current]")
    assert "violation" in current.inner_text()
    assert page.locator(".wt-viewer .scroller tbody tr").count() <= 100
    page.click(".wt-viewer .pages button >> text=Earlier")
    row = page.locator(".wt-viewer .scroller tbody tr").first
    number = int(row.locator("button").inner_text())
    assert rows[number]["text"] in row.inner_text()
    row.locator("button").click()
    assert seen.cursor == number
    seen.asked("v.filterBy('kind:start')")
    assert page.locator(".wt-viewer .scroller tbody tr").count() == sum(row["kind"] == "start" for row in rows)


def test_the_window_is_exported_as_svg(viewer, invalid):
    """A well-formed drawing with the names of the nodes and of messages in it, whatever they are called."""
    invalid.results["nodes"][0] = "<n&1>"
    for row in invalid.trace:
        for end in ("node", "src", "dst"):
            if row.get(end) == "n1":
                row[end] = "<n&1>"
    seen = viewer(invalid)
    with seen.page.expect_download() as saved:
        seen.press("s")
    document = ET.parse(saved.value.path())
    texts = {element.text for element in document.iter("{http://www.w3.org/2000/svg}text")}
    assert {"<n&1>", "n5", "violation"} <= texts
    assert any(text.startswith("App") for text in texts)
    assert len(list(document.iter("{http://www.w3.org/2000/svg}path"))) > 40
    assert "NaN" not in seen.asked("v.svg()")
    seen.press("a", "s")  # more arrows than the screen draws as lines
    ET.fromstring(seen.asked("v.svg()"))


def test_a_long_trace_is_packed_and_drawn_as_an_image(viewer, invalid):
    """20,000 events open from a compressed element; all of them in view are drawn, and a click finds one of them."""
    rows = [row for row in invalid.trace if row["kind"] != "violation"]
    start, length = rows[0]["t"], rows[-1]["t"] - rows[0]["t"] + 0.01
    made = []
    for turn in itertools.count():
        shift = turn * length - start
        for row in rows:
            text = f"{row['text']} {len(made)}"
            made.append({**row, "t": row["t"] + shift, "text": text, **({"sent": row["sent"] + shift} if "sent" in row else {})})
        if len(made) > 20_000:
            break
    invalid.trace[:] = made
    invalid.results["violation"]["at_s"] = made[-2]["t"]
    seen = viewer(invalid)
    assert seen.asked("v.trace.count") == len(made) + 1
    assert seen.page.locator("#trace").count() == 0
    seen.press("a")
    assert seen.asked("v.painter.shownCount") > 8000
    assert seen.asked("v.painter.shownCount") == seen.asked("[...v.trace.isMessage].filter(Boolean).length")
    box = seen.page.locator(".wt-viewer .surface").bounding_box()
    seen.page.mouse.click(box["x"] + 300, box["y"] + box["height"] / 2)
    assert 0 < seen.cursor < len(made)


@pytest.mark.campaign
def test_an_image_counts_every_arrow_on_every_pixel(viewer, invalid):
    """Of each column, the pixels between where the line enters it and where it leaves it; the rarest type is on top."""
    seen = viewer(invalid)
    upright, slanted, outside = (10.5, 5.2, 10.7, 50.9, 2), (3.0, 60.0, 33.5, 2.0, 3), (-20.0, 10.0, 30.0, 90.0, 2)
    lines = [upright, slanted, outside, (180.0, 99.0, 260.0, 1.0, 4), (7.0, 7.0, 7.0, 7.0, 2)]
    found = seen.asked(
        f"""(() => {{ const r = v.painter.raster; r.begin(200, 100);
        for (const line of {json.dumps(lines)}) r.line(...line);
        for (let rank = 0; rank < 10; rank++) r.sum(rank);
        return [[...r.counts], [...r.tops]]; }})()"""
    )
    counts, tops = [0] * (200 * 101), [0] * (200 * 101)
    for x0, y0, x1, y1, rank in lines:
        slope = (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0
        for column in range(max(0, int(x0)), min(199, int(x1)) + 1):
            enters = y0 + (column - x0) * slope if column > x0 else y0
            leaves = y0 + (column + 1 - x0) * slope if column + 1 < x1 else y1
            for row in range(int(min(enters, leaves)), int(max(enters, leaves)) + 1):
                counts[column * 101 + row] += 1
                tops[column * 101 + row] = max(tops[column * 101 + row], rank)
    assert found == [counts, tops]


# --- Panels ---


def test_a_broken_panel_leaves_the_page_alive(viewer, invalid):
    """What fails says so in its place; stepping goes on."""
    seen = viewer(invalid)
    seen.asked("(v.nodes.waitingLine = () => { throw new Error('made up'); })")
    seen.press("ArrowLeft", "ArrowLeft")
    assert seen.page.inner_text(".wt-viewer .nodes [role=alert]") == "This panel failed: made up"
    before = seen.cursor
    seen.press("ArrowLeft")
    assert seen.cursor == before - 1


def test_fork_from_here_writes_the_command_that_runs_the_branch(viewer, tmp_path, capsys):
    """In a file there is no server: the panel writes a command line, and that command runs the branch it describes."""
    words = ["run", "raft", "--seed", "7", "--for", "3", "--faults", "crash,loss", "--trace", "--store", str(tmp_path)]
    assert main(words) == 0
    place = (tmp_path / "latest").resolve()
    seen = viewer(place / "report.html")
    plan = json.loads((place / "results.json").read_text())["scenario"]["plan"]
    seen.asked("v.goToTime(0.5)")
    at_s = round(seen.asked("v.trace.times[v.cursor]") + 1e-6, 6)
    seen.press("f")
    page = seen.page
    page.click(".wt-viewer .faults li:last-child button")
    page.select_option(".wt-viewer .add select >> nth=0", "isolate")
    page.select_option(".wt-viewer .add select >> nth=1", "n2")
    page.fill(".wt-viewer .add input >> nth=-1", "0.5")
    page.click(".wt-viewer .add button")
    command = shlex.split(page.inner_text(".wt-viewer .command code"))
    assert command[:2] == ["windtunnel", "fork"]
    assert command[2:5] == [str(place), "--at", f"{at_s:g}" if float(f"{at_s:g}") == at_s else str(at_s)]
    capsys.readouterr()
    assert main([*command[1:], "--no-store", "--json"]) == 0
    branch = json.loads(capsys.readouterr().out)
    assert branch["parent"] == {"run": str(place), "fingerprint": branch["parent"]["fingerprint"], "at_s": at_s}
    expected = [row["text"] for row in plan[:-1]]
    assert sorted(row["text"] for row in branch["scenario"]["plan"]) == sorted([*expected, "isolate n2"])


@pytest.mark.campaign
def test_fork_from_here_calls_the_server_where_there_is_one(viewer, invalid):
    """The option gets the moment and the changes, and what it answers is shown; an error is told, and nothing is lost."""
    invalid.results["scenario"].update(for_s=20.0, plan=invalid.results["faults"])
    seen = viewer(invalid)
    seen.asked(SERVER)
    seen.asked("v.goToTime(17.0)")
    seen.press("f")
    page = seen.page
    page.click(".wt-viewer summary >> text=Fork from here") if not seen.asked("v.branch.root.open") else None
    page.fill(".wt-viewer .faults li:last-child input >> nth=1", "19")
    page.keyboard.press("Tab")
    page.click(".wt-viewer .add button")
    page.click(".wt-viewer [data-run]")
    page.wait_for_selector(".wt-viewer .branch a")
    assert page.inner_text(".wt-viewer .branch a") == "raft-7-b"
    wanted = page.evaluate("window.wanted")
    moved, added = wanted["changes"]
    assert 16.9 < wanted["at"] < 17.1
    assert moved == {"do": "move", "fault": 5, "at_s": 18.0, "until_s": 19}
    assert added == {
        "do": "add",
        "fault": {"at_s": wanted["at"], "until_s": round(wanted["at"] + 1, 6), "verb": "crash", "args": {"nodes": ["leader"]}},
    }
    seen.asked("(v.options.fork = async () => { throw new Error('the store is full'); })")
    page.click(".wt-viewer [data-run]")
    seen.seen.until("document.querySelector('.wt-viewer .branch [role=status]').textContent.includes('the store is full')")


def test_a_run_that_does_not_repeat_cannot_be_forked(viewer, invalid):
    """A live run has no panel for it."""
    invalid.results["world"] = "live"
    seen = viewer(invalid)
    assert seen.page.locator(".wt-viewer .branch").count() == 0
    seen.press("f")
