// The space-time diagram (Lamport 1978): a lifeline per node, time to the right, an arrow per message.
//
// Level of detail. Up to VECTOR_MAX arrows in view are lines, the first of them with heads and names; more are counted into an
// image (raster.js). Faults, crashes, captions and violations are always drawn one by one.

import { MARKS, distanceTo, otherMark, paintArrow, paintArrowLabel, paintCross } from "./marks.js";
import { band, fitted, line, paintAxis } from "./pen.js";
import { Raster, rgb } from "./raster.js";
import { NOTABLE } from "./trace.js";
import { View, lowerBound, momentText, placed, ticks } from "./view.js";

const HUES = ["m1", "m2", "m3", "m4", "m5", "m6", "other"];
const LIFELINES_MAX = 24; // more are no drawing but a texture
const VECTOR_MAX = 1600; // arrows in view up to which each is a line
const HEADED_MAX = 700; // and has a head
const LABELLED_MAX = 120; // and carries its name
const DETAILED_MAX = 900; // events in view up to which small ones (timers, disks) are drawn too
const CROSSES_MAX = 500; // lost messages in view up to which each has its cross
const STRIPS_MAX = 3; // rows of fault names
const STRIP = 17;
const FADED = 0.1;

export class Lifelines {
  constructor(trace) {
    this.trace = trace;
    this.data = trace.data;
    this.rowOfName = chosenNames(trace, trace.focus);
    this.partial = this.rowOfName.size < trace.names.length; // a large cluster: some lifelines are left out
    this.off = new Set(); // names of nodes that the reader has put aside
    this.faults = placed(this.data.faults.filter((f) => !f.closes), this.data.end).filter((f) => f.row < STRIPS_MAX);
    const kinds = new Set(trace.notable.filter((i) => trace.node[i] < 0).map((i) => trace.kinds[trace.kind[i]]));
    this.captionRows = kinds.has("note") ? 4 : this.data.violation || kinds.has("leader") || (kinds.size && !this.faults.length) ? 1 : 0;
    const longest = trace.names.reduce((n, name) => Math.max(n, name.length), 0);
    this.gutter = Math.min(132, 18 + 7.4 * longest);
    this.fits = null; // bytes of the filter, or null
    this.cone = null; // bytes of the causal cone, or null
    this.coneOf = -1;
    this.right = 14;
    this.left = 64;
    this.shown = new Int32Array(trace.count);
    this.raster = new Raster();
    const last = trace.times[trace.count - 1];
    const pad = Math.max(1e-6, (last - trace.times[0]) * 0.01);
    const seconds = this.data.unit === "s";
    this.views = {
      time: new View(Math.max(this.data.start - pad / 10, trace.times[0] - pad), last + pad, seconds ? 1e-4 : 4),
      order: new View(-1, trace.count + 0.5, Math.min(8, trace.count)),
    };
    this.use(seconds ? "time" : "order");
    this.setNames();
  }

  // --- Geometry ---

  use(axis) {
    this.axis = axis;
    this.view = this.views[axis];
  }

  setNames() {
    this.names = [...this.rowOfName.keys()].filter((name) => !this.off.has(name));
    this.row = new Int32Array(this.trace.names.length).fill(-1);
    this.names.forEach((name, row) => (this.row[name] = row));
  }

  /** Of a large cluster, shows the lifelines that have to do with event i; whether that changed any. */
  bringIn(i) {
    const { node, from, to } = this.trace;
    if (!this.partial || [node[i], from[i], to[i]].every((name) => name < 0 || this.row[name] >= 0 || this.off.has(name))) return false;
    this.rowOfName = chosenNames(this.trace, i);
    this.setNames();
    return true;
  }

  /** The height that a width needs; from then on positions are known. */
  layout(width) {
    this.width = width;
    this.left = width < 600 ? Math.max(44, Math.min(84, this.gutter)) : Math.max(64, this.gutter);
    const strips = this.faults.reduce((n, f) => Math.max(n, f.row + 1), 0);
    this.stripTop = 6;
    this.captionTop = this.stripTop + strips * STRIP + (strips ? 4 : 0);
    this.top = this.captionTop + 18 * this.captionRows + 4;
    const gap = width < 600 ? 46 : 54;
    this.gap = this.names.length > 10 ? Math.max(18, (10 * gap) / this.names.length) : gap;
    this.bottom = this.top + Math.max(1, this.names.length) * this.gap;
    return this.bottom + 26;
  }

