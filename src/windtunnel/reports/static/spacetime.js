// The space-time diagram (Lamport 1978): a lifeline per node, time to the right, an arrow per message.

const NOTABLE = new Set(["violation", "crash", "restart", "start", "pause", "resume", "cut", "heal", "skew", "weather", "disk", "leader", "note"]);
const HUES = ["m1", "m2", "m3", "m4", "m5", "m6"];
const LABELLED_MAX = 120; // arrows in view up to which each carries its name
const LIFELINES_MAX = 24; // more are no drawing but a texture
const DETAILED_MAX = 900; // events in view up to which small ones (timers, disks) are drawn too

class Spacetime {
  constructor(data) {
    const t = data.trace;
    this.data = data;
    this.count = t.t.length;
    this.times = sums(t.t).map((us) => data.start + us / 1e6);
    this.kind = t.kind.map((k) => t.kinds[k]);
    this.focus = t.focus ?? Math.max(0, t.from.findIndex((name) => name >= 0));
    this.rowOfName = lifelines(t, this.focus);
    this.names = [...this.rowOfName.keys()];
    this.messageKinds();
    this.senders();
    this.spans();
    this.hidden = new Set();
    this.past = null;
    this.pastOnly = false;
    this.right = 14;
    this.left = 64;
    const last = this.times[this.count - 1];
    const pad = Math.max(1e-6, (last - this.times[0]) * 0.01);
    this.views = {
      time: new View(Math.max(data.start - pad / 10, this.times[0] - pad), last + pad, data.unit !== "s" ? 4 : 1e-4),
      order: new View(-1, this.count + 0.5, Math.min(8, this.count)),
    };
    this.use(data.unit !== "s" ? "order" : "time");
  }

  // --- Reading the trace ---

  /** Every message has a kind: the text up to its parenthesis. The most frequent six have a colour. */
  messageKinds() {
    const { texts, text } = this.data.trace;
    const names = texts.map((s) => s.split("(", 1)[0]);
    const tally = new Map();
    this.message = new Array(this.count).fill(null);
    for (let i = 0; i < this.count; i++) {
      if (!this.isMessage(i)) continue;
      this.message[i] = names[text[i]];
      tally.set(names[text[i]], (tally.get(names[text[i]]) ?? 0) + 1);
    }
    this.kinds = [...tally].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    this.hue = new Map(this.kinds.map(([name], i) => [name, HUES[i] ?? "other"]));
  }

  isMessage(i) {
    return this.data.trace.from[i] >= 0 || this.kind[i] === "send-lost";
  }

  lost(i) {
    return this.kind[i].includes("lost");
  }

  /** For each delivery, the event in which it was sent; for each event, the one before it on its node. */
  senders() {
    const { node, from, sent } = this.data.trace;
    const history = new Map();
    this.before = new Int32Array(this.count).fill(-1);
    this.sender = new Int32Array(this.count).fill(-1);
    for (let i = 0; i < this.count; i++) {
      if (from[i] >= 0) this.sender[i] = lastNoLater(history.get(from[i]) ?? [], this.times, this.times[i] - sent[i] / 1e6 + 1e-7);
      if (node[i] < 0) continue;
      const own = history.get(node[i]) ?? [];
      if (own.length) this.before[i] = own[own.length - 1];
      own.push(i);
      history.set(node[i], own);
    }
  }

  /** Stretches of lifelines: down after a crash, paused, leading. Each: { node, what, from, to } as event numbers. */
  spans() {
    const open = new Map();
    this.stretches = [];
    const end = (node, what, i) => {
      const from = open.get(`${node} ${what}`);
      if (from === undefined) return;
      open.delete(`${node} ${what}`);
      this.stretches.push({ node, what, from, to: i });
    };
    const begin = (node, what, i) => {
      if (!open.has(`${node} ${what}`)) open.set(`${node} ${what}`, i);
    };
    for (let i = 0; i < this.count; i++) {
      const node = this.data.trace.node[i];
      const kind = this.kind[i];
      if (kind === "crash") {
        for (const what of ["leading", "paused"]) end(node, what, i);
        begin(node, "down", i);
      } else if (kind === "start" || kind === "restart") end(node, "down", i);
      else if (kind === "pause") begin(node, "paused", i);
      else if (kind === "resume") end(node, "paused", i);
      else if (kind === "leader") {
        for (const name of this.rowOfName.keys()) end(name, "leading", i);
        if (node >= 0) begin(node, "leading", i);
      }
    }
    for (const key of [...open.keys()]) end(Number(key.split(" ")[0]), key.split(" ")[1], this.count - 1);
  }

