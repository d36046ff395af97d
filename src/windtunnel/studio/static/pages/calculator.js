// One calculator: sliders and fields, the answer at once, charts, what moves it, and a check against its oracle.

import { act, follow, look } from "../api.js";
import { h, icon, replace } from "../h.js";
import { charted } from "../panels/chart.js";
import { command, trouble, verdict } from "../ui.js";

const STEPS = 400;
const WAIT_MS = 40;
const LISTED_FROM = 12; // outputs from which a list reads better than large figures

export async function render({ id, query, signal }) {
  const data = await look(`/api/calculators/${encodeURIComponent(id)}`, signal);
  const { calculator } = data;
  const given = {};
  for (const input of calculator.inputs) {
    const start = query.get(input.name) ?? data.shown[input.name];
    if (start !== undefined && input.kind !== "text" && input.kind !== "choice") given[input.name] = start;
    else if (query.has(input.name)) given[input.name] = query.get(input.name);
    else if (data.values[input.name] !== null && data.values[input.name] !== undefined) given[input.name] = String(data.values[input.name]);
  }
  const outputs = h("dl", { class: "figures outputs", "aria-live": "polite" });
  const refusal = h("div", { role: "alert" });
  const notes = h("div", { class: "prose" });
  const pictures = h("div", { class: "stack" });
  const asCommand = h("div");
  const agreement = h("div", { class: "stack", role: "status" });
  const drawn = [];
  const controls = new Map();
  let asked = 0;
  let timer;

  function show(answer) {
    replace(refusal);
    outputs.classList.remove("stale");
    const many = answer.result.outputs.length > LISTED_FROM;
    outputs.classList.toggle("listed", many);
    replace(outputs, answer.result.outputs.map((output) => {
      const [value, interval] = output.text.split("  (");
      return h("div", { class: output.name === calculator.main ? "main" : null }, h("dt", {}, output.label), h("dd", {}, value, interval && h("small", { class: "under" }, interval.replace(/\)$/, "").replace(" .. ", " to "))));
    }));
    replace(notes, answer.result.notes.map((text) => h("p", { class: "small-text" }, text)));
    for (const [name, control] of controls) control.settle(answer.values[name], answer.shown[name]);
    const charts = [...answer.result.charts, ...(answer.tornado?.bars.length ? [{ ...answer.tornado.chart, base: answer.tornado.output.value }] : [])];
    charts.forEach((chart, at) => {
      if (drawn[at] && drawn[at].kind === chart.kind) drawn[at].update(chart);
      else {
        const fresh = { kind: chart.kind, ...charted(chart, signal) };
        if (drawn[at]) drawn[at].element.replaceWith(fresh.element);
        else pictures.append(fresh.element);
        drawn[at] = fresh;
      }
    });
    while (drawn.length > charts.length) drawn.pop().element.remove();
    const words = Object.entries(given).filter(([, value]) => value !== "" && value !== null).map(([name, value]) => ` --${name} ${/^[\w./%+-]+$/.test(value) ? value : JSON.stringify(value)}`);
    replace(asCommand, command(`windtunnel calc ${calculator.name}${words.join("")} --check`));
  }

  function changed(name, value, later = WAIT_MS) {
    given[name] = value;
    replace(agreement);
    clearTimeout(timer);
    timer = setTimeout(send, later);
  }

  async function send() {
    asked += 1;
    const mine = asked;
    try {
      const answer = await act(`/api/calculators/${encodeURIComponent(id)}`, { values: given });
      if (mine !== asked || signal.aborted) return;
      if (answer.refused) {
        outputs.classList.add("stale");
        replace(refusal, h("div", { class: "trouble" }, h("p", {}, answer.refused)));
        for (const [name, control] of controls) control.mark(answer.refused.startsWith(`${name}:`));
      } else {
        for (const control of controls.values()) control.mark(false);
        show(answer);
      }
    } catch (error) {
      if (mine === asked) replace(refusal, trouble(error, send));
    }
  }

  const form = h("form", { class: "inputs", onsubmit: (event) => { event.preventDefault(); send(); } }, calculator.inputs.map((input) => {
    const control = field(input, given[input.name], data.values[input.name], changed);
    controls.set(input.name, control);
    return control.element;
  }));
  show(data);

  async function measure(event) {
    const button = event.currentTarget;
    button.disabled = true;
    try {
      const { job } = await act(`/api/calculators/${encodeURIComponent(id)}/measure`);
      follow(job, {
        done({ measured }) {
          const box = form.querySelector("#input-measured");
          box.value = measured;
          changed("measured", measured, 0);
        },
        error: (problem) => replace(refusal, trouble(new Error(problem.text))),
        end: () => (button.disabled = false),
      }, signal);
    } catch (error) {
      button.disabled = false;
      replace(refusal, trouble(error));
    }
  }

  const checkButton = h("button", { type: "button", onclick: check }, icon("check"), "Check against an oracle");
  async function check() {
    checkButton.disabled = true;
    replace(agreement, h("small", {}, "Computing it another way"));
    try {
      const { job } = await act(`/api/calculators/${encodeURIComponent(id)}/check`, { values: given, seed: 0 });
      follow(job, {
        note: (event) => replace(agreement, h("small", {}, event.text)),
        done(event) {
          replace(agreement, h("div", { class: "row" }, verdict(event.verdict), h("span", {}, event.why)), h("p", { class: "small-text" }, event.how),
            h("div", { class: "wide-scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["", "Output", "Formula", "Observed", "Interval", "By"].map((text, at) => h("th", { scope: "col", class: at > 1 && at < 5 ? "number" : null }, text)))),
              h("tbody", {}, event.rows.map((row) => h("tr", {}, h("td", {}, verdict(row.agrees === true ? "valid" : row.agrees === false ? "invalid" : "unknown", row.agrees === true ? "agrees" : row.agrees === false ? "differs" : "cannot tell")), h("td", {}, row.output), h("td", { class: "number" }, row.texts[0]), h("td", { class: "number" }, row.texts[1]), h("td", { class: "number" }, `${row.texts[2]} to ${row.texts[3]}`), h("td", {}, row.by)))))));
        },
        error: (event) => replace(agreement, trouble(new Error(event.text))),
        end: () => (checkButton.disabled = false),
      }, signal);
    } catch (error) {
      checkButton.disabled = false;
      replace(agreement, trouble(error));
    }
  }

  return [
    h("div", { class: "head" }, h("p", { class: "crumb" }, h("a", { href: "/calculators" }, "Calculators"), " / ", calculator.group), h("h1", {}, calculator.title)),
    h("div", { class: "split calc" },
      h("div", { class: "stack" }, refusal, outputs, notes, pictures,
        data.oracle && h("section", { class: "tile stack" }, h("h2", {}, "Does it agree?"), h("p", { class: "small-text" }, "The same figures by another way, with an interval. Agreement is kept as evidence."), h("div", { class: "row" }, checkButton), agreement),
        h("section", {}, h("h2", {}, "Formula"), h("pre", { tabindex: "0" }, calculator.formula), h("p", { class: "small-text" }, calculator.source),
          h("h3", {}, "What it assumes"), h("ul", { class: "plain" }, calculator.assumptions.map((text) => h("li", {}, text)))),
        h("section", {}, h("h2", {}, "In the terminal"), asCommand)),
      h("aside", { class: "stack" }, form, data.measured && h("div", { class: "row" }, h("button", { type: "button", onclick: measure }, icon("play"), "Measure this machine")))),
  ];
}

