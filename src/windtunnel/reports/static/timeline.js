// Operations per client, latency and throughput over one axis, with faults as bands across all three.

import { band, fitted, hatch, line, paintAxis, stripes } from "./pen.js";
import { View, durationText, lowerBound, momentText, placed, sums, ticks } from "./view.js";

const OUTCOMES = ["ok", "fail", "info"];
const OUTCOME_WORDS = ["ok", "failed", "unknown"];
const QUANTILES = [
  { q: 0.5, name: "p50", dash: [] },
  { q: 0.95, name: "p95", dash: [6, 3] },
  { q: 0.99, name: "p99", dash: [2, 2] },
];

export class Timeline {
  constructor(data) {
    const ops = data.operations;
    this.data = data;
    this.ops = ops;
    this.invoked = sums(ops.invoked).map((us) => data.start + us / 1e6);
    this.took = Float64Array.from(ops.took, (us) => us / 1e6);
    this.longest = this.took.reduce((a, b) => Math.max(a, b), 0);
    this.marked = new Set(ops.marked);
    this.faults = placed(data.faults.filter((f) => !f.closes), data.end);
    this.timed = data.unit === "s";
    this.view = new View(data.start, data.end + 0.01 * (data.end - data.start), this.timed ? 1e-3 : 4);
    this.left = 72;
    this.right = 12;
    const known = this.took.filter((s, i) => ops.type[i] === 0 && s > 0);
    this.latency = { lo: known.reduce((a, b) => Math.min(a, b), Infinity), hi: known.reduce((a, b) => Math.max(a, b), 0) };
    this.charted = this.timed && known.length >= 20;
  }

  // --- Geometry ---

  height(width) {
    this.left = width < 600 ? 58 : 72;
    this.width = width;
    const lanes = this.ops.lanes.length;
    const strips = this.faults.reduce((n, f) => Math.max(n, f.row + 1), 0);
    this.rowHeight = Math.min(22, 400 / lanes);
    let y = 10;
    const take = (height, gap) => {
      const region = { top: y, bottom: y + height };
      y += height + gap;
      return region;
    };
    this.strip = take(strips * 17, strips ? 12 : 0);
    this.rows = take(Math.max(20, lanes * this.rowHeight), 26);
    this.latencyRegion = this.charted ? take(120, 26) : null;
    this.rate = this.charted ? take(80, 0) : null;
    this.bottom = this.charted ? this.rate.bottom : this.rows.bottom + 4;
    return this.bottom + 26;
  }

  x(at) {
    return this.left + ((at - this.view.lo) / this.view.span) * (this.width - this.left - this.right);
  }

  endOf(i) {
    return this.took[i] < 0 ? this.data.end : this.invoked[i] + this.took[i];
  }

  /** Indexes [from, to) of the operations that can be visible. */
  visible() {
    return [lowerBound(this.invoked, this.view.lo - this.longest), lowerBound(this.invoked, this.view.hi)];
  }

  rangeText() {
    const { lo, hi, span } = this.view;
    return `${momentText(lo, span / 100, this.data.unit)} – ${momentText(hi, span / 100, this.data.unit)}`;
  }

  // --- Painting ---

  paint(ctx, width, height, palette) {
    this.width = width;
    paintAxis(ctx, this, this.view, width, this.rows.top, this.bottom, palette, this.data.unit);
    ctx.save();
    ctx.beginPath();
    ctx.rect(this.left, 0, width - this.left - this.right, this.bottom);
    ctx.clip();
    this.paintClients(ctx, palette);
    this.paintFaults(ctx, palette);
    this.paintOperations(ctx, palette);
    if (this.charted) {
      this.buckets = this.bucketed();
      this.paintLatency(ctx, palette);
      this.paintRate(ctx, palette);
    }
    this.paintViolation(ctx, palette);
    ctx.restore();
    this.paintLabels(ctx, palette);
  }

