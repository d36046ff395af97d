// A table of stored runs.

import { h } from "../h.js";
import { grouped, moment, verdict } from "../ui.js";

export function runsTable(runs) {
  if (!runs.length) return h("div", { class: "empty" }, h("p", {}, "Nothing has run yet."));
  return h("div", { class: "wide-scroll" }, h("table", {},
    h("thead", {}, h("tr", {}, ["Verdict", "System", "Seed", "Faults", "Operations", "When"].map((text, at) => h("th", { scope: "col", class: at > 1 && at < 5 ? "number" : null }, text)))),
    h("tbody", {}, runs.map((run) => h("tr", {},
      h("td", {}, h("a", { href: `/run/${encodeURIComponent(run.id)}`, "aria-label": `${run.verdict}: ${run.system}, seed ${run.seed}` }, verdict(run.verdict))),
      h("td", {}, run.system),
      h("td", { class: "number" }, run.seed),
      h("td", { class: "number" }, run.faults),
      h("td", { class: "number" }, grouped(run.ops.ok + run.ops.fail + run.ops.info)),
      h("td", { class: "when" }, moment(run.when)))))));
}