/** One input: a field for exact text with units, and a slider where there is a range. */
function field(input, start, value, changed) {
  const id = `input-${input.name}`;
  const label = h("label", { for: id }, input.label);
  const about = h("small", { id: `${id}-about` }, input.what && input.kind !== "text" ? `${input.what}. ` : "", input.kind === "text" ? input.what : input.domain);
  if (input.kind === "choice") {
    const select = h("select", { id, onchange: () => changed(input.name, select.value, 0) }, input.choices.map((choice) => h("option", { value: choice, selected: choice === String(start) }, choice)));
    return { element: h("div", { class: "input" }, label, select), settle: () => null, mark: () => null };
  }
  const long = input.kind === "text";
  const box = h(long ? "textarea" : "input", { id, rows: long ? 3 : null, class: "figure-input", value: start ?? "", placeholder: input.default === null ? "not given" : input.default_text, autocomplete: "off", spellcheck: "false", "aria-describedby": about.id, oninput: () => changed(input.name, box.value, 250) });
  const range = input.kind === "text" ? null : scale(input, value);
  const slider = range && h("input", { type: "range", min: 0, max: STEPS, step: 1, tabindex: "0", "aria-label": `${input.label}, slider`, value: range.at(value), oninput: () => {
    const text = range.text(range.value(Number(slider.value)));
    box.value = text;
    slider.setAttribute("aria-valuetext", text);
    changed(input.name, text);
  } });
  return {
    element: h("div", { class: "input" }, h("div", { class: long ? "input-long" : "input-head" }, label, box), slider, about),
    settle(now, text) {
      if (slider && document.activeElement !== slider && typeof now === "number") slider.value = range.at(now);
      if (document.activeElement !== box && document.activeElement !== slider && text !== undefined && input.kind !== "text") box.value = text;
    },
    mark(bad) {
      box.setAttribute("aria-invalid", String(bad));
    },
  };
}

