// Fork from here: change the faults after the cursor and run on as a branch. The same seed: up to the cursor it is the same run.

import { button, copyText, el } from "./dom.js";

/** What can be added, in the words of a person; `args` in those of a fault plan. `amount`: [label, default, to args]. */
const KINDS = [
  { name: "crash", words: "crash", aimed: true, fault: (nodes) => ["crash", { nodes }] },
  { name: "pause", words: "pause", aimed: true, fault: (nodes) => ["pause", { nodes }] },
  { name: "isolate", words: "isolate from the others", aimed: true, fault: (nodes) => ["cut", { shape: "isolate", nodes }] },
  { name: "lose", words: "lose messages", amount: ["share lost, %", 20], fault: (_, n) => ["weather", { drop: n / 100 }] },
  { name: "duplicate", words: "repeat messages", amount: ["share repeated, %", 20], fault: (_, n) => ["weather", { duplicate: n / 100 }] },
  { name: "slow", words: "delay messages", amount: ["up to, ms", 100], fault: (_, n) => ["weather", { slow_s: n / 1000 }] },
  { name: "skew", words: "jump of a clock", aimed: true, amount: ["by, s", 1], fault: (nodes, n) => ["skew", { nodes, offset_s: n }] },
  { name: "disk", words: "full disk", aimed: true, fault: (nodes) => ["disk", { nodes, mode: "full" }] },
];

const seconds = (value) => String(Math.round(value * 1e6) / 1e6);

export class BranchPanel {
  constructor(viewer) {
    this.viewer = viewer;
    this.base = viewer.data.fork;
    this.added = [];
    this.removed = new Set();
    this.moved = new Map();
    this.body = el("div", {});
    this.root = el("details", { class: "panel branch" }, el("summary", {}, "Fork from here"), this.body);
    this.root.addEventListener("toggle", () => this.root.open && this.draw());
  }

  /** The moment of the fork: just after the event at the cursor. */
  get at() {
    const { trace, cursor } = this.viewer;
    return Math.round((trace.times[cursor] + 1e-6) * 1e6) / 1e6;
  }

  update() {
    if (this.root.open && !this.body.contains(document.activeElement)) this.draw();
    else if (this.root.open) this.tell();
  }

  /** The faults of the plan that a branch may still change: those that begin or end after the cursor. */
  open() {
    const later = (row) => row.at_s >= this.at || (row.until_s ?? Infinity) > this.at;
    return this.base.plan.map((row, i) => ({ row, number: i + 1, begun: row.at_s < this.at })).filter(({ row }) => later(row));
  }

  draw() {
    const parts = [el("p", {}, "The same seed and so the same run up to ", el("b", { "data-at": true }, `${seconds(this.at)} s`), "; from there on with the faults you choose.")];
    if (this.at >= this.base.for_s) {
      this.body.replaceChildren(...parts, el("p", { class: "quiet" }, `Choose an earlier moment: the traffic of this run ends at ${this.base.for_s} s.`));
      return;
    }
    const rows = this.open();
    if (rows.length) parts.push(el("ul", { class: "faults" }, rows.map((row) => this.faultRow(row))));
    else parts.push(el("p", { class: "quiet" }, "No fault of this run lies after the cursor."));
    if (this.added.length) parts.push(el("ul", { class: "faults added" }, this.added.map((fault, k) => this.addedRow(fault, k))));
    parts.push(this.form());
    this.status = el("p", { role: "status", class: "quiet" });
    this.command = el("code", { tabindex: "0", "aria-label": "Command line of the branch" });
    const copy = button("Copy", async () => (this.status.textContent = await copyText(this.command.textContent, this.command)));
    const run = this.viewer.options.fork ? [button("Run the branch", () => this.run(), { class: "primary", "data-run": true })] : [];
    parts.push(el("div", { class: "command" }, this.command, copy), el("p", { class: "buttons" }, ...run), this.status);
    this.body.replaceChildren(...parts);
    this.tell();
  }

  tell() {
    const at = this.body.querySelector("[data-at]");
    if (at) at.textContent = `${seconds(this.at)} s`;
    if (this.command) this.command.textContent = this.commandLine();
  }

  faultRow({ row, number, begun }) {
    const gone = this.removed.has(number);
    const now = this.moved.get(number) ?? row;
    const input = (name, label) =>
      el("input", {
        type: "number", step: "any", min: "0", value: now[name] ?? "", "aria-label": `${label} of fault ${number}, seconds`, placeholder: "never", disabled: gone || (name === "at_s" && begun),
        onchange: (event) => this.move(number, row, name, event.target.value),
      });
    const toggle = begun ? null : button(gone ? "Keep" : "Remove", () => this.toggle(number), { title: `${gone ? "Keep" : "Remove"} fault ${number}` });
    return el("li", { class: gone ? "gone" : null }, el("span", {}, `${number}. ${row.text}`), el("span", { class: "times" }, input("at_s", "Begin"), " to ", input("until_s", "End"), " s ", toggle));
  }

