// Which path fits: a goal, and a few small exercises. What is solved counts, not what somebody says of themselves.

import { act, look } from "../api.js";
import { h, icon, replace } from "../h.js";
import { spans } from "../prose.js";
import { choice, trouble, verdict } from "../ui.js";

export async function render({ signal, go }) {
  const { goals, exercises } = await look("/api/placement", signal);
  const chosen = { goal: goals[0].id, hours: 5, codes: true };
  const outcome = h("div", { class: "stack", role: "status" });
  const hours = h("output", { for: "hours" }, "5 hours");
  const form = h("form", { class: "stack lesson", onsubmit: propose },
    choice("goal", "What do you want to be able to do?", goals.map((goal) => [goal.id, goal.text]), chosen.goal, (value) => (chosen.goal = value)),
    h("label", { class: "field", for: "hours" }, h("span", {}, "Time for it, each week: ", hours), h("input", { type: "range", id: "hours", min: 1, max: 20, step: 1, value: 5, oninput: (event) => { chosen.hours = Number(event.target.value); hours.textContent = `${chosen.hours} hours`; } })),
    h("label", { class: "row tight-row" }, h("input", { type: "checkbox", checked: true, onchange: (event) => (chosen.codes = event.target.checked) }), "I write code"),
    h("section", { class: "stack" }, h("h2", {}, "A few exercises"), h("p", { class: "small-text" }, "Leave out what you do not know: that is an answer too."), exercises.map(exercise)),
    h("div", { class: "row" }, h("button", { class: "strong-button", type: "submit" }, "Propose a path")),
    outcome);

  async function propose(event) {
    event.preventDefault();
    const fields = new FormData(form);
    const answers = Object.fromEntries(exercises.map((row) => [row.id, String(fields.get(`exercise-${row.id}`) ?? "").trim()]).filter(([, given]) => given !== ""));
    try {
      const { results, chosen: found } = await act("/api/placement", { goal: chosen.goal, hours_per_week: chosen.hours, codes: chosen.codes, answers });
      const solved = Object.values(results).filter(Boolean).length;
      replace(outcome, h("section", { class: "tile leaf" }, h("p", { class: "eyebrow" }, "Your path"), h("h2", { tabindex: "-1" }, found.title),
        h("p", {}, verdict(solved ? "done" : "waiting", `${solved} of ${exercises.length} exercises solved`)),
        h("ul", { class: "plain" }, found.reasons.map((text) => h("li", {}, text))),
        h("p", {}, `${+found.hours_left.toFixed(1)} hours are left of what is available: about ${found.weeks} weeks.`),
        h("div", { class: "row" }, h("button", { type: "button", class: "strong-button", onclick: () => start(found.path) }, "Make it my path", icon("arrow")), h("a", { class: "button", href: `/path/${found.path}` }, "Look at it first"))));
      outcome.querySelector("h2").focus();
    } catch (error) {
      replace(outcome, trouble(error));
    }
  }
  async function start(path) {
    try {
      await act(`/api/paths/${path}/start`, { hours_per_week: chosen.hours });
      go("/");
    } catch (error) {
      replace(outcome, trouble(error));
    }
  }
  return [h("div", { class: "head lesson" }, h("p", { class: "crumb" }, h("a", { href: "/path" }, "Paths")), h("h1", {}, "Find your path"), h("p", { class: "lead" }, "Five minutes. What you solve decides, and what you want to do with it.")), form];
}

function exercise(row) {
  const name = `exercise-${row.id}`;
  return h("fieldset", { class: "question" }, h("legend", { class: "unseen" }, "Exercise"), h("p", { class: "prompt" }, spans(row.prompt)),
    row.kind === "choice"
      ? h("div", { class: "options" }, row.choices.map((text, at) => h("label", {}, h("input", { type: "radio", name, value: at }), h("span", {}, spans(text)))))
      : h("label", { class: "row" }, h("input", { name, inputmode: "decimal", size: 10, autocomplete: "off", "aria-label": "Your answer" }), row.unit));
}
