// Operations over virtual time: stacked bars of how they ended, the median latency above them, faults as bands behind.

import { palette, stage } from "../canvas.js";
import { h } from "../h.js";

const OPENS = { cut: "network", weather: "network", crash: "process", pause: "process", disk: "machine", skew: "machine" };
const CLOSES = { heal: "cut", start: "crash", resume: "pause" };

export class Strip {
  constructor(signal) {
    this.buckets = [];
    this.bands = [];
    this.for_s = 1;
    this.now = 0;
    this.canvas = h("canvas", { class: "strip", role: "img", "aria-label": "Operations over time" });
    this.element = h("div", {}, this.canvas);
    this.paint = stage(this.canvas, (context, width, height) => this.draw(context, width, height), signal);
  }

  begin({ for_s }) {
    this.for_s = for_s;
    this.paint();
  }

  bucket(bucket) {
    this.buckets.push(bucket);
    const total = this.buckets.reduce((sum, row) => sum + row.ok, 0);
    this.canvas.setAttribute("aria-label", `${total} operations succeeded in the first ${bucket.t.toFixed(0)} seconds`);
    this.paint();
  }

  note({ t, what, node }) {
    const closes = CLOSES[what];
    if (closes) for (const band of this.bands) if (band.to === null && band.what === closes && (closes === "cut" || band.node === node)) band.to = t;
    if (OPENS[what]) this.bands.push({ what, node, from: t, to: OPENS[what] === "network" && what === "weather" ? t + 0.01 : null, tone: OPENS[what] });
    this.paint();
  }

  frame({ now }) {
    this.now = now;
    this.paint();
  }

  draw(context, width, height) {
    const colours = palette("ink-2", "rule", "rule-2", "accent", "m1", "m2", "m4", "bad", "network", "process", "machine");
    const end = Math.max(this.for_s, this.now);
    const [left, right, top, foot] = [52, width - 6, 8, height - 20];
    const x = (t) => left + ((right - left) * t) / end;
    const split = top + (foot - top) * 0.42;
    context.font = "11px Plex, sans-serif";
    context.textBaseline = "middle";
    for (const band of this.bands) {
      context.fillStyle = colours[band.tone];
      context.globalAlpha = 0.14;
      context.fillRect(x(band.from), top, Math.max(2, x(Math.min(end, band.to ?? this.now)) - x(band.from)), foot - top);
      context.globalAlpha = 1;
    }
    const most = Math.max(4, ...this.buckets.map((row) => row.ok + row.fail + row.info));
    const slow = Math.max(20, ...this.buckets.map((row) => row.p50 ?? 0));
    context.strokeStyle = colours.rule;
    context.lineWidth = 1;
    for (const y of [split, foot]) {
      context.beginPath();
      context.moveTo(left, Math.round(y) + 0.5);
      context.lineTo(right, Math.round(y) + 0.5);
      context.stroke();
    }
    const wide = x(0.5) - x(0);
    for (const row of this.buckets) {
      let y = foot;
      for (const [name, tone] of [["ok", "m1"], ["fail", "m2"], ["info", "m4"]]) {
        const tall = ((foot - split - 6) * row[name]) / most;
        context.fillStyle = colours[tone];
        context.fillRect(x(row.t), y - tall, Math.max(1, wide - 1), tall);
        y -= tall;
      }
    }
    this.line(context, colours, x, (ms) => split - 4 - ((split - top - 8) * Math.log1p(ms)) / Math.log1p(slow));
    context.fillStyle = colours["ink-2"];
    context.textAlign = "right";
    context.fillText(`${Math.round(slow)} ms`, left - 5, top + 6);
    context.fillText(`${Math.round(most * 2)}/s`, left - 5, split + 10);
    context.textAlign = "center";
    const step = [1, 2, 5, 10, 20, 50, 100].find((size) => end / size <= 8) ?? 100;
    for (let t = 0; t <= end; t += step) context.fillText(`${t} s`, Math.min(right - 10, Math.max(left, x(t))), height - 8);
    context.strokeStyle = colours.accent;
    context.beginPath();
    context.moveTo(x(this.now), top);
    context.lineTo(x(this.now), foot);
    context.stroke();
  }

  line(context, colours, x, y) {
    context.strokeStyle = colours.m1;
    context.lineWidth = 1.6;
    context.beginPath();
    let pen = false;
    for (const row of this.buckets) {
      if (row.p50 === null) pen = false;
      else {
        context[pen ? "lineTo" : "moveTo"](x(row.t + 0.25), y(row.p50));
        pen = true;
      }
    }
    context.stroke();
  }
}
