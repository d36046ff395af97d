// A lab: what to build, start into a folder, checks while the learner edits, failures with their story, hints.

import { act, follow, look } from "../api.js";
import { h, icon, replace } from "../h.js";
import { before as firstNote, beside } from "../panels/beside.js";
import { mountTrace } from "../panels/viewer.js";
import { prose } from "../prose.js";
import { command, toast, trouble, verdict } from "../ui.js";

const LEVELS = ["a nudge", "a direction", "almost the answer"];

export async function render({ id, signal }) {
  const data = await look(`/api/labs/${encodeURIComponent(id)}`, signal);
  const { lab } = data;
  const bench = h("div", { class: "bench stack" });
  replace(bench, data.state ? desk(data, signal) : begin(data, bench, signal));
  return [
    h("div", { class: "head" },
      h("p", { class: "crumb" }, data.on ? h("a", { href: `/path/${data.on.id}` }, data.on.title) : h("a", { href: "/catalogue?kind=lab" }, "Labs"), " / lab"),
      h("h1", {}, lab.title),
      h("p", { class: "lead" }, lab.summary),
      h("div", { class: "tags" }, h("span", { class: "tag" }, `${lab.hours} h`), h("span", { class: "tag" }, `difficulty ${lab.difficulty} of 5`), lab.laws.map((law) => h("span", { class: "tag" }, `law ${law}`)), data.passed && verdict("passed")), firstNote(data)),
    h("div", { class: "split bench-split" }, h("article", { class: "prose readme" }, prose(data.readme)), bench),
    beside(data),
  ];
}

function begin(data, bench, signal) {
  const said = h("div");
  const button = h("button", { class: "strong-button", type: "button", onclick: start }, icon("arrow"), "Start this lab");
  async function start() {
    button.disabled = true;
    try {
      const { state } = await act(`/api/labs/${encodeURIComponent(data.name)}/start`);
      replace(bench, desk({ ...data, state }, signal));
    } catch (error) {
      button.disabled = false;
      replace(said, trouble(error));
    }
  }
  return h("section", { class: "tile stack" }, h("h2", {}, "Your own folder, your own editor"), h("p", {}, "Starting copies the starter file into a folder of yours. You edit it there; the studio checks it each time you save."), h("div", { class: "row" }, button), said);
}

