// The whole trace in a strip: how much happened when, faults, what broke, and the part that is in view.

import { line } from "./pen.js";

const HEIGHT = 40;

export class Overview {
  constructor(viewer) {
    this.viewer = viewer;
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("aria-hidden", "true");
    this.canvas.className = "overview";
    this.still = document.createElement("canvas");
    this.canvas.addEventListener("pointerdown", (event) => this.grab(event));
    this.canvas.addEventListener("pointermove", (event) => event.buttons && this.grab(event));
  }

  grab(event) {
    if (event.type === "pointerdown") this.canvas.setPointerCapture(event.pointerId);
    const { view } = this.viewer.painter;
    const at = this.min + ((event.offsetX - this.viewer.painter.left) / this.viewer.painter.room) * (this.max - this.min);
    view.set(at - view.span / 2, at + view.span / 2);
  }

  /** Draws what does not move; after a change of size, scheme, axis or filter. */
  rest(width, ratio, palette) {
    const { painter, trace } = this.viewer;
    [this.width, this.ratio, this.palette] = [width, ratio, palette];
    [this.min, this.max] = [painter.view.min, painter.view.max];
    for (const canvas of [this.canvas, this.still]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(HEIGHT * ratio);
    }
    const ctx = this.still.getContext("2d");
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, width, HEIGHT);
    const columns = Math.max(1, Math.floor(painter.room / 2));
    const counts = new Uint32Array(columns);
    const scale = columns / (this.max - this.min);
    const messages = trace.types.length > 0; // a trace may be a log alone
    for (let i = 0; i < trace.count; i++) {
      if ((trace.isMessage[i] || !messages) && !painter.isOff(i)) counts[Math.min(columns - 1, Math.floor((painter.at(i) - this.min) * scale))]++;
    }
    const most = Math.sqrt(counts.reduce((a, b) => Math.max(a, b), 1));
    for (const fault of painter.faults) {
      ctx.fillStyle = palette[fault.family];
      ctx.globalAlpha = 0.22;
      const [x0, x1] = [this.x(painter.atTime(fault.from)), this.x(painter.atTime(fault.until))];
      ctx.fillRect(Math.max(painter.left, x0), 0, Math.max(2, Math.min(x1, width) - Math.max(painter.left, x0)), HEIGHT);
    }
    ctx.globalAlpha = 0.8;
    ctx.fillStyle = palette["ink-2"];
    counts.forEach((n, k) => {
      const h = (Math.sqrt(n) / most) * (HEIGHT - 8);
      if (n) ctx.fillRect(painter.left + 2 * k, HEIGHT - h, 1.4, h);
    });
    ctx.globalAlpha = 1;
    ctx.strokeStyle = palette.bad;
    ctx.lineWidth = 2;
    for (const i of trace.notable) {
      const kind = trace.kinds[trace.kind[i]];
      if (kind === "violation" || kind === "crash") line(ctx, this.x(painter.at(i)), kind === "crash" ? HEIGHT - 9 : 0, this.x(painter.at(i)), HEIGHT);
    }
  }

  x(at) {
    const { left, room } = this.viewer.painter;
    return left + ((at - this.min) / (this.max - this.min)) * room;
  }

  /** Draws what moves: the window and the cursor. */
  draw(position) {
    if (!this.width) return;
    const ctx = this.canvas.getContext("2d");
    const { view, left, room } = this.viewer.painter;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, this.canvas.width, this.canvas.height);
    ctx.drawImage(this.still, 0, 0);
    ctx.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    const [x0, x1] = [this.x(view.lo), this.x(view.hi)];
    ctx.fillStyle = this.palette.paper;
    ctx.globalAlpha = 0.65;
    ctx.fillRect(left, 0, x0 - left, HEIGHT);
    ctx.fillRect(x1, 0, left + room - x1, HEIGHT);
    ctx.globalAlpha = 1;
    ctx.strokeStyle = this.palette.accent;
    ctx.lineWidth = 1.5;
    ctx.strokeRect(x0, 0.75, Math.max(3, x1 - x0), HEIGHT - 1.5);
    line(ctx, this.x(position), 0, this.x(position), HEIGHT);
  }
}
