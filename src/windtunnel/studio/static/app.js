// The shell: which page an address is, loading it when it is wanted, and keys. A page that fails is replaced by what went wrong.

import { h, replace } from "./h.js";

const ROUTES = [
  [/^\/$/, () => import("./pages/home.js")],
  [/^\/path(?:\/([^/]+))?$/, () => import("./pages/path.js")],
  [/^\/choose$/, () => import("./pages/choose.js")],
  [/^\/lesson\/([^/]+)$/, () => import("./pages/lesson.js")],
  [/^\/lab\/([^/]+)$/, () => import("./pages/lab.js")],
  [/^\/calculators$/, () => import("./pages/calculators.js")],
  [/^\/calculator\/([^/]+)$/, () => import("./pages/calculator.js")],
  [/^\/catalogue$/, () => import("./pages/catalogue.js")],
  [/^\/system\/([^/]+)$/, () => import("./pages/system.js")],
  [/^\/run$/, () => import("./pages/run.js")],
  [/^\/job\/([^/]+)$/, () => import("./pages/live.js")],
  [/^\/run\/([^/]+)$/, () => import("./pages/trace.js")],
  [/^\/decisions$/, () => import("./pages/decisions.js")],
  [/^\/decision\/([^/]+)$/, () => import("./pages/decision.js")],
];

const main = document.querySelector("#main");
const KEYS = [
  ["g h", "Home", "/"],
  ["g p", "Path", "/path"],
  ["g r", "Run", "/run"],
  ["g c", "Catalogue", "/catalogue"],
  ["g k", "Calculators", "/calculators"],
  ["g d", "Decisions", "/decisions"],
];
let visit = new AbortController();
let first = true;

async function show() {
  visit.abort();
  visit = new AbortController();
  const { signal } = visit;
  const place = location.pathname;
  mark(place);
  const found = ROUTES.map(([pattern, load]) => [pattern.exec(place), load]).find(([match]) => match);
  const waiting = setTimeout(() => replace(main, h("p", { class: "loading", role: "status" }, "Loading")), 150);
  try {
    if (!found) throw new Error("There is no page at this address.");
    const page = await found[1]();
    const view = await page.render({ id: found[0][1] && decodeURIComponent(found[0][1]), query: new URLSearchParams(location.search), signal, go });
    if (signal.aborted) return;
    clearTimeout(waiting);
    replace(main, view);
    page.mounted?.(main);
  } catch (error) {
    if (signal.aborted) return;
    replace(main, h("section", { class: "trouble" }, h("h1", {}, "This page could not be shown"), h("p", {}, error.message), h("p", {}, h("a", { href: "/" }, "Home"))));
  } finally {
    clearTimeout(waiting);
  }
  const head = main.querySelector("h1");
  document.title = head ? `${head.textContent} · windtunnel` : "windtunnel studio";
  if (!first && !location.hash) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
  first = false;
  document.body.dataset.ready = place;
}

function mark(place) {
  delete document.body.dataset.ready;
  const near = { choose: "/path", lesson: "/path", lab: "/path", calculator: "/calculators", system: "/catalogue", job: "/run", decision: "/decisions" };
  const section = place.split("/")[1];
  const mine = section === "" ? "/" : near[section] ?? `/${section}`;
  for (const link of document.querySelectorAll(".top nav a")) {
    if (link.getAttribute("href") === mine) {
      link.setAttribute("aria-current", "page");
      link.parentElement.scrollLeft = link.offsetLeft - link.parentElement.offsetLeft - 60;
    } else link.removeAttribute("aria-current");
  }
}

/** Go to another page of the studio. */
export function go(path, { instead = false } = {}) {
  history[instead ? "replaceState" : "pushState"]({}, "", path);
  show();
}

addEventListener("popstate", show);
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || link.target || link.hasAttribute("download")) return;
  const url = new URL(link.href, location.href);
  if (url.origin !== location.origin || url.pathname.startsWith("/api/") || url.pathname.startsWith("/static/")) return;
  if (url.pathname === location.pathname && url.hash) return;
  event.preventDefault();
  go(url.pathname + url.search + url.hash);
});

// --- Keys ---

let began = false;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (event.key === "?") return showKeys();
  if (event.key === "/") {
    event.preventDefault();
    const box = document.querySelector("input[type=search]");
    return box ? box.focus() : go("/catalogue?search");
  }
  if (event.key === "g") {
    began = true;
    setTimeout(() => (began = false), 1200);
    return undefined;
  }
  if (began) {
    began = false;
    const key = KEYS.find(([keys]) => keys === `g ${event.key}`);
    if (key) go(key[2]);
  }
  return undefined;
});

const typing = (element) => element.closest?.("input, textarea, select, [contenteditable], dialog, [data-keys]");

function showKeys() {
  const rows = [["?", "This list"], ["/", "Search the catalogue"], ...KEYS, ["Space", "Pause and go on, while a run is watched"]];
  const dialog = h(
    "dialog",
    { class: "sheet", "aria-label": "Keyboard shortcuts", onclose: () => dialog.remove() },
    h("h2", {}, "Keyboard"),
    h("dl", { class: "keys" }, rows.map(([keys, what]) => h("div", {}, h("dt", {}, keys.split(" ").map((key) => h("kbd", {}, key))), h("dd", {}, what)))),
    h("form", { method: "dialog" }, h("button", {}, "Close")),
  );
  document.body.append(dialog);
  dialog.showModal();
}

document.querySelector("#keys-button").addEventListener("click", showKeys);
show();
