// Run: choose a system, faults and a seed, then watch it.

import { act, look, lookOnce } from "../api.js";
import { h, icon, replace } from "../h.js";
import { choice, panel, trouble } from "../ui.js";
import { runsTable } from "../panels/runs.js";

const SPEEDS = [["1", "1×"], ["5", "5×"], ["20", "20×"], ["0", "as fast as it can"]];
const SIMPLE = ["partition", "crash", "pause", "loss", "slow", "duplicate", "clock", "disk", "all", "hostile"];

export async function render({ query, go, signal }) {
  const { systems, faults } = await lookOnce("/api/systems");
  const byName = new Map(systems.map((row) => [row.name, row]));
  const wanted = query.get("system");
  const chosen = {
    system: byName.has(wanted) ? wanted : byName.has("raft") ? "raft" : systems[0].name,
    faults: new Set(query.has("faults") ? query.get("faults").split(",").filter(Boolean) : ["partition", "crash"]),
    without: new Set(query.getAll("without")),
    seed: query.get("seed") ?? "",
    for_s: Number(query.get("for") ?? 20),
    speed: "5",
    world: "sim",
    script: "",
    options: {},
  };
  const about = h("aside", { class: "tile about", "aria-live": "polite" });
  const faultBox = h("div", { class: "chips" });
  const ruleBox = h("div", { class: "rules" });
  const moreBox = h("div", { class: "more" });
  const complaint = h("div");

  const system = () => byName.get(chosen.system);
  const select = h("select", { id: "system", onchange: (event) => { chosen.system = event.target.value; chosen.without.clear(); chosen.options = {}; changed(); } },
    systems.map((row) => h("option", { value: row.name, selected: row.name === chosen.system }, `${row.name}: ${row.title.split(":")[0]}`)));

  function changed() {
    replace(about, aboutSystem(system()));
    replace(faultBox, SIMPLE.map((name) => faults.find((row) => row.name === name)).filter(Boolean).map((row) => {
      const possible = row.name === "all" || row.name === "hostile" || system().faults.includes(row.name);
      if (!possible) chosen.faults.delete(row.name);
      return toggle(row.name, row.what, chosen.faults, possible);
    }));
    const rules = system().safeguards;
    replace(ruleBox, rules.length ? rules.map((rule) => h("label", { class: "rule" },
      h("input", { type: "checkbox", name: "without", value: rule.name, checked: chosen.without.has(rule.name), onchange: (event) => chosen.without[event.target.checked ? "add" : "delete"](rule.name) }),
      h("span", {}, h("b", {}, rule.name.replaceAll("_", " ")), " ", h("small", {}, rule.rule)))) : h("p", { class: "small-text" }, "This system names no safeguards."));
    replace(moreBox, moreOptions(system(), chosen));
  }

  const seconds = h("output", { for: "for" }, `${chosen.for_s} s`);
  const seed = h("input", { id: "seed", inputmode: "numeric", pattern: "[0-9]*", size: 12, class: "figure-input", value: chosen.seed, placeholder: "drawn", oninput: (event) => (chosen.seed = event.target.value.trim()) });
  const form = h("form", { class: "stack", onsubmit: start },
    h("div", { class: "field" }, h("label", { for: "system" }, h("span", { class: "label" }, "System")), select),
    h("fieldset", {}, h("legend", {}, "Faults, drawn with the seed"), faultBox),
    h("div", { class: "pair" },
      h("label", { class: "field", for: "for" }, h("span", {}, "Virtual time ", seconds), h("input", { id: "for", type: "range", min: 5, max: 120, step: 5, value: chosen.for_s, oninput: (event) => { chosen.for_s = Number(event.target.value); seconds.textContent = `${chosen.for_s} s`; } })),
      h("div", { class: "field" }, h("label", { for: "seed" }, h("span", { class: "label" }, "Seed")), h("div", { class: "row" }, seed, h("button", { type: "button", class: "small", onclick: () => { seed.value = chosen.seed = String(Math.floor(Math.random() * 1e6)); } }, icon("dice"), "Draw")))),
    choice("speed", "Virtual seconds per second, while you watch", SPEEDS, chosen.speed, (value) => (chosen.speed = value)),
    h("details", { open: chosen.without.size > 0 }, h("summary", {}, "Take a safeguard away"), h("p", { class: "small-text" }, "Each rule carries weight: without it a promise can break. Predict which, then run."), ruleBox),
    h("details", {}, h("summary", {}, "Cluster and traffic"), moreBox),
    complaint,
    h("div", { class: "row" }, h("button", { class: "strong-button", type: "submit" }, icon("play"), "Run and watch")),
  );

  async function start(event) {
    event.preventDefault();
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    try {
      if (chosen.seed && !/^\d{1,15}$/.test(chosen.seed)) throw new Error("A seed is a whole number, or nothing for a drawn one.");
      const { job } = await act("/api/runs", {
        system: chosen.system, faults: [...chosen.faults], without: [...chosen.without], for_s: chosen.for_s, speed: Number(chosen.speed),
        seed: chosen.seed ? Number(chosen.seed) : null, ...chosen.numbers, options: chosen.options, world: chosen.script ? "sim" : chosen.world, script: chosen.script,
      });
      go(`/job/${job}`);
    } catch (error) {
      replace(complaint, trouble(error));
      button.disabled = false;
    }
  }

  changed();
  return [
    h("div", { class: "head" }, h("h1", {}, "Run a system under faults"), h("p", { class: "lead" }, "A cluster in virtual time, clients that ask, a storm that follows from the seed. Watch it, then read the verdict.")),
    h("div", { class: "split" }, form, about),
    panel({ class: "recent", "aria-label": "Stored runs" }, async () => {
      const [{ jobs }, { runs }] = await Promise.all([look("/api/jobs", signal), look("/api/runs", signal)]);
      const going = jobs.filter((job) => job.work === "run");
      return [going.length > 0 && h("p", { class: "row" }, "Running now: ", going.map((job) => h("a", { href: `/job/${job.id}` }, job.what))), h("h2", {}, "Stored runs"), runsTable(runs)];
    }),
  ];
}

