"""The studio in a real browser, as people use it: the first green lab, a run watched live, a fork, a calculator."""

import re
from pathlib import Path

import pytest
from browsing import until

from windtunnel.labs import solution
from windtunnel.learn import Question, lesson

pytestmark = pytest.mark.slow

FIRST = "what-is-distributed"


def outline(page):
    """The outline of what has the focus: what a person who uses the keyboard sees."""
    return page.evaluate(
        """() => {
          const e = document.activeElement;
          return [e, e.nextElementSibling, e.querySelector("rect")].filter(Boolean).some((one) => {
            const style = getComputedStyle(one);
            const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
            return outlined || parseFloat(style.strokeWidth) >= 3;
          });
        }"""
    )


def test_from_the_first_visit_to_the_first_green_lab(visit, studio):
    """Home leads into a lesson, the lesson into a lab; the starter fails with its story; the mended file turns green."""
    seen = visit()
    page = seen.page
    page.click(".next .strong-button")
    seen.settle(f"/lesson/{FIRST}")
    for at, step in enumerate(lesson(FIRST).steps):
        if isinstance(step, Question):
            form = page.locator("form.question").filter(has=page.locator(f"[name='question-{step.id}'], [name=number]")).first
            if step.kind == "choice":
                if not at:  # a wrong answer first: it costs nothing
                    form.locator(f"input[value='{int(step.answer + 1) % len(step.choices)}']").check()
                    form.locator("[type=submit]").click()
                    form.locator(".verdict.bad").wait_for()
                form.locator(f"input[value='{int(step.answer)}']").check()
            else:
                form.locator("input").fill(f"{step.answer:g}")
            form.locator("[type=submit]").click()
            form.locator(".verdict.good").wait_for()
        else:
            attempt = page.locator(".attempt").filter(has_text=step.command).first
            attempt.locator("button").first.click()
            attempt.locator(".said .verdict.good").wait_for()
    page.locator(".banner.valid").wait_for()
    page.click(".banner a")
    seen.settle("/lab/two-nodes")
    page.click("text=Start this lab")
    page.check("#watch")
    page.locator(".failure").wait_for()
    story = page.inner_text(".failure")
    assert re.search(r"seed\s+\d+", story)
    assert "first bad event" in story
    page.click("text=A hint: a nudge")
    page.locator(".hints li").wait_for()
    page.click("text=The picture")
    page.locator(".wt-viewer .surface").wait_for()
    for name, text in solution("two-nodes").items():
        (studio.labs / "two-nodes" / name).write_text(text)
    page.locator(".banner.valid").wait_for()
    assert "Lab passed" in page.inner_text(".banner")
    seen.go("/")
    assert "Two nodes" in page.inner_text("[aria-label=Evidence]")
    assert page.locator(".tree .done").count() >= 2


@pytest.fixture(scope="module")
def kept(studio):
    """The number of a stored, broken run of Raft."""
    choice = {"system": "raft", "seed": 2, "for_s": 8, "faults": ["partition", "crash", "pause"]}
    choice["without"] = ["deduplicate_requests"]
    return next(event["run"] for event in studio.events(studio.post("/api/runs", choice)["job"]) if event["kind"] == "done")


def test_a_run_is_watched_live(visit):
    """The cluster moves, Space holds it and lets it go on, the verdict comes by itself, and the trace opens."""
    page = (seen := visit(reduced_motion="no-preference")).go("/run?system=raft&seed=5&for=5&faults=crash")
    page.check("input[name=speed][value='1']")
    page.click("button[type=submit]")
    page.locator("canvas.cluster[aria-label*='nodes']").wait_for()
    until(page, "parseFloat(document.querySelector('.clock').textContent) > 0.5")
    page.click("h1")
    page.keyboard.press("Space")
    page.wait_for_selector("text=Go on")
    page.wait_for_timeout(250)
    held = page.inner_text(".clock")
    page.wait_for_timeout(300)
    assert page.inner_text(".clock") == held
    page.keyboard.press("Space")
    page.check(".controls input[value='0']")
    page.locator(".banner").wait_for()
    assert "Valid" in page.inner_text(".banner")
    assert page.locator(".notes li").count() >= 2
    page.keyboard.press("Enter")  # the link to the trace has the focus
    page.wait_for_url("**/run/raft~*")
    seen.settle()
    page.locator(".wt-viewer .surface").wait_for()