/** From a slider's position to a value: by factors where the range is wide, evenly where it is not. */
function scale(input, value) {
  const now = typeof value === "number" ? value : typeof input.default === "number" ? input.default : null;
  if (now === null) return null;
  let low = input.low ?? 0;
  let high = input.high ?? Infinity;
  if (low === 0 && high === 1 && input.unit === "fraction" && now > 0.9) {
    const nines = (v) => -Math.log10(Math.max(1e-9, 1 - v));
    return { at: (v) => (STEPS * (nines(v) - 0.3)) / 5.7, value: (at) => 1 - 10 ** -(0.3 + (5.7 * at) / STEPS), text: (v) => `${+(100 * v).toPrecision(6)}%` };
  }
  if (high === null || high > now * 1e3 || high === Infinity) high = now > 0 ? now * 10 : 10;
  if (low === null || low < -1e300) low = 0;
  if (low <= 0 && now > 0 && high / now > 8) low = input.kind === "whole" ? Math.max(low, 0) : now / 20;
  if (now < low || now > high || low >= high) return null;
  const factors = low > 0 && high / low > 30;
  const rounded = (v) => (input.kind === "whole" ? Math.round(v) : Number(v.toPrecision(3)));
  return {
    at: (v) => (factors ? (STEPS * Math.log(v / low)) / Math.log(high / low) : (STEPS * (v - low)) / (high - low)),
    value: (at) => rounded(factors ? low * (high / low) ** (at / STEPS) : low + ((high - low) * at) / STEPS),
    text: (v) => written(v, input.unit),
  };
}

/** A value as a person would type it, which the server reads back. */
function written(value, unit) {
  const short = (number) => String(Number(number.toPrecision(4)));
  if (unit === "s") {
    const [factor, name] = value === 0 ? [1, "s"] : value < 1e-6 ? [1e9, "ns"] : value < 1e-3 ? [1e6, "us"] : value < 1 ? [1e3, "ms"] : value < 120 ? [1, "s"] : value < 7200 ? [1 / 60, "min"] : value < 172800 ? [1 / 3600, "h"] : [1 / 86400, "d"];
    return `${short(value * factor)}${name}`;
  }
  if (unit === "1/s") return value > 0 && value < 0.01 ? `${short(value * 86400)}/day` : `${short(value)}/s`;
  if (unit === "fraction") return `${short(value * 100)}%`;
  if (unit === "B" || unit === "B/s") {
    const [factor, name] = value >= 1e12 ? [1e12, "TB"] : value >= 1e9 ? [1e9, "GB"] : value >= 1e6 ? [1e6, "MB"] : value >= 1e3 ? [1e3, "kB"] : [1, "B"];
    return `${short(value / factor)}${name}${unit.slice(1)}`;
  }
  if (unit.startsWith("$")) return `$${short(value)}${unit.slice(1)}`;
  return `${short(value)}${unit ? ` ${unit}` : ""}`;
}
