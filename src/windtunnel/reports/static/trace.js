// A trace as columns: what every event is, what it knew of others, what its node looked like after it.
//
// Everything that a frame or a step asks for is an array lookup or a binary search; what takes a pass over all events (the
// causal cone, a filter) is done once when it is asked for. Times are kept as whole microseconds (on a stage: steps), so that
// equal moments are equal.

import { durationText, lowerBound, momentText, sums } from "./view.js";

/** Kinds of event that are worth a stop: faults, changes of leadership, captions, what broke. */
export const NOTABLE = new Set([
  "violation", "crash", "restart", "start", "pause", "resume", "cut", "heal", "skew", "weather", "disk", "leader", "note",
]);

const EFFECTS = new Set(["apply", "reply", "persist", "leader", "violation"]); // rows that a handler causes
const LATE = 4; // times the median delay; four times that of a uniform latency is beyond its longest
const BLOCK = 512; // events whose earliest sending is kept as one number
const DOWN = new Set(["crash"]);
const UP = new Set(["start", "restart"]);

export class Trace {
  /** data: as `reports.embed.data_of` writes it; `data.trace` must be there. */
  constructor(data) {
    const t = data.trace;
    this.data = data;
    this.unit = data.unit;
    this.count = t.t.length;
    this.first = t.first ?? 0;
    this.total = t.total ?? this.count;
    this.names = t.names;
    this.servers = t.servers;
    this.texts = t.texts;
    this.kinds = t.kinds;
    this.us = sums(t.t);
    this.times = this.us.map((us) => data.start + us / 1e6);
    [this.kind, this.node, this.from, this.to, this.text] = [t.kind, t.node, t.from, t.to, t.text].map((c) => Int32Array.from(c));
    this.took = Float64Array.from(t.sent, (us) => Math.max(0, us));
    this.focus = t.focus ?? this.from.findIndex((name) => name >= 0);
    this.focus = Math.max(0, this.focus);
    this.classify();
    this.link();
    this.findOdd();
    this.spans();
    this.readStates(t.state);
    this.indexSendings();
  }

  // --- Reading ---

  /** Every message has a type: its text up to the parenthesis. The most frequent six have a colour. */
  classify() {
    const lost = this.kinds.map((kind) => kind.includes("lost"));
    const leaves = this.kinds.map((kind) => kind === "send-lost");
    this.notable = [];
    this.isMessage = new Uint8Array(this.count);
    this.isLost = new Uint8Array(this.count);
    const notable = this.kinds.map((kind) => NOTABLE.has(kind));
    const types = new Map();
    const typeOfText = Int32Array.from(this.texts, (text) => {
      const name = text.split("(", 1)[0];
      if (!types.has(name)) types.set(name, types.size);
      return types.get(name);
    });
    const tally = new Array(types.size).fill(0);
    this.type = new Int32Array(this.count).fill(-1);
    for (let i = 0; i < this.count; i++) {
      if (notable[this.kind[i]]) this.notable.push(i);
      if (this.from[i] < 0 && !leaves[this.kind[i]]) continue;
      this.isMessage[i] = 1;
      this.isLost[i] = lost[this.kind[i]] ? 1 : 0;
      this.type[i] = typeOfText[this.text[i]];
      tally[this.type[i]]++;
    }
    const names = [...types.keys()];
    /** Types of message by frequency: [number, name, how many]. */
    this.types = names.map((name, type) => [type, name, tally[type]]).filter(([, , n]) => n);
    this.types.sort((a, b) => b[2] - a[2] || (a[1] < b[1] ? -1 : 1));
    this.rank = new Int32Array(names.length).fill(6);
    this.types.forEach(([type], rank) => (this.rank[type] = Math.min(rank, 6)));
    this.typeNames = names;
  }

  /** For each event the one before it on its node and, for an arrival, the one in which it was sent. */
  link() {
    this.before = new Int32Array(this.count).fill(-1);
    this.sender = new Int32Array(this.count).fill(-1);
    this.byNode = this.names.map(() => []);
    for (let i = 0; i < this.count; i++) {
      if (this.from[i] >= 0) this.sender[i] = lastNoLater(this.byNode[this.from[i]], this.us, this.us[i] - this.took[i]);
      const own = this.byNode[this.node[i]];
      if (!own) continue;
      if (own.length) this.before[i] = own[own.length - 1];
      own.push(i);
    }
  }

  /** What the network did: repeated a message, or took much longer than usual. */
  findOdd() {
    this.isRepeat = new Uint8Array(this.count);
    this.isLate = new Uint8Array(this.count);
    const delays = [];
    for (let i = 0; i < this.count; i++) if (this.from[i] >= 0 && this.node[i] !== this.from[i]) delays.push(this.took[i]);
    const median = Float64Array.from(delays).sort()[delays.length >> 1] ?? 0;
    this.lateAfter = this.unit === "s" && delays.length >= 20 ? LATE * median : Infinity;
    const seen = new Set();
    for (let i = 0; i < this.count; i++) {
      if (this.from[i] < 0) continue;
      if (this.took[i] > this.lateAfter) this.isLate[i] = 1;
      const copy = `${this.from[i]} ${this.node[i]} ${this.us[i] - this.took[i]} ${this.text[i]}`;
      if (seen.has(copy)) this.isRepeat[i] = 1;
      else seen.add(copy);
    }
  }