@pytest.mark.campaign
def test_a_page_that_is_reloaded_goes_on_watching(visit, studio):
    """What happened before is told again; cancelling keeps nothing."""
    job = studio.post("/api/runs", {"system": "raft", "seed": 7, "for_s": 200, "faults": ["crash"], "speed": 5})["job"]
    page = visit().go(f"/job/{job}")
    page.locator(".notes li").first.wait_for()
    first = page.inner_text(".notes li:first-child")
    page.reload()
    page.locator(".notes li").first.wait_for()
    assert page.inner_text(".notes li:first-child") == first
    page.click("text=Cancel")
    page.wait_for_selector("text=Nothing was kept")
    assert studio.get("/api/jobs") == {"jobs": []}


@pytest.mark.campaign
def test_a_directed_scenario_is_over_in_a_moment(visit):
    """What is moved by hand cannot be watched: the page says so, and its trace is there to step through."""
    page = (seen := visit()).go("/run?system=raft")
    page.click("text=Cluster and traffic")
    page.select_option(".more select", "figure-8")
    page.click("button[type=submit]")
    page.locator(".banner").wait_for()
    assert "by hand" in page.inner_text(".live")
    page.click(".banner a")
    page.wait_for_url("**/run/raft~*")
    seen.settle()
    page.locator(".wt-viewer .surface").wait_for()


def test_time_travel(visit, kept):
    """Keys step through the trace both ways; the state of the nodes follows; the address leads back to the same event."""
    seen = visit()
    page = seen.go(f"/run/{kept}")
    page.focus(".wt-viewer .surface")
    readout = lambda: page.inner_text(".wt-viewer [data-readout]")  # noqa: E731
    before = readout()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    there = readout()
    assert there != before
    until(page, "location.hash.length > 1")
    page.wait_for_timeout(500)
    page.reload()
    seen.settle()
    page.locator(".wt-viewer .surface").wait_for()
    assert readout() == there
    page.focus(".wt-viewer .surface")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert readout() == before


def test_a_fork_becomes_a_branch(visit, kept):
    """A fault is added at the cursor, the branch is watched and kept, and says which run it comes from."""
    page = (seen := visit()).go(f"/run/{kept}")
    page.locator(".wt-viewer .surface").wait_for()
    page.click(".branch summary")
    page.locator(".branch form.add").get_by_text("Add").click()
    page.click(".branch [data-run]")
    page.wait_for_url("**/job/*")
    page.check(".controls input[value='0']")
    page.locator(".banner").wait_for()
    page.click(".banner a")
    page.wait_for_url("**/run/raft~*")
    seen.settle()
    assert "a branch of" in page.inner_text(".crumb")
    page.click("text=this run")
    page.wait_for_url(f"**/run/{kept}")


def test_a_calculator_answers_while_it_is_moved(visit):
    """A slider changes answer and charts; what is out of domain is said with the domain; the oracle agrees."""
    page = visit().go("/calculator/mmc?arrivals=80/s&service=12/s&servers=8")
    page.locator(".plot canvas").first.wait_for()
    main = lambda: page.inner_text(".outputs .main dd")  # noqa: E731
    until(page, "document.querySelector('#input-arrivals').value.includes('80')")
    before, drawn = main(), page.evaluate("document.querySelector('canvas.bars').toDataURL()")
    page.focus("input[type=range]")
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    until(page, f"document.querySelector('.outputs .main dd').innerText !== {before!r}")
    until(page, f"document.querySelector('canvas.bars').toDataURL() !== {drawn!r}")
    page.fill("#input-arrivals", "8000/s")
    page.wait_for_selector("[role=alert] .trouble")
    assert "load" in page.inner_text("[role=alert]")
    page.fill("#input-arrivals", "80 apples")
    page.wait_for_selector("#input-arrivals[aria-invalid=true]")
    page.fill("#input-arrivals", "80/s")
    until(page, "!document.querySelector('[role=alert] .trouble')")
    page.click("text=Check against an oracle")
    page.wait_for_selector("table .verdict.good")
    assert "Valid" in page.inner_text("[role=status]:has(table)")


