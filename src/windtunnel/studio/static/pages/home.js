// Home: what to do next, how far it is, the skill tree, what ran last.

import { look } from "../api.js";
import { h, icon, s } from "../h.js";
import { meter, minutes, panel, verdict } from "../ui.js";
import { runsTable } from "../panels/runs.js";
import { tree } from "../panels/tree.js";

const KINDS = { lesson: "Lesson", lab: "Lab", calc: "Calculator", decision: "Decision", run: "Run" };

export async function render({ signal }) {
  const school = look("/api/home", signal);
  school.catch(() => null);
  return [
    h("section", { class: "hero" }, streamlines(), panel({ class: "next", "aria-label": "Next step" }, async () => next(await school))),
    panel({ class: "progress", "aria-label": "Progress" }, async () => figures(await school)),
    panel({ "aria-label": "Your path" }, async () => roadmap(await school)),
    panel({ "aria-label": "Levels and certificates" }, async () => awards((await school).overview)),
    h("div", { class: "split even" },
      panel({ "aria-label": "Evidence" }, async () => evidence(await school)),
      panel({ "aria-label": "Last runs" }, async () => [h("h2", {}, "Last runs"), runsTable((await look("/api/runs", signal)).runs.slice(0, 6))])),
  ];
}

function next(home) {
  const step = home.next;
  if (!step) return [h("h1", {}, "Nothing is left to do here"), h("p", { class: "lead" }, "Everything on this path that exists is done. Choose another one."), h("a", { class: "button strong-button", href: "/path" }, "Paths")];
  const begun = home.done > 0;
  return [
    h("p", { class: "eyebrow" }, `${begun ? "Next" : "Begin here"}: ${(KINDS[step.kind] ?? step.kind).toLowerCase()}, ${minutes(step.minutes)}`),
    h("h1", {}, step.title),
    step.why && h("p", { class: "lead" }, step.why),
    h("div", { class: "row" }, h("a", { class: "button strong-button", href: step.href }, begun ? "Go on" : "Begin", icon("arrow")), h("a", { class: "button", href: "/run" }, icon("play"), "Or run a system under faults")),
    !begun && !home.path.chosen && h("p", { class: "hero-note" }, h("a", { href: "/choose" }, "Not new to this? Find your path")),
  ];
}

function figures(home) {
  const counts = home.overview.counts;
  const ring = (name, row) => row && row.of > 0 && h("div", {}, h("dt", {}, name), h("dd", {}, String(row.have), h("small", {}, ` of ${row.of}`)), meter(row.have / row.of, `${name}: ${row.have} of ${row.of}`));
  return [
    home.problems.length > 0 && h("div", { class: "trouble" }, h("p", {}, "The progress log has a damaged part; the rest counts."), home.problems.map((text) => h("p", {}, h("small", {}, text)))),
    h("dl", { class: "figures wide" },
      h("div", {}, h("dt", {}, home.path.title, " path"), h("dd", {}, `${Math.round(home.path.percent)} %`, h("small", {}, ` ${home.done} of ${home.of}`)), meter(home.path.percent / 100, `${home.path.percent} percent of the path`)),
      ring("laws", counts.laws), ring("labs and calculators", counts.exercises), ring("patterns", counts.patterns), ring("decisions", counts.tradeoffs)),
  ];
}

function roadmap(home) {
  return [h("div", { class: "row between" }, h("h2", {}, `The ${home.path.title} path`), h("a", { href: `/path/${home.path.id}` }, home.path.chosen ? "As a list" : "About this path, and others")), tree(home.blocks)];
}

/** What rules over the evidence give: the next level, milestones, certificates, each with what it still takes. */
function awards({ levels, milestones, certificates }) {
  const next = levels.find((row) => !row.holds);
  const rows = [...(next ? [["level", next]] : []), ...milestones.map((row) => ["milestone", row]), ...certificates.slice(0, 4).map((row) => ["certificate", row])];
  const share = (row) => row.parts.reduce((sum, part) => sum + (part.need ? Math.min(1, part.have / part.need) : 0), 0) / Math.max(1, row.parts.length);
  return [h("h2", {}, "Levels and certificates"), h("ul", { class: "awards" }, rows.map(([kind, row]) => h("li", {},
    h("div", { class: "row between" }, h("span", {}, row.title, " ", h("small", {}, kind)), row.holds && verdict("done", "reached")),
    meter(row.holds ? 1 : share(row), `${row.title}: ${Math.round(100 * share(row))} percent`),
    !row.holds && h("small", { class: "under" }, row.parts.filter((part) => !part.holds).map((part) => `${part.label}: ${part.have} of ${part.need || "none yet"}`).join("; ")))))];
}

function evidence(home) {
  if (!home.recent.length) return [h("h2", {}, "Evidence"), h("div", { class: "empty" }, h("p", {}, "What you pass is kept here: what was graded, with which seeds, and the verdict. Reading alone never counts."))];
  return [h("h2", {}, "Evidence"), h("table", {}, h("tbody", {}, home.recent.map((row) => h("tr", {},
    h("td", {}, verdict(row.verdict === "passed" || row.verdict === "valid" ? "passed" : row.verdict === "failed" ? "failed" : "unknown", row.verdict)),
    h("td", {}, row.href ? h("a", { href: row.href }, row.title) : row.title),
    h("td", { class: "number when" }, row.at.slice(0, 10))))))];
}

/** Smoke in a wind tunnel: streamlines of an ideal flow around cylinders, ψ = U (y - a² y / r²) each. */
function streamlines() {
  const bodies = [[700, 124, 36], [880, 62, 20], [968, 176, 26]];
  const shift = (x, y) => bodies.reduce((sum, [cx, cy, a]) => {
    const square = Math.max(a * a, (x - cx) ** 2 + (y - cy) ** 2);
    return sum + (a * a * (y - cy)) / square;
  }, 0);
  const lines = [];
  for (let start = -6; start <= 246; start += 14) {
    let y = start;
    let path = `M0 ${y}`;
    for (let x = 0; x <= 1100; x += 10) {
      for (let i = 0; i < 3; i += 1) y = start + shift(x, y);
      path += `L${x} ${y.toFixed(1)}`;
    }
    lines.push(s("path", { d: path, style: { "--late": `${(start * 37) % 11}s` } }));
  }
  return s("svg", { class: "stream", viewBox: "0 0 1100 240", preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true" }, lines, bodies.map(([cx, cy, r]) => s("circle", { cx, cy, r: r - 6 })));
}
