// A lesson: text, questions before the runs, runs through the tunnel.

import { act, follow, look } from "../api.js";
import { h, icon, replace } from "../h.js";
import { before as firstNote, beside } from "../panels/beside.js";
import { block, spans, inline } from "../prose.js";
import { minutes, trouble, verdict } from "../ui.js";

export async function render({ id, signal }) {
  const data = await look(`/api/lessons/${encodeURIComponent(id)}`, signal);
  const { lesson } = data;
  const states = new Map(data.steps.map((step) => [step.id, step]));
  const end = h("div", { role: "status" });
  const finished = () => replace(end, h("div", { class: "banner valid" }, h("div", {}, h("p", { class: "big" }, verdict("passed", "Lesson complete")), h("p", {}, "Every question was answered and every run showed what it should. It is kept as evidence.")), data.after[0] && h("a", { class: "button strong-button", href: data.after[0].href }, data.after[0].title, icon("arrow"))));
  if (data.complete) finished();
  const steps = lesson.blocks.filter((node) => node.type === "try" || node.type === "question");
  const locks = [];
  const tell = () => locks.forEach((look) => look());
  const context = { id, signal, states, steps, finished, tell, locks };
  return [
    h("article", { class: "lesson" },
      h("div", { class: "head" },
        h("p", { class: "crumb" }, data.on ? h("a", { href: `/path/${data.on.id}` }, data.on.title) : "Lesson", ` / lesson, ${minutes(lesson.minutes)}`),
        h("h1", {}, lesson.title), h("p", { class: "lead" }, lesson.objective), firstNote(data)),
      h("div", { class: "prose" }, lesson.blocks.map((node) => (node.type === "try" ? attempt(node, context) : node.type === "question" ? question(node, context) : block(node))),
        lesson.sources.length > 0 && h("section", {}, h("h2", {}, "Sources"), h("ol", { class: "sources" }, lesson.sources.map((text, at) => h("li", { id: `source-${at + 1}` }, text)))),
        end),
      beside(data)),
  ];
}

function question(node, { id, states, tell, finished }) {
  const state = states.get(node.id) ?? { done: false, attempts: 0 };
  const said = h("div", { class: "said", role: "status" });
  const send = h("button", { type: "submit" }, "Answer");
  const form = h("form", { class: "question", onsubmit: answer },
    h("p", { class: "prompt" }, spans(node.prompt)),
    node.kind === "choice"
      ? h("div", { class: "options", role: "radiogroup" }, node.choices.map((choice, at) => h("label", {}, h("input", { type: "radio", name: `question-${node.id}`, value: at, required: true, checked: state.done && state.given === at }), h("span", {}, spans(choice)))))
      : h("label", { class: "row" }, h("input", { name: "number", inputmode: "decimal", required: true, size: 10, autocomplete: "off", "aria-label": "Your answer", value: state.done ? String(state.given) : "" }), node.unit),
    h("div", { class: "row" }, send, said));
  if (state.done) settled({ right: true, why: state.why });

  function settled({ right, why }) {
    replace(said, right ? [verdict("passed", "Right."), " ", h("span", {}, spans(inline(why ?? "")))] : [verdict("failed", "Not so."), " Look again; a wrong prediction costs nothing."]);
    form.classList.toggle("right", right);
    if (right) send.remove();
  }
  async function answer(event) {
    event.preventDefault();
    const fields = new FormData(form);
    const given = node.kind === "choice" ? Number(fields.get(`question-${node.id}`)) : fields.get("number");
    try {
      const graded = await act(`/api/lessons/${encodeURIComponent(id)}/answer`, { question: node.id, given });
      states.set(node.id, { ...state, attempts: 1, done: graded.right });
      settled(graded);
      tell();
      if (graded.complete) finished();
    } catch (error) {
      replace(said, trouble(error));
    }
  }
  return form;
}

function attempt(node, { id, signal, states, steps, locks, finished }) {
  const state = states.get(node.id) ?? { done: false };
  const said = h("div", { class: "said", role: "status" });
  const run = h("button", { type: "button", class: "strong-button", onclick: start }, icon("play"), "Run");
  const hold = h("small", {});
  const output = h("div");
  const mark = h("span", {}, state.done && verdict("done", "Seen"));
  const before = steps.slice(0, steps.indexOf(node)).filter((step) => step.type === "question");
  locks.push(check);
  check();

  function check() {
    const missing = before.some((step) => !(states.get(step.id)?.attempts > 0));
    run.disabled = missing;
    hold.textContent = missing ? "Predict first: answer the question above." : "";
  }
  async function start() {
    run.disabled = true;
    replace(said, h("small", {}, "Running"));
    try {
      const { job } = await act(`/api/lessons/${encodeURIComponent(id)}/try`, { step: node.id });
      follow(job, {
        done(event) {
          run.disabled = false;
          replace(said, event.right ? verdict("passed", `${event.verdict}, as expected`) : verdict("failed", `${event.verdict}; expected ${event.expected}${event.missing.length ? `, and “${event.missing[0]}”` : ""}`), h("small", {}, ` ${event.seconds.toFixed(1)} s`));
          replace(output, h("pre", { tabindex: "0", "aria-label": "Output" }, event.output.trimEnd()));
          if (event.right) replace(mark, verdict("done", "Seen"));
          if (event.complete) finished();
        },
        error(event) {
          run.disabled = false;
          replace(said, trouble(new Error(event.text)));
        },
      }, signal);
    } catch (error) {
      run.disabled = false;
      replace(said, trouble(error));
    }
  }
  return h("div", { class: "attempt" }, h("div", { class: "row between" }, h("code", {}, node.command), mark), h("div", { class: "row" }, run, hold, said), output);
}