@pytest.mark.campaign
def test_a_decision_is_walked_and_a_case_is_solved(visit, studio):
    """Choices lead to advice with reasons; a step can be taken back; a case that ends where it ought to is solved."""
    from windtunnel.learn import decision

    tree = decision("retry")
    case = tree.cases[0]
    page = visit().go("/decision/retry")
    page.click("text=Case 1")
    for index in tree.walks()[case.leaf]:
        page.locator(".option").nth(index).click()
    page.locator(".leaf").wait_for()
    page.wait_for_selector("text=This is where the case ends.")
    page.locator(".trail button").first.click()
    assert page.locator(".ask").count() == 1
    assert case.id in studio.get("/api/decisions/retry")["solved"]


def test_everything_by_keyboard_alone(visit):
    """From the skip link over a shortcut and a form to a run and its verdict, with a visible focus at every stop."""
    seen = visit()
    page = seen.page
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("g")
    page.keyboard.press("r")
    seen.settle("/run")
    assert page.evaluate("document.activeElement.id") == "main"
    stops = []
    for _ in range(60):
        page.keyboard.press("Tab")
        assert outline(page), page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        stops.append(page.evaluate("document.activeElement.id || document.activeElement.type || document.activeElement.tagName"))
        if stops[-1] == "for":
            for _ in range(3):
                page.keyboard.press("ArrowLeft")
        if stops[-1] == "seed":
            page.keyboard.type("5")
        if page.evaluate("document.activeElement.name === 'speed'"):
            page.keyboard.press("End")
            page.keyboard.press("ArrowRight")
            page.keyboard.press("ArrowLeft")
        if stops[-1] == "submit":
            break
    assert {"system", "for", "seed", "checkbox"} <= set(stops)
    page.keyboard.press("Enter")
    page.locator(".banner").wait_for(timeout=60_000)
    page.keyboard.press("Enter")
    page.wait_for_url("**/run/raft~*")
    page.keyboard.press("?")
    page.locator("dialog[open]").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog[open]").wait_for(state="detached")


@pytest.mark.campaign
def test_the_catalogue_is_searched(visit):
    """A slash leads into the search from anywhere; words narrow it; the address keeps what was searched."""
    seen = visit()
    page = seen.page
    page.click("h1")
    page.keyboard.press("/")
    seen.settle("/catalogue")
    until(page, "document.activeElement.id === 'search'")
    whole = page.locator(".cards li").count()
    page.keyboard.type("raft vote")
    until(page, f"document.querySelectorAll('.cards li').length < {whole}")
    assert "raft" in page.inner_text(".cards li:first-child").lower()
    page.reload()
    seen.settle()
    assert page.input_value("#search") == "raft vote"
    page.fill("#search", "no such thing at all")
    assert "Nothing of that name" in page.inner_text("main")


# --- What goes wrong ---


def test_a_part_that_fails_leaves_the_page_alive(visit):
    """One answer of the server fails: its part says so and can try again, every other part is there."""
    seen = visit()
    page = seen.page
    seen.allowed.append("Failed to load resource")
    page.route(
        "**/api/runs", lambda route: route.fulfill(status=500, content_type="application/json", body='{"error": "no such luck"}')
    )
    seen.go("/")
    assert "no such luck" in page.inner_text("[aria-label='Last runs']")
    assert page.locator(".tree").count() == 1
    page.unroute("**/api/runs")
    page.click("[aria-label='Last runs'] button")
    page.locator("[aria-label='Last runs'] :is(table, .empty)").wait_for()