  // --- Geometry ---

  use(axis) {
    this.axis = axis;
    this.view = this.views[axis];
  }

  height(width) {
    this.width = width;
    this.left = width < 600 ? 44 : 64;
    const gap = width < 600 ? 46 : 56;
    this.captionRows = this.kind.includes("note") ? 4 : 2;
    this.top = 18 + 18 * this.captionRows;
    this.gap = this.names.length > 12 ? Math.max(16, 620 / this.names.length) : gap;
    this.bottom = this.top + this.names.length * this.gap;
    return this.bottom + 26;
  }

  x(at) {
    return this.left + ((at - this.view.lo) / this.view.span) * (this.width - this.left - this.right);
  }

  y(name) {
    return this.top + (this.rowOfName.get(name) + 0.5) * this.gap;
  }

  at(i) {
    return this.axis === "time" ? this.times[i] : i;
  }

  /** Where an arrow begins: the moment of sending, or in order of events the event that sent it. */
  sentAt(i) {
    if (this.axis === "time") return this.times[i] - this.data.trace.sent[i] / 1e6;
    return this.sender[i] >= 0 ? this.sender[i] : i - 1.5;
  }

  /** Indexes [from, to) of the events in view. */
  visible(margin = 0) {
    const { lo, hi, span } = this.view;
    if (this.axis === "order") return [Math.max(0, Math.floor(lo - margin * span)), Math.min(this.count, Math.ceil(hi + margin * span) + 1)];
    return [lowerBound(this.times, lo - margin * span), lowerBound(this.times, hi + margin * span)];
  }

  rangeText() {
    const [from, to] = this.visible();
    const { lo, hi, span } = this.view;
    const range = `${momentText(lo, span / 100, this.data.unit)} – ${momentText(hi, span / 100, this.data.unit)}`;
    const shown = `${Math.max(0, to - from)} of ${this.count} events`;
    return this.axis === "time" ? `${range}, ${shown}` : shown;
  }

  /** Shows events [from, to] with a little air at both ends. */
  showRange(from, to) {
    const [lo, hi] = [this.at(Math.max(0, from)), this.at(Math.min(this.count - 1, to))];
    this.view.set(lo - 0.03 * (hi - lo), hi + 0.08 * (hi - lo));
  }

  /** Shows event i with `messages` arrivals around it, `share` of them before. */
  showAround(i, messages, share) {
    const reach = (by, wanted) => {
      let at = i;
      for (let seen = 0; seen < wanted && at + by >= 0 && at + by < this.count; at += by) if (this.message[at] !== null) seen++;
      return at;
    };
    this.showRange(reach(-1, messages * share), reach(1, messages * (1 - share)));
  }

  // --- Painting ---

  paint(ctx, width, height, palette) {
    this.width = width;
    const [from, to] = this.visible();
    this.detailed = to - from <= DETAILED_MAX;
    if (this.axis === "time") paintAxis(ctx, this, this.view, width, this.top, this.bottom, palette, this.data.unit);
    else this.paintOrderAxis(ctx, palette);
    this.paintLifelines(ctx, palette);
    ctx.save();
    ctx.beginPath();
    ctx.rect(this.left, 0, width - this.left - this.right + 8, this.bottom);
    ctx.clip();
    this.paintStretches(ctx, palette);
    this.paintArrows(ctx, palette);
    for (let i = from; i < to; i++) this.paintEvent(ctx, palette, i);
    this.paintCaptions(ctx, palette);
    ctx.restore();
  }

  paintOrderAxis(ctx, palette) {
    const { values } = ticks(this.view.lo, this.view.hi, Math.max(2, this.width / 140));
    ctx.font = `12px ${palette.sans}`;
    ctx.textAlign = "center";
    ctx.textBaseline = "top";
    ctx.fillStyle = palette["ink-2"];
    for (const value of values) {
      if (!Number.isInteger(value) || value < 0 || value >= this.count) continue;
      const x = this.x(value);
      if (x < this.left + 8 || x > this.width - 30) continue;
      ctx.fillText(momentText(this.times[value], 1e-3, this.data.unit), x, this.bottom + 6);
    }
  }