  /** Stretches of lifelines: down after a crash, paused, leading. Each: { node, what, from, to } as event numbers. */
  spans() {
    const open = new Map();
    this.stretches = [];
    const end = (node, what, i) => {
      const key = `${node} ${what}`;
      if (open.has(key)) this.stretches.push({ node, what, from: open.get(key), to: i });
      open.delete(key);
    };
    const begin = (node, what, i) => {
      if (!open.has(`${node} ${what}`)) open.set(`${node} ${what}`, i);
    };
    for (const i of this.notable) {
      const node = this.node[i];
      const kind = this.kinds[this.kind[i]];
      if (DOWN.has(kind)) {
        for (const what of ["leading", "paused"]) end(node, what, i);
        begin(node, "down", i);
      } else if (UP.has(kind)) end(node, "down", i);
      else if (kind === "pause") begin(node, "paused", i);
      else if (kind === "resume") end(node, "paused", i);
      else if (kind === "leader") {
        for (let name = 0; name < this.names.length; name++) end(name, "leading", i);
        if (node >= 0) begin(node, "leading", i);
      }
    }
    for (const key of [...open.keys()]) end(Number(key.split(" ")[0]), key.slice(key.indexOf(" ") + 1), this.count - 1);
  }

  /** Of every block of events the earliest moment and event at which one of its messages was sent. */
  indexSendings() {
    const blocks = Math.ceil(this.count / BLOCK);
    this.earliest = { time: new Float64Array(blocks).fill(Infinity), order: new Float64Array(blocks).fill(Infinity) };
    for (let i = 0; i < this.count; i++) {
      const block = Math.floor(i / BLOCK);
      this.earliest.time[block] = Math.min(this.earliest.time[block], this.times[i] - this.took[i] / 1e6);
      this.earliest.order[block] = Math.min(this.earliest.order[block], this.sender[i] >= 0 ? this.sender[i] : i - 1.5);
    }
  }

  /** Calls visit(i) for the events from `from` whose message was sent no later than `hi` on an axis: past `to` in whole blocks. */
  eachCrossing(from, to, hi, axis, visit) {
    for (let i = from; i < to; i++) visit(i);
    const earliest = this.earliest[axis];
    for (let i = to; i < this.count; ) {
      const block = Math.floor(i / BLOCK);
      const end = Math.min(this.count, (block + 1) * BLOCK);
      if (earliest[block] <= hi) for (; i < end; i++) visit(i);
      i = end;
    }
  }

  // --- States ---

  readStates(packed) {
    this.fields = packed?.fields ?? [];
    this.values = packed?.values ?? [];
    this.changes = new Map(); // node and field -> { rows, values }, ascending
    this.fieldsOf = this.names.map(() => []);
    this.hasStates = this.fields.length > 0;
    const put = (node, row, field, value) => {
      const key = node * this.fields.length + field;
      if (!this.changes.has(key)) {
        this.changes.set(key, { rows: [], values: [] });
        this.fieldsOf[node].push(field);
      }
      const found = this.changes.get(key);
      found.rows.push(row);
      found.values.push(value);
    };
    for (const [node, field, value] of packed?.base ?? []) put(node, -1, field, value);
    let at = 0;
    let row = 0;
    (packed?.at ?? []).forEach((step, k) => {
      row += step;
      for (let n = 0; n < packed.size[k]; n++, at++) put(this.node[row], row, packed.field[at], packed.value[at]);
    });
    this.crashes = this.byNode.map((own) => own.filter((i) => DOWN.has(this.kinds[this.kind[i]])));
  }

  /** The fields of a node after event i: [{ name, value, was, changed }], in the order in which they first appeared. */
  state(node, i) {
    const died = lastNoLater(this.crashes[node] ?? [], null, i);
    const fields = [];
    for (const field of this.fieldsOf[node] ?? []) {
      const { rows, values } = this.changes.get(node * this.fields.length + field);
      const at = lastNoLater(rows, null, i);
      if (at < 0 && rows[0] !== -1) continue;
      const place = at < 0 ? 0 : lowerBound(rows, at);
      if (died >= 0 && rows[place] < died) continue;
      const text = this.values[values[place]];
      const old = place > 0 && rows[place - 1] >= died ? this.values[values[place - 1]] : null;
      const changed = rows[place] === i && old !== text;
      if (text !== "" || changed) fields.push({ field, name: this.fields[field], value: text, was: old, changed });
    }
    return fields;
  }