  get room() {
    return this.width - this.left - this.right;
  }

  x(at) {
    return this.left + ((at - this.view.lo) / this.view.span) * this.room;
  }

  positionAt(x) {
    return this.view.lo + ((x - this.left) / this.room) * this.view.span;
  }

  y(name) {
    return this.top + (this.row[name] + 0.5) * this.gap;
  }

  at(i) {
    return this.axis === "time" ? this.trace.times[i] : i;
  }

  /** A moment on the axis that is shown. */
  atTime(time) {
    return this.axis === "time" ? time : lowerBound(this.trace.times, time) - 0.5;
  }

  /** Where an arrow begins: the moment of sending, or in order of events the event that sent it. */
  sentAt(i) {
    if (this.axis === "time") return this.trace.times[i] - this.trace.took[i] / 1e6;
    return this.trace.sender[i] >= 0 ? this.trace.sender[i] : i - 1.5;
  }

  /** Indexes [from, to) of the events in view. */
  visible(margin = 0) {
    const { lo, hi, span } = this.view;
    const [a, b] = [lo - margin * span, hi + margin * span];
    if (this.axis === "order") return [Math.max(0, Math.ceil(a)), Math.min(this.trace.count, Math.floor(b) + 1)];
    return [lowerBound(this.trace.times, a), lowerBound(this.trace.times, b)];
  }

  /** Shows events [from, to] with a little air at both ends. */
  showRange(from, to) {
    const [lo, hi] = [this.at(Math.max(0, from)), this.at(Math.min(this.trace.count - 1, to))];
    this.view.set(lo - 0.03 * (hi - lo), hi + 0.08 * (hi - lo));
  }

  /** Shows event i with `messages` arrivals around it, `share` of them before. */
  showAround(i, messages, share) {
    const reach = (by, wanted) => {
      let at = i;
      for (let seen = 0; seen < wanted && at + by >= 0 && at + by < this.trace.count; at += by) seen += this.trace.isMessage[at];
      return at;
    };
    this.showRange(reach(-1, messages * share), reach(1, messages * (1 - share)));
  }

  isOff(i) {
    return this.fits !== null && !this.fits[i];
  }

  isFaded(i) {
    return this.cone !== null && !this.cone[i];
  }

  // --- Painting ---

  /** vector: every arrow is a line, however many there are; for exports. */
  paint(ctx, width, height, palette, vector = false) {
    const [from, to] = this.visible();
    this.detailed = to - from <= DETAILED_MAX;
    this.colours = HUES.map((hue) => palette[hue]);
    this.paintFaults(ctx, palette);
    if (this.axis === "time") paintAxis(ctx, this, this.view, width, this.top, this.bottom, palette, this.data.unit);
    else this.paintOrderAxis(ctx, palette);
    this.paintLifelines(ctx, palette);
    ctx.save();
    ctx.beginPath();
    ctx.rect(this.left, 0, width - this.left - this.right + 8, this.bottom);
    ctx.clip();
    this.paintStretches(ctx, palette);
    this.paintCone(ctx, palette);
    this.collect(from, to);
    if (vector || this.shownCount <= VECTOR_MAX) this.paintLines(ctx, palette);
    else this.paintImage(ctx, palette);
    if (this.detailed) for (let i = from; i < to; i++) this.paintEvent(ctx, palette, i);
    else this.eachNotable(from, to, (i) => this.paintEvent(ctx, palette, i));
    if (this.detailed) this.paintWords(ctx, palette, from, to);
    this.paintCaptions(ctx, palette);
    ctx.restore();
  }

  eachNotable(from, to, visit) {
    const { notable } = this.trace;
    for (let k = lowerBound(notable, from); k < notable.length && notable[k] < to; k++) visit(notable[k]);
  }