  paintLifelines(ctx, palette) {
    ctx.font = `600 12px ${palette.sans}`;
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    ctx.lineWidth = 1;
    for (const name of this.names) {
      const server = name < this.data.trace.servers;
      ctx.fillStyle = server ? palette.ink : palette["ink-2"];
      ctx.fillText(fitted(ctx, this.data.trace.names[name], this.left - 12), this.left - 9, this.y(name));
      ctx.strokeStyle = server ? palette["ink-2"] : palette.rule;
      ctx.globalAlpha = 0.7;
      line(ctx, this.left, this.y(name), this.width - this.right + 8, this.y(name));
      ctx.globalAlpha = 1;
    }
  }

  paintStretches(ctx, palette) {
    for (const { node, what, from, to } of this.stretches) {
      if (!this.rowOfName.has(node)) continue;
      const y = this.y(node);
      const x0 = this.x(this.at(from));
      const x1 = to === this.count - 1 ? Math.max(this.width, this.x(this.at(to))) : this.x(this.at(to));
      if (x1 < this.left || x0 > this.width) continue;
      if (what === "leading") {
        band(ctx, x0, x1, y - 6, y + 6, palette.accent, 0.28);
        continue;
      }
      ctx.fillStyle = palette.surface;
      ctx.fillRect(x0, y - 2, x1 - x0, 4);
      ctx.strokeStyle = what === "down" ? palette.bad : palette.process;
      ctx.lineWidth = 1.5;
      ctx.setLineDash(what === "down" ? [2, 7] : [7, 4]);
      line(ctx, x0, y, x1, y);
      ctx.setLineDash([]);
    }
  }

  paintArrows(ctx, palette) {
    // An arrow that is seen may begin or end beyond the edge.
    const [from, to] = this.visible(0.5);
    const shown = [];
    for (let i = from; i < to; i++) {
      if (!this.isMessage(i) || this.hidden.has(this.message[i])) continue;
      const ends = this.endsOf(i);
      if (ends && Math.max(ends.x0, ends.x1) > this.left && Math.min(ends.x0, ends.x1) < this.width) shown.push([i, ends]);
    }
    this.arrows = shown;
    const labels = [];
    for (const [i, ends] of shown) {
      const faded = this.fades(i);
      ctx.globalAlpha = faded ? 0.12 : shown.length > 700 ? 0.45 : 0.85;
      paintArrow(ctx, ends, palette[this.hue.get(this.message[i])], this.lost(i), palette.bad, shown.length <= 700);
      if (shown.length <= LABELLED_MAX && !faded) labels.push([i, ends]);
    }
    ctx.globalAlpha = 1;
    const taken = [];
    for (const [i, ends] of labels) paintArrowLabel(ctx, ends, this.message[i], palette, taken);
  }

  /** Where an arrow is drawn; a lost one ends half-way, unless a node that was down lost it. */
  endsOf(i) {
    const { node, from, to } = this.data.trace;
    if (this.kind[i] === "send-lost") {
      if (!this.rowOfName.has(to[i]) || !this.rowOfName.has(node[i])) return null;
      const x0 = this.x(this.at(i));
      const reach = Math.min(40, (this.width - this.left) * 0.03);
      return { x0, y0: this.y(node[i]), x1: x0 + reach, y1: this.y(node[i]) + (this.y(to[i]) - this.y(node[i])) * 0.42 };
    }
    if (!this.rowOfName.has(from[i])) return null;
    return { x0: this.x(this.sentAt(i)), y0: this.y(from[i]), x1: this.x(this.at(i)), y1: this.y(node[i]) };
  }

  fades(i) {
    return this.pastOnly && this.past !== null && !this.past.has(i);
  }

  paintEvent(ctx, palette, i) {
    const name = this.data.trace.node[i];
    if (!this.rowOfName.has(name)) return;
    const kind = this.kind[i];
    const small = !NOTABLE.has(kind);
    if (small && (!this.detailed || kind === "send-lost")) return;
    if (this.message[i] !== null && this.hidden.has(this.message[i])) return;
    ctx.globalAlpha = this.fades(i) ? 0.15 : 1;
    const paint = MARKS[kind] ?? (kind === "deliver" ? MARKS.deliver : MARKS.other);
    paint(ctx, this.x(this.at(i)), this.y(name), palette, palette[this.hue.get(this.message[i])] ?? palette.ink);
    ctx.globalAlpha = 1;
  }

