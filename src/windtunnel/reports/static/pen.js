// Strokes that the drawings share. A pen is the context of a canvas, or what looks like one and writes SVG.

import { momentText, ticks } from "./view.js";

/** The axis of time along the bottom, with faint lines up to `top`. */
export function paintAxis(ctx, painter, view, width, top, bottom, palette, unit) {
  const room = width - painter.left - painter.right;
  const { values, step } = ticks(view.lo, view.hi, Math.max(2, room / 110));
  ctx.font = `12px ${palette.sans}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  ctx.lineWidth = 1;
  for (const value of values) {
    const x = Math.round(painter.x(value)) + 0.5;
    ctx.strokeStyle = palette["rule-2"];
    line(ctx, x, top, x, bottom);
    const text = momentText(value, step, unit);
    const half = ctx.measureText(text).width / 2;
    ctx.fillStyle = palette["ink-2"];
    if (x - half > painter.left - 8 && x + half < width) ctx.fillText(text, x, bottom + 6);
  }
}

export function line(ctx, x0, y0, x1, y1) {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}

/** Text that ends in an ellipsis where it would not fit. */
export function fitted(ctx, text, room) {
  if (ctx.measureText(text).width <= room) return text;
  let keep = Math.max(0, Math.floor((text.length * room) / ctx.measureText(text).width));
  while (keep > 0 && ctx.measureText(`${text.slice(0, keep)}…`).width > room) keep--;
  return keep > 1 ? `${text.slice(0, keep)}…` : "";
}

/** A translucent band with a firm left edge. */
export function band(ctx, x0, x1, y0, y1, colour, alpha) {
  ctx.fillStyle = colour;
  ctx.globalAlpha = alpha;
  ctx.fillRect(x0, y0, Math.max(1, x1 - x0), y1 - y0);
  ctx.globalAlpha = 1;
}

/** Diagonal lines of a colour on nothing. */
export function hatch(ctx, colour) {
  return pattern(ctx, colour, (pen) => [-12, -6, 0, 6, 12].forEach((shift) => line(pen, shift, 12, shift + 12, 0)));
}

/** Upright lines of a colour on nothing. */
export function stripes(ctx, colour) {
  return pattern(ctx, colour, (pen) => [1.5, 7.5].forEach((x) => line(pen, x, 0, x, 12)));
}

function pattern(ctx, colour, draw) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 12;
  const pen = tile.getContext("2d");
  pen.strokeStyle = colour;
  pen.lineWidth = 2.2;
  draw(pen);
  const repeated = ctx.createPattern(tile, "repeat");
  repeated.setTransform(new DOMMatrix().scale(0.5));
  return repeated;
}