  /** Faults as bands: of the network over all lifelines, of nodes over theirs; their names in a strip above. */
  paintFaults(ctx, palette) {
    ctx.font = `12px ${palette.sans}`;
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    for (const fault of this.faults) {
      const x0 = Math.max(this.left, this.x(this.atTime(fault.from)));
      const x1 = Math.min(this.width - this.right + 8, this.x(this.atTime(fault.until)));
      if (x1 < this.left || x0 > this.width - this.right + 8) continue;
      const colour = palette[fault.family];
      const rows = (fault.nodes ?? []).map((name) => this.row[this.trace.names.indexOf(name)]).filter((row) => row >= 0);
      if (fault.family === "network" || !rows.length) band(ctx, x0, x1, this.top - 2, this.bottom, colour, 0.08);
      else for (const row of rows) band(ctx, x0, x1, this.top + row * this.gap + 4, this.top + (row + 1) * this.gap - 4, colour, 0.14);
      const y = this.stripTop + fault.row * STRIP;
      band(ctx, x0, x1, y, y + STRIP - 2, colour, 0.2);
      ctx.fillStyle = colour;
      ctx.fillRect(x0, y, 2, STRIP - 2);
      ctx.fillStyle = palette.ink;
      const next = this.faults.find((f) => f.row === fault.row && f.from > fault.from);
      const limit = Math.max(x1, Math.min(this.width - this.right, next ? this.x(this.atTime(next.from)) : Infinity));
      if (limit - x0 > 26) ctx.fillText(fitted(ctx, fault.text, limit - x0 - 10), x0 + 6, y + STRIP / 2);
    }
  }

  paintOrderAxis(ctx, palette) {
    const { values } = ticks(this.view.lo, this.view.hi, Math.max(2, this.width / 140));
    ctx.font = `12px ${palette.sans}`;
    ctx.textAlign = "center";
    ctx.textBaseline = "top";
    ctx.fillStyle = palette["ink-2"];
    for (const value of values) {
      if (!Number.isInteger(value) || value < 0 || value >= this.trace.count) continue;
      const x = this.x(value);
      if (x < this.left + 8 || x > this.width - 30) continue;
      ctx.fillText(momentText(this.trace.times[value], 1e-3, this.data.unit), x, this.bottom + 6);
    }
  }

  paintLifelines(ctx, palette) {
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    ctx.lineWidth = 1;
    for (const name of this.names) {
      const server = name < this.trace.servers;
      const marked = name === this.node;
      ctx.font = `${marked ? 700 : 600} 12px ${palette.sans}`;
      ctx.fillStyle = marked ? palette.accent : server ? palette.ink : palette["ink-2"];
      ctx.fillText(fitted(ctx, this.trace.names[name], this.left - 12), this.left - 9, this.y(name));
      ctx.strokeStyle = server ? palette["ink-2"] : palette.rule;
      ctx.globalAlpha = 0.7;
      line(ctx, this.left, this.y(name), this.width - this.right + 8, this.y(name));
      ctx.globalAlpha = 1;
    }
  }