  /** What belongs to no node, or to the story: flags above the lifelines, on as many rows as there is room for. */
  paintCaptions(ctx, palette) {
    ctx.font = `12px ${palette.sans}`;
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    const reach = new Array(this.captionRows).fill(-Infinity);
    const flags = [];
    const [from, to] = this.visible(0.1);
    for (let i = from; i < to; i++) {
      const kind = this.kind[i];
      if (!NOTABLE.has(kind) || (this.data.trace.node[i] >= 0 && kind !== "violation")) continue;
      const x = this.x(this.at(i));
      const words = this.caption(ctx, i, x);
      const row = reach.findIndex((end) => end <= words.from - 4);
      const colour = kind === "violation" ? palette.bad : { cut: palette.network, weather: palette.network }[kind] ?? palette["ink-2"];
      ctx.strokeStyle = colour;
      ctx.lineWidth = kind === "violation" ? 2 : 1;
      ctx.setLineDash(kind === "violation" ? [] : [3, 3]);
      line(ctx, x, row < 0 ? this.top - 8 : 12 + row * 18, x, this.bottom);
      ctx.setLineDash([]);
      if (row < 0) continue;
      reach[row] = Math.max(x, words.from + words.width) + 6;
      flags.push({ ...words, y: 13 + row * 18, colour: kind === "note" ? palette.ink : colour });
    }
    ctx.lineWidth = 5;
    ctx.strokeStyle = palette.surface;
    for (const { text, from: x, y, colour } of flags) {
      ctx.strokeText(text, x, y);
      ctx.fillStyle = colour;
      ctx.fillText(text, x, y);
    }
  }

  /** The words of a flag and where they stand: right of their line, or left of it near the right edge. */
  caption(ctx, i, x) {
    const kind = this.kind[i];
    const told = this.data.trace.texts[this.data.trace.text[i]];
    const full = kind === "violation" ? "violation" : kind === "note" || kind === "leader" ? told : `${kind} ${told}`;
    const text = fitted(ctx, full, Math.min(520, this.width - this.left - 40));
    const width = ctx.measureText(text).width;
    const fits = x + width + 10 <= this.width - 4;
    return { text, width, from: fits ? x + 6 : Math.max(this.left + 2, x - width - 6) };
  }

  over(ctx, width, height, palette, pointer, item) {
    if (item === null) return;
    const name = this.data.trace.node[item];
    const x = this.x(this.at(item));
    ctx.strokeStyle = palette.accent;
    ctx.lineWidth = 2.5;
    if (!this.rowOfName.has(name)) return line(ctx, x, 12, x, this.bottom);
    ctx.beginPath();
    ctx.arc(x, this.y(name), 9, 0, 7);
    ctx.stroke();
    const ends = this.isMessage(item) ? this.endsOf(item) : null;
    if (ends) paintArrow(ctx, ends, palette.accent, this.lost(item), palette.accent, true);
  }

  // --- Items: numbers of events ---

  hit(x, y) {
    const near = this.nearestEvent(x, y);
    if (near !== null) return near;
    let best = null;
    let distance = 6;
    for (const [i, ends] of this.arrows ?? []) {
      const away = distanceTo(ends, x, y);
      if (away < distance) [best, distance] = [i, away];
    }
    return best;
  }

  nearestEvent(x, y) {
    const [from, to] = this.visible(0.02);
    let best = null;
    let distance = 10;
    for (let i = from; i < to; i++) {
      const name = this.data.trace.node[i];
      const notable = NOTABLE.has(this.kind[i]);
      if (!notable && !this.detailed) continue;
      const dy = this.rowOfName.has(name) ? Math.abs(this.y(name) - y) : y < this.top ? 0 : Infinity;
      const away = Math.hypot(this.x(this.at(i)) - x, dy) - (notable ? 2 : 0);
      if (away < distance) [best, distance] = [i, away];
    }
    return best;
  }