  addedRow(fault, k) {
    const drop = button("Undo", () => {
      this.added.splice(k, 1);
      this.draw();
    });
    return el("li", {}, el("span", {}, `+ ${fault.words}`), el("span", { class: "times" }, `${seconds(fault.at_s)} to ${seconds(fault.until_s)} s `, drop));
  }

  form() {
    const kind = el("select", { "aria-label": "Kind of fault" }, KINDS.map(({ name, words }) => el("option", { value: name }, words)));
    const node = el("select", { "aria-label": "Node" }, ["leader", ...this.base.nodes].map((name) => el("option", {}, name)));
    const amount = el("input", { type: "number", step: "any" });
    const amountLabel = el("label", {}, "", amount);
    const length = el("input", { type: "number", step: "any", min: "0.001", value: "1" });
    const show = () => {
      const chosen = KINDS.find(({ name }) => name === kind.value);
      node.hidden = !chosen.aimed;
      amountLabel.hidden = !chosen.amount;
      if (chosen.amount) [amountLabel.firstChild.textContent, amount.value] = [`${chosen.amount[0]} `, chosen.amount[1]];
    };
    kind.addEventListener("change", show);
    const add = () => this.add(KINDS.find(({ name }) => name === kind.value), node.value, Number(amount.value), Number(length.value));
    const form = el("form", { class: "add", onsubmit: (event) => event.preventDefault() }, kind, node, amountLabel, el("label", {}, "for, s ", length), button("Add", add, { title: "Add this fault at the cursor" }));
    show();
    return form;
  }

  add(kind, node, amount, length) {
    if (!(length > 0)) {
      this.status.textContent = "A fault lasts longer than 0 s.";
      return;
    }
    const [verb, args] = kind.fault([node], amount);
    const words = `${kind.words}${kind.aimed ? ` ${node}` : ""}`;
    this.added.push({ at_s: this.at, until_s: Math.round((this.at + length) * 1e6) / 1e6, verb, args, words });
    this.draw();
  }

  toggle(number) {
    if (this.removed.has(number)) this.removed.delete(number);
    else this.removed.add(number);
    this.draw();
  }

  move(number, row, name, text) {
    const moved = { at_s: row.at_s, until_s: row.until_s ?? null, ...this.moved.get(number) };
    moved[name] = text === "" && name === "until_s" ? null : Number(text);
    const same = moved.at_s === row.at_s && moved.until_s === (row.until_s ?? null);
    if (same) this.moved.delete(number);
    else this.moved.set(number, moved);
    this.tell();
  }

  /** What the branch changes, as `scenarios.fork` takes it. Faults are numbered from 1 in the order of the plan. */
  changes() {
    const numbers = new Set(this.open().map(({ number }) => number));
    const kept = [...this.moved].filter(([number]) => numbers.has(number) && !this.removed.has(number));
    return [
      ...[...this.removed].filter((number) => numbers.has(number)).sort((a, b) => a - b).map((fault) => ({ do: "remove", fault })),
      ...kept.map(([fault, { at_s, until_s }]) => ({ do: "move", fault, at_s, until_s })),
      ...this.added.map(({ at_s, until_s, verb, args }) => ({ do: "add", fault: { at_s, until_s, verb, args } })),
    ];
  }

  commandLine() {
    const words = ["windtunnel fork", quoted(this.viewer.options.store ?? this.base.store ?? "store/latest"), "--at", seconds(this.at)];
    for (const change of this.changes()) {
      if (change.do === "remove") words.push("--remove", String(change.fault));
      else if (change.do === "move") words.push("--move", quoted(`${change.fault} ${times(change)}`));
      else words.push("--add", quoted(addedWords(change.fault)));
    }
    return words.join(" ");
  }

  async run() {
    this.status.textContent = "Running the branch …";
    const controls = this.body.querySelectorAll("button, input, select");
    try {
      for (const control of controls) control.disabled = true;
      const run = await this.viewer.options.fork({ at: this.at, changes: this.changes() });
      const link = run && this.viewer.options.href ? el("a", { href: this.viewer.options.href(run) }, run) : run;
      this.status.replaceChildren(...(run ? ["The branch: ", link] : []));
    } catch (error) {
      this.status.textContent = `The branch failed: ${error.message ?? error}`;
    } finally {
      for (const control of controls) control.disabled = false;
    }
  }
}

/** A fault as the command line takes it: `cut isolate n1 at 12.5 until 13`. */
function addedWords({ at_s, until_s, verb, args }) {
  const { nodes = [], shape, ...rest } = args;
  const numbers = Object.entries(rest).map(([name, value]) => `${name}=${value}`);
  return [verb, shape, ...nodes, ...numbers, times({ at_s, until_s })].filter((word) => word !== undefined).join(" ");
}

function times({ at_s, until_s }) {
  return `at ${seconds(at_s)} ${until_s === null ? "for ever" : `until ${seconds(until_s)}`}`;
}

/** For a POSIX shell. */
function quoted(word) {
  return /^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