function toggle(name, what, set, possible) {
  return h("label", { class: "chip", title: possible ? what : "not in this system's fault model" },
    h("input", { type: "checkbox", name: "faults", value: name, disabled: !possible, checked: set.has(name), onchange: (event) => set[event.target.checked ? "add" : "delete"](name) }),
    h("span", {}, name));
}

function aboutSystem(row) {
  return [
    h("h2", {}, row.title.split(":")[0]),
    h("p", {}, row.title.split(":").slice(1).join(":").trim() || null),
    h("dl", { class: "pairs" },
      h("div", {}, h("dt", {}, "promise"), h("dd", {}, row.promise)),
      h("div", {}, h("dt", {}, "interface"), h("dd", {}, row.interface)),
      h("div", {}, h("dt", {}, "source"), h("dd", {}, row.source))),
    h("p", {}, h("a", { href: `/system/${encodeURIComponent(row.name)}` }, "Properties and safeguards")),
  ];
}

function moreOptions(row, chosen) {
  chosen.numbers = {};
  chosen.script = "";
  const scripts = Object.entries(row.scenarios);
  const figure = (name, label, low, high, placeholder) =>
    h("label", { class: "field" }, h("span", {}, label), h("input", { type: "number", min: low, max: high, placeholder, oninput: (event) => { if (event.target.value === "") delete chosen.numbers[name]; else chosen.numbers[name] = Number(event.target.value); } }));
  return [
    choice("world", "World", [["sim", "simulated"], ["live", "real processes on this machine"]], chosen.world, (value) => (chosen.world = value)),
    scripts.length > 0 && h("label", { class: "field" }, h("span", {}, "Directed scenario, instead of traffic and faults"),
      h("select", { onchange: (event) => (chosen.script = event.target.value) }, h("option", { value: "" }, "none"), scripts.map(([name, what]) => h("option", { value: name }, `${name}: ${what}`)))),
    h("div", { class: "grid-fields" }, figure("nodes", "Nodes", 1, 25, row.size), figure("clients", "Clients", 1, 50, 5), figure("keys", "Keys", 1, 1000, 5), figure("rate_per_s", "Operations per second", 0, 2000, "closed loop")),
    Object.keys(row.options).length > 0 && h("h3", {}, "Options of the system"),
    h("div", { class: "grid-fields" }, Object.entries(row.options).map(([name, value]) =>
      h("label", { class: "field" }, h("span", {}, name), h("input", { placeholder: Array.isArray(value) ? value.join(",") : String(value), oninput: (event) => { if (event.target.value === "") delete chosen.options[name]; else chosen.options[name] = event.target.value; } })))),
  ];
}