  /** Every other client stands on a faint ground, so that its rows read as one. */
  paintClients(ctx, palette) {
    const { lanes } = this.ops;
    let client = -1;
    ctx.fillStyle = palette.sunk;
    lanes.forEach((label, row) => {
      client += label ? 1 : 0;
      if (client % 2 === 1) ctx.fillRect(this.left, this.rows.top + row * this.rowHeight, this.width, this.rowHeight + 0.5);
    });
  }

  paintFaults(ctx, palette) {
    ctx.font = `12px ${palette.sans}`;
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    for (const fault of this.faults) {
      const colour = palette[fault.family];
      const [x0, x1] = [this.x(fault.from), Math.max(this.x(fault.until), this.x(fault.from) + 2)];
      if (x1 < this.left || x0 > this.width) continue;
      const y = this.strip.top + fault.row * 17;
      band(ctx, x0, x1, this.rows.top - 4, this.bottom, colour, 0.07);
      band(ctx, x0, x1, y, y + 15, colour, 0.18);
      ctx.fillStyle = colour;
      ctx.fillRect(x0, y, 2, 15);
      ctx.fillStyle = palette.ink;
      const from = Math.max(x0, this.left) + 6;
      const room = this.roomOf(fault, x1) - from - 4;
      if (room > 18) ctx.fillText(fitted(ctx, fault.text, room), from, y + 8);
    }
  }

  /** A label may run on beyond its band, up to the next band of the row. */
  roomOf(fault, x1) {
    const next = this.faults.find((f) => f.row === fault.row && f.from > fault.from);
    return Math.max(x1, next ? this.x(next.from) : this.width - this.right);
  }

  paintOperations(ctx, palette) {
    const [from, to] = this.visible();
    const failed = hatch(ctx, palette.fail);
    const reach = new Float64Array(this.ops.lanes.length);
    for (const type of [0, 1, 2]) {
      reach.fill(-1);
      for (let i = from; i < to; i++) {
        if (this.ops.type[i] !== type) continue;
        const x0 = this.x(this.invoked[i]);
        const x1 = Math.max(x0 + 1.5, this.x(this.endOf(i)));
        const lane = this.ops.lane[i];
        if (x1 <= reach[lane] + 0.5) continue; // hidden behind one already drawn
        reach[lane] = x1;
        this.paintBar(ctx, palette, failed, i, x0, x1);
      }
    }
    for (const i of this.marked) this.paintMark(ctx, palette, i);
  }

  paintBar(ctx, palette, failed, i, x0, x1) {
    const type = this.ops.type[i];
    const pad = this.rowHeight >= 8 ? 3 : this.rowHeight >= 4 ? 0.5 : 0;
    const y = this.rows.top + this.ops.lane[i] * this.rowHeight + pad;
    const h = Math.max(1, this.rowHeight - 2 * pad);
    const colour = palette[OUTCOMES[type]];
    if (x1 - x0 < 3 || h < 4) {
      // Too small for a pattern: what failed is a tick at the foot of the row, what is unknown one at its head.
      const tick = type === 0 || h < 4 ? h : 0.45 * h;
      ctx.fillStyle = colour;
      ctx.fillRect(x0, type === 1 ? y + h - tick : y, x1 - x0, tick);
      return;
    }
    if (type === 0) {
      ctx.fillStyle = colour;
      ctx.fillRect(x0, y, x1 - x0 - 0.7, h);
    } else {
      ctx.strokeStyle = colour;
      ctx.lineWidth = 1.2;
      if (type === 1) {
        ctx.fillStyle = failed;
        ctx.fillRect(x0, y, x1 - x0, h);
        ctx.strokeRect(x0 + 0.6, y + 0.6, x1 - x0 - 1.2, h - 1.2);
      } else paintOpenBar(ctx, x0, x1, y, h);
    }
    if (x1 - x0 > 60 && h >= 13) {
      ctx.font = `11px ${palette.mono}`;
      ctx.textAlign = "left";
      ctx.textBaseline = "middle";
      ctx.fillStyle = type === 0 ? palette.surface : palette.ink;
      const begin = Math.max(x0, this.left) + 5;
      const text = this.ops.texts[this.ops.text[i]];
      const shown = fitted(ctx, text, Math.min(x1, this.width - this.right) - begin - 6);
      if (shown === text || shown.length > 12) ctx.fillText(shown, begin, y + h / 2 + 0.5);
    }
  }