  paintStretches(ctx, palette) {
    for (const { node, what, from, to } of this.trace.stretches) {
      if (this.row[node] < 0) continue;
      const y = this.y(node);
      const x0 = Math.max(this.left, this.x(this.at(from)));
      const x1 = Math.min(this.width, to === this.trace.count - 1 ? this.width : this.x(this.at(to)));
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

  /** The light cone: on each lifeline how far the past of the chosen event reaches, and from where on its future. */
  paintCone(ctx, palette) {
    if (!this.cone) return;
    for (const name of this.names) {
      const own = this.trace.byNode[name];
      const known = own.findLast((i) => this.cone[i] & 1);
      const reached = own.find((i) => this.cone[i] & 2);
      const y = this.y(name);
      ctx.lineWidth = 4;
      ctx.globalAlpha = 0.75;
      ctx.strokeStyle = palette.accent;
      if (known !== undefined) line(ctx, this.left, y, Math.max(this.left, this.x(this.at(known))), y);
      ctx.strokeStyle = palette.good;
      if (reached !== undefined) line(ctx, Math.max(this.left, this.x(this.at(reached))), y, this.width, y);
      ctx.globalAlpha = 1;
    }
  }

  /** The arrows to draw: those that fit the filter, between shown lifelines, and touch what is in view. */
  collect(from, to) {
    const { trace, shown, row, view } = this;
    let n = 0;
    const margin = 40;
    const lo = this.positionAt(this.left - margin);
    trace.eachCrossing(this.axis === "time" ? lowerBound(trace.times, lo) : Math.max(0, Math.ceil(lo)), to, view.hi, this.axis, (i) => {
      if (!trace.isMessage[i] || row[trace.node[i]] < 0 || this.isOff(i)) return;
      if (row[trace.from[i] >= 0 ? trace.from[i] : trace.to[i]] === undefined || this.sentAt(i) > view.hi) return;
      if (row[trace.from[i] >= 0 ? trace.from[i] : trace.to[i]] >= 0) shown[n++] = i;
    });
    this.shownCount = n;
  }

  paintLines(ctx, palette) {
    const many = this.shownCount > HEADED_MAX;
    const labels = [];
    for (let k = 0; k < this.shownCount; k++) {
      const i = this.shown[k];
      const faded = this.isFaded(i);
      ctx.globalAlpha = faded ? FADED : many ? 0.5 : 0.85;
      const ends = this.endsOf(i);
      paintArrow(ctx, ends, this.lookOf(i, palette, !many));
      if (this.shownCount <= LABELLED_MAX && !faded) labels.push([i, ends]);
    }
    ctx.globalAlpha = 1;
    const taken = [];
    for (const [i, ends] of labels) paintArrowLabel(ctx, ends, this.trace.typeNames[this.trace.type[i]], palette, taken);
  }

  lookOf(i, palette, headed, colour = this.colours[this.trace.rank[this.trace.type[i]]]) {
    const { isLost, isRepeat, isLate } = this.trace;
    return { colour, palette, lost: isLost[i] === 1, repeat: isRepeat[i] === 1, late: isLate[i] === 1, headed };
  }

  paintImage(ctx, palette) {
    const { trace, raster, left, top } = this;
    raster.begin(this.width - left - this.right + 8, this.bottom - top);
    const crosses = [];
    const [scale, lo] = [this.room / this.view.span, this.view.lo];
    for (let k = 0; k < this.shownCount; k++) {
      const i = this.shown[k];
      if (trace.isLost[i]) {
        const { x1, y1 } = this.endsOf(i);
        if (crosses.push([x1, y1, i]) <= CROSSES_MAX) continue;
      }
      const rank = this.isFaded(i) ? 1 : trace.isLost[i] ? 9 : 2 + trace.rank[trace.type[i]];
      const src = trace.from[i] >= 0 ? trace.from[i] : trace.to[i];
      const [y0, y1] = [(this.row[src] + 0.5) * this.gap, (this.row[trace.node[i]] + 0.5) * this.gap];
      raster.line((this.sentAt(i) - lo) * scale, y0, (this.at(i) - lo) * scale, y1, rank);
    }
    if (this.tones?.palette !== palette) {
      const tones = [palette.rule, palette.rule, ...this.colours, palette.bad].map(rgb);
      this.tones = { palette, tones };
    }
    raster.end(ctx, left, top, this.tones.tones);
    for (const [x, y, i] of crosses.slice(0, CROSSES_MAX)) {
      ctx.globalAlpha = this.isFaded(i) ? FADED : 0.9;
      paintCross(ctx, x, y, 2.5, palette.bad, 1.3);
    }
    ctx.globalAlpha = 1;
  }

  /** Where an arrow is drawn; a lost one ends half-way, unless a node that was down lost it. */
  endsOf(i) {
    const { node, from, to } = this.trace;
    if (from[i] < 0) {
      const x0 = this.x(this.at(i));
      const reach = Math.min(40, this.room * 0.03);
      return { x0, y0: this.y(node[i]), x1: x0 + reach, y1: this.y(node[i]) + (this.y(to[i]) - this.y(node[i])) * 0.42 };
    }
    return { x0: this.x(this.sentAt(i)), y0: this.y(from[i]), x1: this.x(this.at(i)), y1: this.y(node[i]) };
  }

  paintEvent(ctx, palette, i) {
    const { trace } = this;
    const name = trace.node[i];
    const kind = trace.kinds[trace.kind[i]];
    if (!(this.row[name] >= 0) || kind === "send-lost" || this.isOff(i)) return;
    ctx.globalAlpha = this.isFaded(i) ? 0.15 : 1;
    const paint = MARKS[kind] ?? otherMark;
    paint(ctx, this.x(this.at(i)), this.y(name), palette, this.colours[trace.rank[trace.type[i]]] ?? palette.ink);
    ctx.globalAlpha = 1;
  }

  /** The words of events that have no shape of their own, such as lines of a log, as far as there is room before the next. */
  paintWords(ctx, palette, from, to) {
    const { trace } = this;
    const limit = new Map();
    ctx.font = `11px ${palette.sans}`;
    ctx.textAlign = "left";
    ctx.textBaseline = "bottom";
    ctx.fillStyle = palette["ink-2"];
    for (let i = to - 1; i >= from; i--) {
      const name = trace.node[i];
      if (!(this.row[name] >= 0) || this.isOff(i) || this.isFaded(i)) continue;
      const x = this.x(this.at(i));
      const room = (limit.get(name) ?? this.width - this.right) - x - 6;
      limit.set(name, x);
      if (room < 44 || MARKS[trace.kinds[trace.kind[i]]]) continue;
      ctx.fillText(fitted(ctx, trace.words(i), room), x + 3, this.y(name) - 5);
    }
  }

  /** What belongs to no node, or to the story: flags above the lifelines, on as many rows as there is room for. */
  paintCaptions(ctx, palette) {
    ctx.font = `12px ${palette.sans}`;
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    const reach = new Array(this.captionRows).fill(-Infinity);
    const flags = [];
    const [from, to] = this.visible(0.1);
    this.eachNotable(from, to, (i) => {
      const kind = this.trace.kinds[this.trace.kind[i]];
      const told = kind === "violation" || (this.trace.node[i] < 0 && (kind === "note" || kind === "leader"));
      if (this.isOff(i) || !(told || (this.trace.node[i] < 0 && !this.faults.length))) return;
      const x = this.x(this.at(i));
      const words = this.caption(ctx, i, x);
      const row = reach.findIndex((end) => end <= words.from - 4);
      const colour = kind === "violation" ? palette.bad : { cut: palette.network, weather: palette.network }[kind] ?? palette["ink-2"];
      ctx.strokeStyle = colour;
      ctx.lineWidth = kind === "violation" ? 2 : 1;
      ctx.setLineDash(kind === "violation" ? [] : [3, 3]);
      line(ctx, x, row < 0 ? this.top - 8 : this.captionTop + row * 18, x, this.bottom);
      ctx.setLineDash([]);
      if (row < 0) return;
      reach[row] = Math.max(x, words.from + words.width) + 6;
      flags.push({ ...words, y: this.captionTop + 9 + row * 18, colour: kind === "note" ? palette.ink : colour });
    });
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
    const kind = this.trace.kinds[this.trace.kind[i]];
    const told = this.trace.words(i);
    const full = kind === "violation" ? "violation" : kind === "note" || kind === "leader" ? told : `${kind} ${told}`;
    const text = fitted(ctx, full, Math.min(520, this.width - this.left - 40));
    const width = ctx.measureText(text).width;
    const fits = x + width + 10 <= this.width - 4;
    return { text, width, from: fits ? x + 6 : Math.max(this.left + 2, x - width - 6) };
  }

  // --- Above the drawing: the cursor ---

  /** position: where the cursor is on the axis, between events too; item: the event at the cursor; hovered: under the pointer. */
  paintOver(ctx, palette, { position, item, hovered, pointer }) {
    ctx.save();
    ctx.beginPath();
    ctx.rect(this.left - 10, 0, this.width - this.left + 10, this.bottom + 4);
    ctx.clip();
    if (pointer) {
      ctx.strokeStyle = palette["ink-2"];
      ctx.globalAlpha = 0.3;
      ctx.lineWidth = 1;
      line(ctx, Math.round(pointer.x) + 0.5, this.top, Math.round(pointer.x) + 0.5, this.bottom);
      ctx.globalAlpha = 1;
    }
    if (hovered !== null && hovered !== item) this.paintRing(ctx, palette["ink-2"], palette, hovered, 1.5);
    const x = this.x(position);
    ctx.strokeStyle = ctx.fillStyle = palette.accent;
    ctx.lineWidth = 1.5;
    line(ctx, x, this.top - 6, x, this.bottom);
    ctx.beginPath();
    ctx.moveTo(x - 6, this.top - 11);
    ctx.lineTo(x + 6, this.top - 11);
    ctx.lineTo(x, this.top - 3);
    ctx.fill();
    this.paintRing(ctx, palette.accent, palette, item, 2.5);
    this.paintFlight(ctx, palette, position);
    ctx.restore();
  }

  paintRing(ctx, colour, palette, i, width) {
    const name = this.trace.node[i];
    if (!(this.row[name] >= 0)) return;
    if (this.trace.isMessage[i] && this.row[this.trace.from[i] >= 0 ? this.trace.from[i] : this.trace.to[i]] >= 0) {
      paintArrow(ctx, this.endsOf(i), { ...this.lookOf(i, palette, true, colour), palette: { ...palette, info: colour } });
    }
    ctx.strokeStyle = colour;
    ctx.lineWidth = width;
    ctx.beginPath();
    ctx.arc(this.x(this.at(i)), this.y(name), 8.5, 0, 7);
    ctx.stroke();
  }

  /** Messages on their way at the cursor: a dot on each arrow. */
  paintFlight(ctx, palette, position) {
    this.inFlight = 0;
    if (this.shownCount > HEADED_MAX) return;
    ctx.strokeStyle = palette.surface;
    ctx.lineWidth = 1.5;
    for (let k = 0; k < this.shownCount; k++) {
      const i = this.shown[k];
      if (this.trace.from[i] < 0) continue;
      const [sent, due] = [this.sentAt(i), this.at(i)];
      if (!(sent <= position && position < due)) continue;
      this.inFlight++;
      const share = (position - sent) / (due - sent);
      const { y0, y1 } = this.endsOf(i);
      ctx.fillStyle = this.colours[this.trace.rank[this.trace.type[i]]];
      ctx.beginPath();
      ctx.arc(this.x(position), y0 + share * (y1 - y0), 4.5, 0, 7);
      ctx.fill();
      ctx.stroke();
    }
  }

  // --- What is at a point ---

  hit(x, y) {
    const near = this.nearestEvent(x, y);
    if (near !== null || this.shownCount > VECTOR_MAX) return near;
    let best = null;
    let distance = 6;
    for (let k = 0; k < this.shownCount; k++) {
      const away = distanceTo(this.endsOf(this.shown[k]), x, y);
      if (away < distance) [best, distance] = [this.shown[k], away];
    }
    return best;
  }

  nearestEvent(x, y) {
    const [lo, hi] = [this.positionAt(x - 10), this.positionAt(x + 10)];
    const { trace } = this;
    const [from, to] =
      this.axis === "time" ? [lowerBound(trace.times, lo), lowerBound(trace.times, hi)] : [Math.max(0, Math.ceil(lo)), Math.min(trace.count, Math.floor(hi) + 1)];
    let best = null;
    let distance = 10;
    for (let i = from; i < to; i++) {
      if (this.isOff(i)) continue;
      const notable = NOTABLE.has(trace.kinds[trace.kind[i]]);
      const dy = this.row[trace.node[i]] >= 0 ? Math.abs(this.y(trace.node[i]) - y) : y < this.top && notable ? 0 : Infinity;
      const away = Math.hypot(this.x(this.at(i)) - x, dy) - (notable ? 2 : 0);
      if (away < distance) [best, distance] = [i, away];
    }
    return best;
  }

  /** The lifeline whose name is at a point, or null. */
  nameAt(x, y) {
    const row = Math.floor((y - this.top) / this.gap);
    return x < this.left && row >= 0 && row < this.names.length ? this.names[row] : null;
  }
}

/** The lifelines, servers first; of a large cluster those that have to do with the events next to a focus. */
function chosenNames(trace, focus) {
  const chosen = new Set();
  const take = (i) => {
    for (const name of [trace.node[i], trace.from[i], trace.to[i]]) if (name >= 0 && chosen.size < LIFELINES_MAX) chosen.add(name);
  };
  if (trace.servers <= LIFELINES_MAX) for (let name = 0; name < trace.servers; name++) chosen.add(name);
  for (let away = 0; away < trace.count && chosen.size < LIFELINES_MAX; away++) {
    for (const i of [focus - away, focus + away]) if (trace.from[i] >= 0 || trace.to[i] >= 0 || i === focus) take(i);
  }
  return new Map([...chosen].sort((a, b) => a - b).map((name, row) => [name, row]));
}