  /** The event whose handler did what row i tells: what it changed is the row of the event itself. */
  cause(i) {
    while (EFFECTS.has(this.kinds[this.kind[i]]) && this.before[i] >= 0 && this.us[this.before[i]] === this.us[i]) i = this.before[i];
    return i;
  }

  /** up, down, paused or leading, after event i. */
  status(node, i) {
    const now = this.stretches.filter((s) => s.node === node && s.from <= i && (i < s.to || s.to === this.count - 1)).map((s) => s.what);
    return ["down", "paused", "leading"].find((what) => now.includes(what)) ?? "up";
  }

  /** How often a field of a node changes in the whole trace. */
  restless(node, field) {
    return this.changes.get(node * this.fields.length + field)?.rows.length ?? 0;
  }

  // --- Happened before (Lamport 1978) ---

  /** The causal cone of event i, a byte per event: 1 what may have influenced it, 2 what it may have influenced, 3 itself. */
  cone(i) {
    const marks = new Uint8Array(this.count);
    marks[i] = 3;
    for (let k = i; k >= 0; k--) {
      if (!(marks[k] & 1)) continue;
      if (this.before[k] >= 0) marks[this.before[k]] |= 1;
      if (this.sender[k] >= 0) marks[this.sender[k]] |= 1;
    }
    for (let k = i + 1; k < this.count; k++) {
      const after = (at) => at >= 0 && marks[at] & 2;
      if (after(this.before[k]) || after(this.sender[k])) marks[k] |= 2;
    }
    return marks;
  }

  // --- Filters ---

  /**
   * A byte per event that fits, or null where everything does. Words must all be there, in the text, the kind, or the names;
   * `node:n1` only there, `kind:deliver`, `-word` not. hidden: types of message not shown.
   */
  select(query, hidden) {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length && !hidden.size) return null;
    const tests = words.map((word) => this.test(word));
    const fits = new Uint8Array(this.count);
    for (let i = 0; i < this.count; i++) fits[i] = !hidden.has(this.type[i]) && tests.every((test) => test(i)) ? 1 : 0;
    return fits;
  }

  test(word) {
    if (word.length > 1 && word[0] === "-") {
      const positive = this.test(word.slice(1));
      return (i) => !positive(i);
    }
    const [, what, wanted] = word.match(/^(node|kind|from|to):(.*)$/) ?? [null, "", word];
    const holds = (texts) => Uint8Array.from(texts, (text) => (text.toLowerCase().includes(wanted) ? 1 : 0));
    const isName = Uint8Array.from(this.names, (name) => (name.toLowerCase() === wanted ? 1 : 0));
    const isKind = Uint8Array.from(this.kinds, (kind) => (kind.includes(wanted) ? 1 : 0));
    const node = (i) => isName[this.node[i]] || isName[this.from[i]] || isName[this.to[i]];
    if (what === "node") return node;
    if (what === "kind") return (i) => isKind[this.kind[i]];
    if (what === "from") return (i) => isName[this.from[i]] || (this.to[i] >= 0 && isName[this.node[i]]);
    if (what === "to") return (i) => isName[this.to[i]] || (this.from[i] >= 0 && isName[this.node[i]]);
    const inText = holds(this.texts);
    return (i) => inText[this.text[i]] || isKind[this.kind[i]] || node(i);
  }

  // --- In words ---

  moment(i) {
    return momentText(this.times[i], 1e-6, this.unit);
  }

  /** What happened, in one line; and the text that came with it. */
  said(i) {
    const name = (n) => this.names[n] ?? "?";
    const kind = this.kinds[this.kind[i]];
    const where = this.node[i] >= 0 ? ` on ${name(this.node[i])}` : "";
    const took = this.unit === "s" ? ` in ${durationText(this.took[i] / 1e6)}` : "";
    if (kind === "send-lost") return `${name(this.node[i])} sent to ${name(this.to[i])}, lost`;
    if (this.isLost[i]) return `lost at ${name(this.node[i])}, which was down; from ${name(this.from[i])}`;
    const odd = `${this.isRepeat[i] ? ", a repetition" : ""}${this.isLate[i] ? ", late" : ""}`;
    if (this.from[i] >= 0) return `${name(this.from[i])} to ${name(this.node[i])}${took}${odd}`;
    return `${kind}${where}`;
  }

  words(i) {
    return this.texts[this.text[i]];
  }

  /** Number of an event in the whole trace, from which reports and links take it. */
  number(i) {
    return this.first + i;
  }

  /** The last event no later than a moment, the first where there is none. */
  indexAt(time) {
    return Math.max(0, Math.min(this.count - 1, lowerBound(this.times, time + 5e-7) - 1));
  }
}

/** The last of `indexes` (ascending) whose key is at most `limit`, or -1; without keys the index itself is compared. */
function lastNoLater(indexes, keys, limit) {
  let lo = 0;
  let hi = indexes.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if ((keys ? keys[indexes[mid]] : indexes[mid]) <= limit) lo = mid + 1;
    else hi = mid;
  }
  return lo ? indexes[lo - 1] : -1;
}
