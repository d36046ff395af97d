// One framework: walk it for a case of your own, or for one of those to practise on.

import { act, look } from "../api.js";
import { h, icon, replace } from "../h.js";
import { command, toast, verdict } from "../ui.js";

export async function render({ id, signal }) {
  const tree = await look(`/api/decisions/${encodeURIComponent(id)}`, signal);
  const solved = new Set(tree.solved);
  const place = h("div", { class: "walk" });
  const cases = h("ul", { class: "plain cases" });
  let answers = [];
  let trail = ["start"];
  let current = null;

  function at() {
    return trail.at(-1);
  }
  function begin(chosen) {
    current = chosen;
    answers = [];
    trail = ["start"];
    draw();
    place.scrollIntoView({ block: "nearest" });
  }
  function take(index) {
    answers.push(index);
    trail.push(tree.nodes[at()].to[index]);
    draw(true);
  }
  function back(steps) {
    answers = answers.slice(0, steps);
    trail = trail.slice(0, steps + 1);
    draw(true);
  }
  function draw(moved = false) {
    const node = tree.nodes[at()];
    replace(place,
      current && h("blockquote", { class: "case" }, h("p", {}, current.story)),
      h("ol", { class: "trail" }, answers.map((index, step) => h("li", {}, h("span", {}, tree.nodes[trail[step]].ask), " ", h("button", { type: "button", class: "linklike", onclick: () => back(step), title: "Answer this again" }, tree.nodes[trail[step]].choices[index])))),
      node ? ask(node) : leaf(tree.leaves[at()]));
    if (moved) place.querySelector("h2")?.focus();
    drawCases();
  }
  const ask = (node) => h("section", { class: "tile ask" }, h("h2", { tabindex: "-1" }, node.ask), node.hint && h("p", { class: "small-text" }, node.hint), h("div", { class: "stack tight-stack" }, node.choices.map((choice, index) => h("button", { type: "button", class: "option", onclick: () => take(index) }, choice))));
  function leaf(end) {
    const said = h("div", { role: "status" });
    if (current) grade(said);
    return h("section", { class: "tile leaf" }, h("p", { class: "eyebrow" }, "Advice"), h("h2", { tabindex: "-1" }, end.advice),
      h("h3", {}, "Because"), h("ul", { class: "plain" }, end.reasons.map((reason) => h("li", {}, reason.text, see(reason)))),
      said, h("div", { class: "row" }, !current && h("button", { type: "button", onclick: record }, "Put this decision on record"), h("button", { type: "button", onclick: () => begin(current) }, "Begin again")));
  }
  function see(reason) {
    if (reason.href) return h("div", {}, h("a", { href: reason.href }, reason.see.replace(":", ": "), " ", icon("arrow")));
    if (reason.see.startsWith("windtunnel ")) return command(reason.see);
    const number = Number(reason.see.split(" ")[1]);
    return h("div", {}, h("small", {}, tree.sources[number - 1] ?? reason.see));
  }
  async function grade(said) {
    try {
      const row = await act(`/api/decisions/${encodeURIComponent(id)}/walk`, { answers, case: current.id });
      row.solved.forEach((name) => solved.add(name));
      replace(said, row.right ? h("p", {}, verdict("passed", "This is where the case ends.")) : h("p", {}, verdict("failed", "The case ends elsewhere."), " Which answer does the story not support?"));
      drawCases();
    } catch (error) {
      toast(error.message);
    }
  }
  async function record() {
    try {
      await act(`/api/decisions/${encodeURIComponent(id)}/walk`, { answers });
      toast("Kept in your evidence, with the answers that led here.");
    } catch (error) {
      toast(error.message);
    }
  }
  function drawCases() {
    replace(cases, tree.cases.map((one, at) => h("li", {}, h("button", { type: "button", class: "linklike", "aria-pressed": String(current === one), onclick: () => begin(one) }, `Case ${at + 1}`), solved.has(one.id) && verdict("done", "solved"), h("small", {}, one.story.length > 110 ? `${one.story.slice(0, 108)}…` : one.story))));
  }
  draw();
  return [
    h("div", { class: "head" }, h("p", { class: "crumb" }, h("a", { href: "/decisions" }, "Decisions")), h("h1", {}, tree.title), h("p", { class: "lead" }, tree.question)),
    h("div", { class: "split" }, place, h("aside", { class: "stack" }, h("section", {}, h("h2", {}, "Practise on a case"), cases, current !== undefined && h("button", { type: "button", class: "small", onclick: () => begin(null) }, "A case of my own")), h("section", {}, h("h2", {}, "Why"), h("p", { class: "small-text" }, tree.why)))),
  ];
}