  paintMark(ctx, palette, i) {
    const y = this.rows.top + this.ops.lane[i] * this.rowHeight;
    const x0 = this.x(this.invoked[i]);
    ctx.strokeStyle = palette.bad;
    ctx.lineWidth = 2;
    ctx.strokeRect(x0 - 2, y + 0.5, Math.max(5, this.x(this.endOf(i)) - x0 + 4), Math.max(4, this.rowHeight - 1));
  }

  /** Buckets of a round width over what is visible: counts per outcome and sorted latencies of the ok ones. */
  bucketed() {
    const [from, to] = this.visible();
    // Room for a bar, and enough operations for a percentile to mean something.
    const most = Math.max(8, Math.min((this.width - this.left) / 9, (to - from) / 15));
    const width = ticks(this.view.lo, this.view.hi, most).step;
    const first = Math.floor(this.view.lo / width);
    const count = Math.ceil(this.view.hi / width) - first + 1;
    const key = `${width} ${first} ${count}`;
    if (this.buckets?.key === key) return this.buckets;
    const rows = Array.from({ length: count }, () => ({ counts: [0, 0, 0], took: [] }));
    for (let i = from; i < to; i++) {
      const row = rows[Math.floor(this.endOf(i) / width) - first];
      if (!row) continue;
      row.counts[this.ops.type[i]]++;
      if (this.ops.type[i] === 0) row.took.push(this.took[i]);
    }
    for (const row of rows) row.took = Float64Array.from(row.took).sort();
    return { key, width, first, rows };
  }

  paintLatency(ctx, palette) {
    const { top, bottom } = this.latencyRegion;
    const lo = Math.floor(Math.log10(this.latency.lo) * 2) / 2;
    const hi = Math.max(lo + 1, Math.ceil(Math.log10(this.latency.hi) * 2) / 2);
    this.yOf = (s) => bottom - ((Math.log10(Math.max(s, 1e-7)) - lo) / (hi - lo)) * (bottom - top);
    this.decades = [];
    for (let d = Math.ceil(lo); d <= hi; d++) this.decades.push(10 ** d);
    ctx.strokeStyle = palette["rule-2"];
    ctx.lineWidth = 1;
    for (const value of this.decades) line(ctx, this.left, Math.round(this.yOf(value)) + 0.5, this.width, Math.round(this.yOf(value)) + 0.5);
    const { rows, width, first } = this.buckets;
    ctx.strokeStyle = palette.ok;
    for (const { q, dash } of QUANTILES) {
      ctx.setLineDash(dash);
      ctx.lineWidth = q === 0.5 ? 2 : 1.3;
      ctx.beginPath();
      let drawing = false;
      rows.forEach((row, k) => {
        if (!row.took.length) {
          drawing = false;
          return;
        }
        const y = this.yOf(quantile(row.took, q));
        const [x0, x1] = [this.x((first + k) * width), this.x((first + k + 1) * width)];
        if (drawing) ctx.lineTo(x0, y);
        else ctx.moveTo(x0, y);
        ctx.lineTo(x1, y);
        drawing = true;
      });
      ctx.stroke();
    }
    ctx.setLineDash([]);
  }

