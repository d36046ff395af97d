"""A visitor with a browser, who notes every complaint and every request, and looks at pages as a strict reader would."""

from __future__ import annotations

import time

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

PAGES = (
    "/",
    "/choose",
    "/path",
    "/path/beginner",
    "/lesson/what-is-distributed",
    "/lab/two-nodes",
    "/calculators",
    "/calculator/mmc",
    "/catalogue",
    "/system/raft",
    "/run",
    "/decisions",
    "/decision/retry",
)

# Text whose contrast with what is behind it is below WCAG 2.2's 4.5 (3 for large text); text over pictures is left out.
FAINT = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const d = canvas.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => { for (let e = element; e; e = e.parentElement) {
    const c = rgba(getComputedStyle(e).backgroundColor);
    if (c[3] > 0.99) return c; } return [255, 255, 255, 1]; };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || element.closest("svg, noscript, script, canvas, .unseen, [disabled], :disabled")) continue;
    const style = getComputedStyle(element);
    if (!element.checkVisibility() || Number(style.opacity) < 1) continue;
    const [a, b] = [light(rgba(style.color)), light(behind(element))].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 600);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) found.push(`${node.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return found;
}"""

# What a screen reader could not name, and what stands twice or not at all.
NAMELESS = """() => {
  const found = [];
  const given = (e) => e.getAttribute("aria-label") || e.getAttribute("title") || e.labels?.[0]?.textContent;
  const within = (e) => e.parentElement.closest("[role=img][aria-label]");
  const named = (e) => within(e) || (given(e) || e.placeholder || e.textContent || "").trim() !== "";
  const parts = "a[href], button, input, select, textarea, summary, [role=img], canvas, [tabindex]";
  for (const e of document.querySelectorAll(parts)) {
    if (e.checkVisibility() && e.id !== "main" && !named(e)) found.push(`no name: ${e.outerHTML.slice(0, 120)}`);
  }
  for (const e of document.querySelectorAll("img:not([alt])")) found.push(`no alt: ${e.src}`);
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) found.push(`id twice: ${id}`);
  const heads = document.querySelectorAll("main h1").length;
  if (heads !== 1) found.push(`${heads} h1`);
  const shown = [...document.querySelectorAll("main :is(h1, h2, h3, h4)")].filter((e) => e.checkVisibility());
  const levels = shown.map((e) => Number(e.tagName[1]));
  levels.forEach((level, at) => {
    if (at && level > levels[at - 1] + 1) found.push(`h${levels[at - 1]} then h${level}: ${shown[at].textContent}`);
  });
  return found;
}"""


def until(page, fact, limit_s=30.0):
    """Wait until a JavaScript expression holds. Playwright's own way evaluates text in the page, which our policy forbids."""
    ends = time.monotonic() + limit_s
    while not page.evaluate(fact):
        assert time.monotonic() < ends, f"never came about: {fact}"
        page.wait_for_timeout(30)


class Visitor:
    """A page of a browser that has come in by the address of the terminal."""

    def __init__(self, browser, studio, **context):
        self.studio = studio
        usual = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}
        self.context = browser.new_context(**(usual | context))
        self.page = self.context.new_page()
        self.complaints, self.requests, self.allowed = [], [], []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(studio.url)
        self.settle("/")

    def settle(self, path=None):
        """Wait until the router has shown a page and every part of it has loaded."""
        wanted = "" if path is None else f" && document.body.dataset.ready === {path.partition('?')[0]!r}"
        until(self.page, f"!!document.body?.dataset.ready{wanted} && !document.querySelector('[aria-busy=true]')")
        return self.page

    def go(self, path):
        """Another page by its address."""
        self.page.goto(self.studio.base + path)
        return self.settle(path)

    def turn_to(self, path):
        """Another page without loading the shell again, as a link does."""
        self.page.evaluate(f"history.pushState({{}}, '', {path!r}); dispatchEvent(new PopStateEvent('popstate'))")
        return self.settle(path)

    def close(self):
        """The end of the visit: nothing was complained about, and nothing off this server was asked for."""
        self.context.close()
        off = [url for url in self.requests if not url.startswith((self.studio.base, "data:", "blob:"))]
        assert off == []
        assert [text for text in self.complaints if not any(part in text for part in self.allowed)] == []