function desk(data, signal) {
  const { lab } = data;
  const list = h("ol", { class: "checks", "aria-label": "Checks" });
  const story = h("div", { class: "story-place" });
  const status = h("div", { class: "row", role: "status" }, h("small", {}, "Not checked yet."));
  const stageLine = h("p", { class: "small-text" });
  const watch = h("input", { type: "checkbox", id: "watch", onchange: () => (watch.checked ? check(true) : stop()) });
  const once = h("button", { type: "button", class: "strong-button", onclick: () => check(false) }, icon("play"), "Check");
  let rows = new Map();
  let source = null;
  let job = null;
  stage(data.state.stage);

  function stage(name) {
    const found = lab.stages.find((one) => one.id === name);
    stageLine.textContent = found ? `Stage ${lab.stages.indexOf(found) + 1} of ${lab.stages.length}: ${found.title}` : "";
  }
  function stop() {
    source?.close();
    if (job) act(`/api/jobs/${job}/cancel`).catch(() => null);
    job = null;
    once.disabled = false;
    replace(status, h("small", {}, "Not watching."));
  }
  async function check(watching) {
    source?.close();
    if (job) await act(`/api/jobs/${job}/cancel`).catch(() => null);
    once.disabled = true;
    replace(status, h("small", {}, "Starting the grader"));
    try {
      ({ job } = await act(`/api/labs/${encodeURIComponent(data.name)}/check`, { watch: watching }));
    } catch (error) {
      once.disabled = false;
      watch.checked = false;
      replace(status, trouble(error));
      return;
    }
    source = follow(job, {
      checking() {
        rows = new Map();
        list.classList.add("stale");
        replace(status, h("small", {}, "Checking"));
      },
      check(event) {
        if (!rows.size) {
          replace(list);
          list.classList.remove("stale");
        }
        rows.set(event.name, event);
        list.append(h("li", {}, event.verdict === "passed" ? [verdict("passed", ""), h("span", {}, event.name, event.seeds > 1 && h("small", {}, ` ${event.seeds} seeds`))] : [verdict(event.verdict, ""), h("button", { type: "button", class: "linklike", onclick: () => tell(event) }, event.name)]));
      },
      changed: (event) => replace(status, h("small", {}, `Changed: ${event.files.join(", ")}`)),
      unready: (event) => replace(status, trouble(new Error(event.text))),
      report,
      error(event) {
        once.disabled = false;
        watch.checked = false;
        replace(status, trouble(new Error(event.text)));
      },
      end() {
        once.disabled = false;
      },
    }, signal);
  }
  function report(event) {
    const bad = [...rows.values()].find((row) => row.verdict !== "passed");
    const good = [...rows.values()].filter((row) => row.verdict === "passed").length;
    replace(status, verdict(event.verdict), rows.size > 0 && h("span", {}, `${good} of ${rows.size} checks`), h("small", {}, `${event.seconds.toFixed(1)} s`), event.message && h("p", { class: "message" }, event.message));
    if (bad) tell(bad);
    else if (event.passed) replace(story, h("div", { class: "banner valid" }, h("div", {}, h("p", { class: "big" }, verdict("passed", lab.stages.length && event.stage !== lab.stages.at(-1).id ? "Stage passed" : "Lab passed")), h("p", {}, "Kept as evidence, with the hash of your file.")), h("button", { type: "button", onclick: showSolution }, "What others did")));
    else replace(story);
    if (event.passed && lab.stages.length) look(`/api/labs/${encodeURIComponent(data.name)}`).then((now) => stage(now.state.stage)).catch(() => null);
  }
  async function showSolution() {
    try {
      const { files } = await look(`/api/labs/${encodeURIComponent(data.name)}/solution`);
      story.append(h("section", {}, Object.entries(files).map(([name, text]) => [h("h3", {}, name), h("pre", { tabindex: "0" }, text)])));
    } catch (error) {
      toast(error.message);
    }
  }
  function tell(row) {
    const picture = h("div", { "data-keys": "" });
    replace(story, h("section", { class: "tile failure", "aria-label": "What failed" },
      h("h2", {}, row.name), h("p", {}, row.message),
      h("dl", { class: "pairs" },
        row.seed !== null && h("div", {}, h("dt", {}, "seed"), h("dd", {}, String(row.seed))),
        row.seed !== null && h("div", {}, h("dt", {}, "faults"), h("dd", {}, row.plan.length ? row.plan.map((line) => h("div", {}, line)) : "none is needed")),
        row.first_bad?.at_s !== undefined && row.first_bad?.at_s !== null && h("div", {}, h("dt", {}, "first bad event"), h("dd", {}, `${row.first_bad.at_s.toFixed(6)} s`, row.first_bad.host && ` on ${row.first_bad.host}`, row.first_bad.where && h("div", {}, h("code", {}, row.first_bad.where))))),
      row.log.length > 0 && h("details", { open: true }, h("summary", {}, "The end of the log, all hosts"), h("pre", { tabindex: "0" }, row.log.slice(-14).map(([at, host, , text]) => `${at.toFixed(4).padStart(10)}  ${host.padEnd(8)} ${text}`).join("\n"))),
      row.view && h("details", { ontoggle: (event) => event.target.open && !picture.childNodes.length && mountTrace(picture, row.view, { signal, link: false }).catch((error) => replace(picture, trouble(error))) }, h("summary", {}, "The picture"), picture),
      hints(data, row.name),
      row.replay && h("details", {}, h("summary", {}, "See it again in the terminal"), command(row.replay))));
  }
  return [
    h("section", { class: "tile stack" },
      h("h2", {}, "Your work"),
      stageLine,
      data.promises.length > 0 && prediction(data, () => check(false)),
      h("div", {}, h("small", {}, "Edit this file in your editor; save; the checks run."), command(data.state.file)),
      h("div", { class: "row" }, once, h("label", { class: "row tight-row", for: "watch" }, watch, "check whenever I save")),
      status, list,
      h("details", { ontoggle: showSource }, h("summary", {}, `Show ${lab.file}`), h("pre", { class: "source", tabindex: "0" }, "")),
      h("details", {}, h("summary", {}, "In the terminal"), command(data.command))),
    story,
  ];

  async function showSource(event) {
    if (!event.target.open) return;
    const place = event.target.querySelector("pre");
    try {
      place.textContent = (await look(`/api/labs/${encodeURIComponent(data.name)}/source`)).text;
    } catch (error) {
      place.textContent = error.message;
    }
  }
}

/** A lab about a rule asks for a prediction: it is made here, or in the file. */
function prediction(data, done) {
  const said = h("div", { role: "status" });
  const form = h("form", { class: "prediction", onsubmit: send }, h("fieldset", {}, h("legend", {}, "Which promise breaks without it?"),
    h("div", { class: "options" }, data.promises.map((row) => h("label", {}, h("input", { type: "radio", name: "promise", value: row.name, required: true }), h("span", {}, row.name.replaceAll("_", " "), h("small", { class: "under" }, row.statement)))))),
    h("div", { class: "row" }, h("button", { class: "strong-button", type: "submit" }, "Predict, then see")), said);
  async function send(event) {
    event.preventDefault();
    try {
      await act(`/api/labs/${encodeURIComponent(data.name)}/predict`, { promise: new FormData(form).get("promise") });
      replace(said);
      done();
    } catch (error) {
      replace(said, trouble(error));
    }
  }
  return form;
}

function hints(data, check) {
  const known = data.lab.hints.includes(check) || data.lab.hints.includes("");
  if (!known) return null;
  const shown = h("ol", { class: "hints" });
  let level = 0;
  const more = h("button", { type: "button", class: "small", onclick: next }, `A hint: ${LEVELS[0]}`);
  async function next() {
    try {
      const hint = await act(`/api/labs/${encodeURIComponent(data.name)}/hint`, { check, level: level + 1 });
      level += 1;
      shown.append(h("li", {}, prose(hint.text)));
      if (level >= LEVELS.length) more.remove();
      else more.textContent = `More: ${LEVELS[level]}`;
    } catch (error) {
      toast(error.message);
    }
  }
  return h("div", {}, shown, more);
}
