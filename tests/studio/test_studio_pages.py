"""Every page of the studio, as a strict reader looks at it: widths, colours, names, weight, motion; and what its files hold."""

import hashlib
import re
import tomllib
from importlib.resources import files

import pytest
from browsing import FAINT, NAMELESS, PAGES

STATIC = files("windtunnel.studio") / "static"
WEIGHT_MAX = 150 * 1024
browsed = pytest.mark.slow


def sources(folder=STATIC, prefix=""):
    """The files of the studio that are text of our own, by name."""
    for item in folder.iterdir():
        if item.is_dir():
            if item.name != "vendor":
                yield from sources(item, f"{prefix}{item.name}/")
        elif item.name.endswith((".js", ".css", ".html", ".svg")):
            yield f"{prefix}{item.name}", item.read_text(encoding="utf-8")


def test_nothing_is_loaded_from_elsewhere():
    """No file of ours names another host: the only addresses are namespaces."""
    for name, text in sources():
        found = set(re.findall(r"https?://[^\s\"'`)]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not found, f"{name}: {found}"


def test_no_markup_is_made_of_text():
    """Elements come from calls: nothing writes markup, evaluates text or puts code into an attribute."""
    for name, text in sources():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|javascript:", text), (
            name
        )
        if name.endswith(".html"):
            assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|<style|\sstyle=", text), name


def test_what_others_wrote_is_as_they_published_it():
    """Every vendored file is listed with its package, licence and hash, and nothing else lies there."""
    vendor = STATIC / "vendor"
    listed = tomllib.loads((vendor / "vendored.toml").read_text(encoding="utf-8"))
    there = {f"{folder.name}/{file.name}" for folder in vendor.iterdir() if folder.is_dir() for file in folder.iterdir()}
    assert there - set(listed) == {f"{name.partition('/')[0]}/LICENSE" for name in listed}
    for name, row in listed.items():
        assert row["package"]
        assert row["licence"]
        folder, _, file = name.partition("/")
        assert hashlib.sha256((vendor / folder / file).read_bytes()).hexdigest() == row["sha256"], name


def test_every_module_that_is_imported_is_there():
    """Imports and addresses of files lead to files."""
    own = dict(sources())
    for name, text in own.items():
        for target in re.findall(r"""(?:from|import\()\s*["'](\.[^"']+)["']""", text):
            parts = [*name.split("/")[:-1], *target.split("/")]
            resolved = []
            for part in parts:
                if part == "..":
                    resolved.pop()
                elif part != ".":
                    resolved.append(part)
            assert "/".join(resolved) in own, f"{name} imports {target}"


@browsed
@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_pages_fit_can_be_read_and_have_names(visit, width, scheme):
    """No page is wider than the window, text has the contrast that it needs, controls and pictures have names."""
    seen = visit(viewport={"width": width, "height": 844}, color_scheme=scheme)
    for path in PAGES:
        page = seen.turn_to(path)
        for wide in (width, 820):
            page.set_viewport_size({"width": wide, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than {wide}"
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate(FAINT) == [], path
        assert page.evaluate(NAMELESS) == [], path


@pytest.mark.campaign
@browsed
def test_who_wants_rest_has_it(visit):
    """With reduced motion nothing moves by itself."""
    running = "document.getAnimations().filter((a) => a.playState === 'running').length"
    assert visit(reduced_motion="reduce").page.evaluate(running) == 0
    assert visit(reduced_motion="no-preference").page.evaluate(running) > 0


@browsed
def test_the_first_page_is_light_and_keeps_no_token(visit):
    """All that the first page loads is within its weight, nothing twice; address and scripts do not have the token."""
    seen = visit()
    page = seen.page
    sizes = page.evaluate(
        """[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
          .map((e) => [e.name, e.decodedBodySize])"""
    )
    assert sum(size for _, size in sizes) < WEIGHT_MAX, sorted(sizes, key=lambda pair: -pair[1])[:8]
    modules = [name for name, _ in sizes if name.endswith(".js")]
    assert len(modules) == len(set(modules)) > 5
    assert not any("uPlot" in name or "/viewer/" in name for name, _ in sizes)
    assert "token" not in page.url
    assert page.evaluate("document.cookie") == ""


@browsed
@pytest.mark.campaign
def test_everything_in_the_catalogue_opens(visit, studio):
    """Every system, lab, lesson, calculator, decision and path has a page without a complaint, and fits a small window."""
    seen = visit(viewport={"width": 390, "height": 844})
    addresses = {row["href"] for row in studio.get("/api/catalogue")["rows"]}
    addresses |= {f"/path/{row['id']}" for row in studio.get("/api/paths")["paths"]}
    for path in sorted(addresses):
        page = seen.turn_to(path)
        assert "could not be shown" not in page.inner_text("main"), path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert page.evaluate(NAMELESS) == [], path