@pytest.mark.campaign
def test_a_module_that_is_broken_breaks_its_page_only(visit):
    """The shell says what failed, and leads on."""
    seen = visit()
    page = seen.page
    seen.allowed.append("SyntaxError")
    page.route(
        "**/static/pages/decisions.js", lambda route: route.fulfill(content_type="text/javascript", body="this is no script")
    )
    page.click("nav >> text=Decisions")
    seen.settle("/decisions")
    assert "could not be shown" in page.inner_text("main")
    page.click("nav >> text=Calculators")
    seen.settle("/calculators")
    assert page.inner_text("h1") == "Calculators"


@pytest.mark.campaign
def test_an_address_that_is_none_says_so(visit):
    """No dead end: the shell, a sentence, a way home."""
    seen = visit()
    seen.allowed.append("404")
    for path in ("/no/such/page", "/lab/no-such-lab", "/run/raft~nothing", "/lesson/x"):
        seen.go(path)
        assert "could not be shown" in seen.page.inner_text("main")
        assert seen.page.locator("main a[href='/']").count() == 1


def test_values_of_strangers_do_nothing(visit, studio, kept):
    """Markup in a stored run is shown as text: nothing of it is run or loaded."""
    import json
    import shutil

    hostile = "<img src=x onerror='window.hit = 1'><script>window.hit = 2</script>"
    system, _, name = kept.partition("~")
    copied = studio.store / system / f"{name}-hostile"
    shutil.copytree(studio.store / system / name, copied)
    file = Path(copied) / "results.json"
    results = json.loads(file.read_text())
    results["why"] = results["title"] = results["violation"]["evidence"] = hostile
    results["violation"]["text"] = [hostile]
    results["faults"][0]["text"] = hostile
    file.write_text(json.dumps(results))
    page = visit().go(f"/run/{kept}-hostile")
    page.locator(".wt-viewer .surface").wait_for()
    assert hostile in page.inner_text("main")
    assert page.evaluate("window.hit") is None
    shutil.rmtree(copied)


def test_another_page_of_the_same_machine_can_do_nothing(visit, studio):
    """A page of another port, whose requests carry the cookie, starts nothing, reads nothing, frames nothing."""
    seen = visit()
    foreign = seen.context.new_page()
    foreign.route("http://127.0.0.1:9/**", lambda route: route.fulfill(content_type="text/html", body="<h1>a trap</h1>"))
    foreign.goto("http://127.0.0.1:9/trap")
    tried = foreign.evaluate(
        """async (base) => {
          const body = JSON.stringify({ system: "rumor", seed: 1, for_s: 300, speed: 1 });
          const found = [];
          for (const init of [
            { method: "POST", body, credentials: "include", mode: "no-cors" },
            { method: "POST", body, credentials: "include", headers: { "content-type": "application/json" } },
            { method: "POST", body, credentials: "include", mode: "no-cors", headers: { "content-type": "text/plain" } },
          ]) found.push(await fetch(`${base}/api/runs`, init).then((answer) => answer.type, () => "refused"));
          found.push(await fetch(`${base}/api/home`, { credentials: "include" }).then(() => "read", () => "refused"));
          const script = document.createElement("script");
          script.src = `${base}/api/home`;
          found.push(await new Promise((done) => { script.onload = () => done("loaded"); script.onerror = () => done("refused");
            document.body.append(script); }));
          const frame = document.createElement("iframe");
          frame.src = `${base}/`;
          document.body.append(frame);
          await new Promise((done) => frame.addEventListener("load", done));
          try { found.push(frame.contentDocument ? "same" : "other"); } catch { found.push("other"); }
          return found;
        }""",
        studio.base,
    )
    assert tried == ["refused"] * 5 + ["other"]
    assert all("windtunnel" not in frame.content() for frame in foreign.frames[1:])
    assert studio.get("/api/jobs") == {"jobs": []}
    foreign.close()