  text(i) {
    const { names, node, from, to, texts, text, sent } = this.data.trace;
    const when = momentText(this.times[i], 1e-6, this.data.unit);
    const where = node[i] >= 0 ? ` on ${names[node[i]]}` : "";
    const words = texts[text[i]];
    const took = this.data.unit === "s" ? ` in ${durationText(sent[i] / 1e6)}` : "";
    if (this.kind[i] === "send-lost") return `${when}: ${names[node[i]]} sent to ${names[to[i]] ?? "?"}, lost\n${words}`;
    if (this.lost(i)) return `${when}: lost at ${names[node[i]]}, which was down; from ${names[from[i]]}\n${words}`;
    if (from[i] >= 0) return `${when}: ${names[from[i]]} to ${names[node[i]]}${took}\n${words}`;
    return `${when}: ${this.kind[i]}${where}${words ? `\n${words}` : ""}`;
  }

  stops() {
    return (this.notable ??= this.all().filter((i) => NOTABLE.has(this.kind[i])));
  }

  all() {
    return (this.everything ??= Array.from({ length: this.count }, (_, i) => i));
  }

  /** What led to the selected event: its node's past, and through every message its sender's. */
  chosen(item) {
    this.past = null;
    if (item === null) return;
    this.past = new Set();
    const todo = [item];
    while (todo.length) {
      const i = todo.pop();
      if (i < 0 || this.past.has(i)) continue;
      this.past.add(i);
      todo.push(this.before[i], this.sender[i]);
    }
  }
}

// --- Parts ---

/**
 * The names on lifelines, servers first, each with the number of its row. Of a large cluster those that have to do with the
 * events next to `focus`, and with each other.
 */
function lifelines(trace, focus) {
  const chosen = new Set();
  const take = (i) => {
    for (const name of [trace.node[i], trace.from[i], trace.to[i]]) if (name >= 0 && chosen.size < LIFELINES_MAX) chosen.add(name);
  };
  if (trace.servers <= LIFELINES_MAX) for (let name = 0; name < trace.servers; name++) chosen.add(name);
  for (let away = 0; away < trace.node.length && chosen.size < LIFELINES_MAX; away++) {
    for (const i of [focus - away, focus + away]) if (trace.from[i] >= 0 || trace.to[i] >= 0 || i === focus) take(i);
  }
  return new Map([...chosen].sort((a, b) => a - b).map((name, row) => [name, row]));
}

/** The last of `indexes` (ascending) whose time is at most `limit`, or -1. */
function lastNoLater(indexes, times, limit) {
  for (let k = indexes.length - 1; k >= 0; k--) if (times[indexes[k]] <= limit) return indexes[k];
  return -1;
}

function paintArrow(ctx, { x0, y0, x1, y1 }, colour, lost, cross, headed) {
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.lineWidth = 1.3;
  if (lost) ctx.setLineDash([4, 3]);
  line(ctx, x0, y0, x1, y1);
  ctx.setLineDash([]);
  if (lost) {
    ctx.strokeStyle = cross;
    ctx.lineWidth = 1.8;
    line(ctx, x1 - 3.5, y1 - 3.5, x1 + 3.5, y1 + 3.5);
    line(ctx, x1 - 3.5, y1 + 3.5, x1 + 3.5, y1 - 3.5);
  } else if (headed) {
    const angle = Math.atan2(y1 - y0, x1 - x0);
    const back = (turn) => [x1 - 8 * Math.cos(angle + turn), y1 - 8 * Math.sin(angle + turn)];
    ctx.beginPath();
    ctx.moveTo(x1, y1);
    ctx.lineTo(...back(0.38));
    ctx.lineTo(...back(-0.38));
    ctx.fill();
  }
}

/** The name of a message along its arrow, with a halo, unless it would run into one of the labels in `taken`. */
function paintArrowLabel(ctx, { x0, y0, x1, y1 }, text, palette, taken) {
  const length = Math.hypot(x1 - x0, y1 - y0);
  ctx.font = `11px ${palette.sans}`;
  const width = ctx.measureText(text).width;
  if (width > length - 18) return;
  const [ux, uy] = [(x1 - x0) / length, (y1 - y0) / length];
  const middle = [(x0 + x1) / 2, (y0 + y1) / 2];
  const discs = [-0.5, -0.375, -0.25, -0.125, 0, 0.125, 0.25, 0.375, 0.5].map((k) => [middle[0] + k * width * ux, middle[1] + k * width * uy]);
  if (discs.some(([x, y]) => taken.some(([a, b]) => Math.hypot(a - x, b - y) < 14))) return;
  taken.push(...discs);
  ctx.save();
  ctx.translate(...middle);
  const angle = Math.atan2(uy, ux);
  ctx.rotate(Math.abs(angle) > Math.PI / 2 ? angle + Math.PI : angle);
  ctx.textAlign = "center";
  ctx.textBaseline = "bottom";
  ctx.lineWidth = 3;
  ctx.strokeStyle = palette.surface;
  ctx.strokeText(text, 0, -2);
  ctx.fillStyle = palette.ink;
  ctx.fillText(text, 0, -2);
  ctx.restore();
}

