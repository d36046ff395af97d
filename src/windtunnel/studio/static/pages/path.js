// Paths: cards to choose from; one path as blocks with the state of every node.

import { act, look } from "../api.js";
import { h, icon } from "../h.js";
import { meter, minutes, toast } from "../ui.js";
import { tree } from "../panels/tree.js";

const KINDS = { lesson: "lesson", lab: "lab", calc: "calculator", decision: "decision", run: "run" };

export async function render({ id, signal, go }) {
  if (!id) return choose(await look("/api/paths", signal), go);
  const { path, chosen } = await look(`/api/paths/${encodeURIComponent(id)}`, signal);
  return [
    h("div", { class: "head" },
      h("p", { class: "crumb" }, h("a", { href: "/path" }, "Paths"), " / ", path.title),
      h("h1", {}, path.title),
      h("p", { class: "lead" }, path.summary),
      h("dl", { class: "figures part" },
        h("div", {}, h("dt", {}, "time"), h("dd", {}, `${+path.hours.toFixed(1)} h`, h("small", { class: "under" }, `in ${path.weeks[0]} to ${path.weeks[1]} weeks`))),
        h("div", {}, h("dt", {}, "available today"), h("dd", {}, `${+path.available_hours.toFixed(1)} h`)),
        h("div", {}, h("dt", {}, "done"), h("dd", {}, `${Math.round(path.percent)} %`), meter(path.percent / 100, `${path.percent} percent`)),
        path.certificate && h("div", {}, h("dt", {}, "certificate"), h("dd", {}, path.certificate))),
      h("div", { class: "row" }, chosen ? h("p", { class: "verdict good" }, icon("check"), "Your path") : h("button", { class: "strong-button", onclick: () => start(id, go) }, "Make it my path"))),
    h("div", { class: "split" },
      h("div", { class: "stack" }, path.blocks.map((block) => h("section", {}, h("div", { class: "row between" }, h("h2", {}, block.title), h("small", {}, `${+block.hours.toFixed(1)} h`)), h("ol", { class: "steps" }, block.nodes.map(node))))),
      h("aside", { class: "stack" },
        h("section", {}, h("h2", {}, "Afterwards you can"), h("ul", { class: "plain" }, path.outcomes.map((text) => h("li", {}, text)))),
        h("section", {}, h("h2", {}, "Why"), h("p", {}, path.why)))),
    h("section", { class: "part" }, h("h2", {}, "What needs what"), tree(path.blocks)),
  ];
}

function node(row) {
  const picture = { done: "check", open: "arrow", locked: "lock", planned: "question" }[row.state];
  const words = { done: "done", open: "open", locked: `locked: needs ${row.missing.join(", ")}`, planned: "planned, not there yet" }[row.state];
  const title = row.href ? h("a", { href: row.href }, row.title) : row.title;
  return h("li", { class: row.state }, icon(picture), h("span", {}, h("span", { class: "step-title" }, title), h("small", {}, `${KINDS[row.kind] ?? row.kind}, ${minutes(row.minutes)}${row.optional ? ", optional" : ""}`), h("span", { class: "unseen" }, words), row.state === "locked" && h("small", { class: "needs" }, `needs ${row.missing.map((item) => item.split(":")[1]).join(", ")}`)));
}

async function start(id, go) {
  try {
    await act(`/api/paths/${encodeURIComponent(id)}/start`);
    toast("This is your path now.");
    go("/");
  } catch (error) {
    toast(error.message);
  }
}

function choose({ paths, chosen }, go) {
  if (chosen && paths.length === 1) go(`/path/${chosen}`, { instead: true });
  return [
    h("div", { class: "head" }, h("h1", {}, "Paths"), h("p", { class: "lead" }, "An order in which things make sense: lessons, labs, calculators, decisions. The hours are the sum of what is on them."), h("div", { class: "row" }, h("a", { class: "button", href: "/choose" }, "Help me choose"))),
    h("ul", { class: "cards" }, paths.map((path) => h("li", {}, h("a", { class: "tile", href: `/path/${path.id}` },
      h("h2", { class: "title" }, path.title, path.id === chosen && h("small", {}, " (yours)")), h("p", {}, path.summary), path.percent > 0 && meter(path.percent / 100, `${path.percent} percent done`),
      h("div", { class: "tags" }, h("span", { class: "tag" }, `${+path.hours.toFixed(1)} h`), h("span", { class: "tag" }, `${path.weeks[0]} to ${path.weeks[1]} weeks`), h("span", { class: "tag" }, `${path.nodes} steps`), path.available_hours < path.hours && h("span", { class: "tag" }, `${+path.available_hours.toFixed(1)} h available`)))))),
  ];
}