  paintRate(ctx, palette) {
    const { top, bottom } = this.rate;
    const { rows, width, first } = this.buckets;
    const most = rows.reduce((n, row) => Math.max(n, row.counts[0] + row.counts[1] + row.counts[2]), 0) / width;
    this.most = ticks(0, Math.max(most, 1), 2);
    const peak = Math.max(most, this.most.step);
    this.rateY = (rate) => bottom - (rate / peak) * (bottom - top);
    const fills = [palette.ok, hatch(ctx, palette.fail), stripes(ctx, palette.info)];
    rows.forEach((row, k) => {
      const [x0, x1] = [this.x((first + k) * width), this.x((first + k + 1) * width)];
      let y = bottom;
      row.counts.forEach((n, type) => {
        if (!n) return;
        const h = bottom - this.rateY(n / width);
        ctx.fillStyle = fills[type];
        ctx.fillRect(x0, y - h, Math.max(1, x1 - x0 - 1), h);
        y -= h;
      });
    });
  }

  paintViolation(ctx, palette) {
    const violation = this.data.violation;
    if (!violation) return;
    const x = Math.round(this.x(violation.at)) + 0.5;
    ctx.strokeStyle = palette.bad;
    ctx.lineWidth = 1.5;
    line(ctx, x, this.strip.top, x, this.bottom);
  }

  paintLabels(ctx, palette) {
    ctx.font = `12px ${palette.sans}`;
    ctx.textBaseline = "middle";
    ctx.textAlign = "right";
    ctx.fillStyle = palette["ink-2"];
    let last = -Infinity;
    this.ops.lanes.forEach((label, row) => {
      const y = this.rows.top + (row + 0.5) * this.rowHeight;
      if (!label || y - last < 13) return;
      ctx.fillText(fitted(ctx, label, this.left - 12), this.left - 8, y);
      last = y;
    });
    if (!this.charted) return;
    for (const value of this.decades) ctx.fillText(durationText(value).replace(/\.0+ /, " "), this.left - 8, this.yOf(value));
    for (const value of this.most.values) ctx.fillText(`${value}/s`, this.left - 8, Math.min(this.rateY(value), this.rate.bottom - 5));
    ctx.textAlign = "left";
    ctx.fillStyle = palette.ink;
    ctx.font = `600 12px ${palette.sans}`;
    ctx.fillText("Latency", this.left, this.latencyRegion.top - 12);
    const after = this.left + ctx.measureText("Latency ").width + 4;
    ctx.fillText("Throughput", this.left, this.rate.top - 12);
    this.paintQuantileKey(ctx, palette, after, this.latencyRegion.top - 12);
  }

  paintQuantileKey(ctx, palette, x, y) {
    ctx.font = `12px ${palette.sans}`;
    ctx.strokeStyle = palette.ok;
    for (const { name, q, dash } of QUANTILES) {
      ctx.setLineDash(dash);
      ctx.lineWidth = q === 0.5 ? 2 : 1.3;
      line(ctx, x + 6, y, x + 26, y);
      ctx.fillStyle = palette["ink-2"];
      ctx.fillText(name, x + 30, y);
      x += 62;
    }
    ctx.setLineDash([]);
  }

  over(ctx, width, height, palette, pointer, item) {
    if (pointer && pointer.x > this.left && pointer.x < width - this.right) {
      ctx.strokeStyle = palette["ink-2"];
      ctx.globalAlpha = 0.5;
      line(ctx, Math.round(pointer.x) + 0.5, this.strip.top, Math.round(pointer.x) + 0.5, this.bottom);
      ctx.globalAlpha = 1;
    }
    if (item === null) return;
    ctx.strokeStyle = palette.accent;
    ctx.lineWidth = 2;
    const x0 = this.x(this.at(item));
    if (item.op === undefined) return line(ctx, x0, this.strip.top, x0, this.bottom);
    const y = this.rows.top + this.ops.lane[item.op] * this.rowHeight;
    ctx.strokeRect(x0 - 3, y - 1, Math.max(6, this.x(this.endOf(item.op)) - x0 + 6), this.rowHeight + 2);
  }

  // --- Items: { op }, { fault } or { violation } ---