function distanceTo({ x0, y0, x1, y1 }, x, y) {
  const square = (x1 - x0) ** 2 + (y1 - y0) ** 2 || 1;
  const share = Math.max(0, Math.min(1, ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / square));
  return Math.hypot(x0 + share * (x1 - x0) - x, y0 + share * (y1 - y0) - y);
}

function path(ctx, points) {
  ctx.beginPath();
  points.forEach(([x, y], i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
  ctx.closePath();
}

/** How an event looks on its lifeline: a shape for each kind. */
const MARKS = {
  deliver(ctx, x, y, palette, colour) {
    ctx.fillStyle = colour;
    ctx.beginPath();
    ctx.arc(x, y, 2.6, 0, 7);
    ctx.fill();
  },
  timer(ctx, x, y, palette) {
    ctx.fillStyle = palette.surface;
    ctx.strokeStyle = palette["ink-2"];
    ctx.lineWidth = 1.4;
    ctx.beginPath();
    ctx.arc(x, y, 3.4, 0, 7);
    ctx.fill();
    ctx.stroke();
  },
  synced(ctx, x, y, palette) {
    ctx.fillStyle = palette["ink-2"];
    ctx.fillRect(x - 1.2, y - 5, 2.4, 10);
  },
  persist(ctx, x, y, palette) {
    MARKS.synced(ctx, x, y, palette);
  },
  apply(ctx, x, y, palette) {
    ctx.fillStyle = palette.good;
    path(ctx, [[x, y - 5], [x + 4, y], [x, y + 5], [x - 4, y]]);
    ctx.fill();
  },
  reply(ctx, x, y, palette) {
    ctx.fillStyle = palette.ok;
    path(ctx, [[x - 4, y + 5], [x + 4, y + 5], [x, y - 2]]);
    ctx.fill();
  },
  crash(ctx, x, y, palette) {
    ctx.strokeStyle = palette.bad;
    ctx.lineWidth = 3;
    line(ctx, x - 6, y - 6, x + 6, y + 6);
    line(ctx, x - 6, y + 6, x + 6, y - 6);
  },
  start(ctx, x, y, palette) {
    ctx.fillStyle = palette.good;
    path(ctx, [[x - 4, y - 7], [x + 8, y], [x - 4, y + 7]]);
    ctx.fill();
  },
  restart(ctx, x, y, palette) {
    MARKS.start(ctx, x, y, palette);
  },
  pause(ctx, x, y, palette) {
    ctx.fillStyle = palette.process;
    ctx.fillRect(x - 5, y - 7, 3.5, 14);
    ctx.fillRect(x + 1.5, y - 7, 3.5, 14);
  },
  resume(ctx, x, y, palette) {
    ctx.fillStyle = palette.process;
    path(ctx, [[x - 4, y - 7], [x + 8, y], [x - 4, y + 7]]);
    ctx.fill();
  },
  leader(ctx, x, y, palette) {
    ctx.fillStyle = palette.accent;
    path(ctx, [[x - 8, y + 6], [x - 8, y - 5], [x - 4, y], [x, y - 7], [x + 4, y], [x + 8, y - 5], [x + 8, y + 6]]);
    ctx.fill();
  },
  violation(ctx, x, y, palette) {
    ctx.strokeStyle = palette.bad;
    ctx.fillStyle = palette.surface;
    ctx.lineWidth = 3;
    ctx.beginPath();
    ctx.arc(x, y, 8, 0, 7);
    ctx.fill();
    ctx.stroke();
    ctx.lineWidth = 2;
    line(ctx, x - 3, y - 3, x + 3, y + 3);
    line(ctx, x - 3, y + 3, x + 3, y - 3);
  },
  other(ctx, x, y, palette) {
    ctx.fillStyle = palette["ink-2"];
    ctx.fillRect(x - 3, y - 3, 6, 6);
  },
};
