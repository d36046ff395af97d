// What every node looks like at the cursor, and what the last event changed.

import { el } from "./dom.js";

const HEADLINES = 4; // fields of a node that is folded
const SHORT = 14; // characters of a value that fits a headline
const LONG = 60; // characters of a former value beyond which it is no longer shown beside the new one
const EMPTY = /^(None|False|0|''|[[{].*)$/;

export class NodesPanel {
  constructor(viewer) {
    this.viewer = viewer;
    this.trace = viewer.trace;
    this.root = el("section", { class: "panel nodes", "aria-label": "Nodes at the cursor" });
    this.openNodes = new Set();
    this.operations = openOperations(viewer.data, this.trace);
  }

  update(i, focused) {
    const { trace } = this;
    const servers = Array.from({ length: trace.servers }, (_, name) => name);
    const clients = trace.names.map((_, name) => name).slice(trace.servers);
    const shown = servers.length <= 12 ? servers : servers.filter((name) => name === focused || this.openNodes.has(name));
    const cards = shown.map((name) => this.card(name, i, name === focused));
    const client = focused >= trace.servers ? [this.clientCard(focused, i)] : [];
    const waiting = clients.length ? this.waitingLine(clients, i) : null;
    const none = trace.hasStates || !servers.length ? null : el("p", { class: "quiet" }, "This trace was recorded without the states of nodes.");
    this.root.replaceChildren(el("h3", {}, "Nodes"), ...client, ...cards, ...[waiting, none].filter(Boolean));
  }

  card(name, i, focused) {
    const { trace } = this;
    const fields = trace.state(name, trace.cause(i));
    const status = trace.status(name, i);
    const open = focused || this.openNodes.has(name);
    const summary = el(
      "summary",
      {},
      el("b", {}, trace.names[name]),
      el("span", { class: `badge ${status}` }, status),
      el("span", { class: "headline" }, open ? "" : this.headline(name, fields)),
    );
    const card = el("details", { class: focused ? "card focused" : "card", open }, summary);
    summary.addEventListener("click", (event) => {
      event.preventDefault();
      if (this.openNodes.has(name)) this.openNodes.delete(name);
      else this.openNodes.add(name);
      this.viewer.chooseNode(focused ? null : name);
    });
    const nothing = status === "down" ? "Down: only its disk remembers." : "No state was recorded.";
    if (open && (fields.length || trace.hasStates)) card.append(...(fields.length ? this.table(name, fields).filter(Boolean) : [el("p", { class: "quiet" }, nothing)]));
    return card;
  }

  /** What changed first, then what changes at all in this trace, then the rest, folded. */
  table(name, fields) {
    const moves = (field) => this.trace.restless(name, field.field) > 1;
    const lively = [...fields.filter((field) => field.changed), ...fields.filter((field) => !field.changed && moves(field))];
    const still = fields.filter((field) => !field.changed && !moves(field));
    const rows = (some) => el("table", {}, el("tbody", {}, some.map((field) => this.line(field))));
    const rest = el("details", { class: "still", open: this.showStill }, el("summary", {}, `${still.length} that never change`), rows(still));
    rest.addEventListener("toggle", () => (this.showStill = rest.open));
    return lively.length ? [rows(lively), still.length ? rest : null] : [rows(still)];
  }

  line({ name, value, was, changed }) {
    const now = el(changed ? "ins" : "span", {}, value || "gone");
    const told = changed && was !== null && was.length <= LONG;
    const cell = told ? el("td", {}, el("del", {}, was), " → ", now) : el("td", { title: changed ? `was ${was}` : null }, now);
    return el("tr", { class: changed ? "changed" : null }, el("th", { scope: "row" }, name), cell);
  }

  /** The first few short fields that ever change: what a person calls the state. Clocks and what is empty are left out. */
  headline(name, fields) {
    const told = ({ field, name: called, value }) =>
      value.length <= SHORT && !EMPTY.test(value) && !/[.]|_s$/.test(called) && this.trace.restless(name, field) > 1;
    const best = fields.filter(told).slice(0, HEADLINES);
    return best.map(({ name: called, value }) => `${called} ${value.replaceAll("'", "")}`).join(" · ");
  }

  clientCard(name, i) {
    const op = this.operations(name, this.trace.times[i]);
    return el("p", { class: "card focused client" }, el("b", {}, this.trace.names[name]), " ", op ?? "waits for nothing");
  }

  waitingLine(clients, i) {
    const open = clients.map((name) => [name, this.operations(name, this.trace.times[i])]).filter(([, op]) => op);
    if (!open.length) return null;
    const lines = open.slice(0, 6).map(([name, op]) => el("li", {}, el("b", {}, this.trace.names[name]), ` ${op}`));
    const more = open.length > 6 ? el("li", { class: "quiet" }, `and ${open.length - 6} more`) : null;
    return el("div", { class: "waiting" }, el("h4", {}, "Clients that wait"), el("ul", {}, lines, more));
  }
}

/** What a client is waiting for at a moment: (name, time) -> text or null. */
function openOperations(data, trace) {
  const ops = data.operations;
  const byName = new Map();
  let at = 0;
  ops.invoked.forEach((step, i) => {
    at += step;
    const process = ops.processes[ops.process[i]];
    const name = trace.names.indexOf(process) >= 0 ? process : process.slice(0, Math.max(0, process.lastIndexOf(".")));
    const rows = byName.get(name) ?? [];
    rows.push({ from: data.start + at / 1e6, to: ops.took[i] < 0 ? Infinity : data.start + (at + ops.took[i]) / 1e6, i });
    byName.set(name, rows);
  });
  return (name, time) => {
    const open = (byName.get(trace.names[name]) ?? []).filter((row) => row.from <= time && time < row.to);
    const text = (row) => ops.texts[ops.text[row.i]].split(" -> ")[0];
    return open.length ? open.map(text).join("; ") : null;
  };
}