  hit(x, y) {
    const at = this.view.lo + ((x - this.left) / (this.width - this.left - this.right)) * this.view.span;
    if (y < this.strip.bottom) {
      const row = Math.floor((y - this.strip.top) / 17);
      const fault = this.faults.find((f) => f.row === row && x >= this.x(f.from) - 3 && x <= Math.max(this.x(f.until), this.x(f.from) + 6));
      return fault ? this.itemOf(fault) : null;
    }
    if (y >= this.rows.top && y <= this.rows.bottom) return this.operationAt(x, Math.floor((y - this.rows.top) / this.rowHeight));
    return this.charted && y > this.latencyRegion.top - 20 && x > this.left ? this.bucketAt(at) : null;
  }

  operationAt(x, lane) {
    const [from, to] = this.visible();
    let best = null;
    let distance = 5;
    for (let i = from; i < to; i++) {
      if (this.ops.lane[i] !== lane) continue;
      const away = Math.max(this.x(this.invoked[i]) - x, x - this.x(this.endOf(i)), 0);
      if (away < distance || (away === distance && away === 0)) [best, distance] = [i, away];
    }
    return best === null ? null : { op: best };
  }

  bucketAt(at) {
    const k = Math.floor(at / this.buckets.width) - this.buckets.first;
    return this.buckets.rows[k] ? { bucket: this.buckets.rows[k], from: (this.buckets.first + k) * this.buckets.width } : null;
  }

  itemOf(fault) {
    return (fault.item ??= { fault });
  }

  at(item) {
    if (item.op !== undefined) return this.invoked[item.op];
    return item.fault ? item.fault.from : (item.violation ?? item).at ?? item.from;
  }

  text(item) {
    const unit = this.data.unit;
    if (item.op !== undefined) return this.operationText(item.op);
    if (item.violation) return `Violation at ${momentText(item.violation.at, 1e-3, unit)}`;
    if (item.fault) {
      const { from, until, to, text } = item.fault;
      return `${text}\n${momentText(from, 1e-3, unit)} to ${to === null ? "the end" : momentText(until, 1e-3, unit)}`;
    }
    const { counts, took } = item.bucket;
    const quantiles = took.length ? QUANTILES.map(({ q, name }) => `${name} ${durationText(quantile(took, q))}`).join(", ") : "no answers";
    const outcomes = counts.map((n, type) => `${n} ${OUTCOME_WORDS[type]}`).join(", ");
    return `from ${momentText(item.from, this.buckets.width, unit)}, for ${durationText(this.buckets.width)}\n${outcomes}\n${quantiles}`;
  }

  operationText(i) {
    const { ops, data } = this;
    const open = this.took[i] < 0;
    const end = open ? "never completed" : `${momentText(this.endOf(i), 1e-4, data.unit)}${this.timed ? ` (${durationText(this.took[i])})` : ""}`;
    const mark = this.marked.has(i) ? "\nshows the violation" : "";
    return `${ops.processes[ops.process[i]]}: ${ops.texts[ops.text[i]]}\n${OUTCOME_WORDS[ops.type[i]]}; ${momentText(this.invoked[i], 1e-4, data.unit)} to ${end}${mark}`;
  }

  stops() {
    if (this.notable) return this.notable;
    const items = [...this.faults.map((f) => this.itemOf(f)), ...[...this.marked].map((op) => ({ op }))];
    if (this.data.violation) items.push({ violation: this.data.violation });
    return (this.notable = items.sort((a, b) => this.at(a) - this.at(b)));
  }

  all() {
    return (this.everything ??= Array.from(this.invoked, (_, op) => ({ op })));
  }

  /** Told what is selected; the page may listen. */
  chosen() {}
}

// --- Parts ---

function quantile(sorted, q) {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

/** A bar without a right end: nobody knows when it was over. */
function paintOpenBar(ctx, x0, x1, y, h) {
  ctx.setLineDash([3, 2.5]);
  ctx.beginPath();
  ctx.moveTo(x1, y + 0.6);
  ctx.lineTo(x0 + 0.6, y + 0.6);
  ctx.lineTo(x0 + 0.6, y + h - 0.6);
  ctx.lineTo(x1, y + h - 0.6);
  ctx.stroke();
  ctx.setLineDash([]);
}
