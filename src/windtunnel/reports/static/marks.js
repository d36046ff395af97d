// How events and messages look: a shape for each kind, beside its colour.

import { line } from "./pen.js";

/** What an arrow is drawn with: lost ends in a cross, a repetition has two heads, a late one a clock at its middle. */
export function paintArrow(ctx, { x0, y0, x1, y1 }, look) {
  const { colour, palette, lost, repeat, late, headed } = look;
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.lineWidth = late ? 1.8 : 1.3;
  if (lost) ctx.setLineDash([4, 3]);
  else if (late) ctx.setLineDash([9, 2.5, 2, 2.5]);
  line(ctx, x0, y0, x1, y1);
  ctx.setLineDash([]);
  if (lost) return paintCross(ctx, x1, y1, 3.5, palette.bad, 1.8);
  if (!headed) return;
  const angle = Math.atan2(y1 - y0, x1 - x0);
  paintHead(ctx, x1, y1, angle);
  if (repeat) {
    ctx.fillStyle = palette.info;
    paintHead(ctx, x1 - 7 * Math.cos(angle), y1 - 7 * Math.sin(angle), angle);
  }
  if (late) paintClock(ctx, (x0 + x1) / 2, (y0 + y1) / 2, palette);
}

function paintHead(ctx, x, y, angle) {
  ctx.beginPath();
  ctx.moveTo(x, y);
  ctx.lineTo(x - 8 * Math.cos(angle + 0.38), y - 8 * Math.sin(angle + 0.38));
  ctx.lineTo(x - 8 * Math.cos(angle - 0.38), y - 8 * Math.sin(angle - 0.38));
  ctx.closePath();
  ctx.fill();
}

function paintClock(ctx, x, y, palette) {
  ctx.fillStyle = palette.surface;
  ctx.strokeStyle = palette.open;
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  ctx.arc(x, y, 4.5, 0, 7);
  ctx.fill();
  ctx.stroke();
  line(ctx, x, y, x, y - 3);
  line(ctx, x, y, x + 2, y);
}

export function paintCross(ctx, x, y, reach, colour, width) {
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  line(ctx, x - reach, y - reach, x + reach, y + reach);
  line(ctx, x - reach, y + reach, x + reach, y - reach);
}

/** The name of a message along its arrow, with a halo, unless it would run into one of the labels in `taken`. */
export function paintArrowLabel(ctx, { x0, y0, x1, y1 }, text, palette, taken) {
  const length = Math.hypot(x1 - x0, y1 - y0);
  ctx.font = `11px ${palette.sans}`;
  const width = ctx.measureText(text).width;
  if (width > length - 18) return;
  const [ux, uy] = [(x1 - x0) / length, (y1 - y0) / length];
  const middle = [(x0 + x1) / 2, (y0 + y1) / 2];
  const discs = [-4, -3, -2, -1, 0, 1, 2, 3, 4].map((k) => [middle[0] + (k / 8) * width * ux, middle[1] + (k / 8) * width * uy]);
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

export function distanceTo({ x0, y0, x1, y1 }, x, y) {
  const square = (x1 - x0) ** 2 + (y1 - y0) ** 2 || 1;
  const share = Math.max(0, Math.min(1, ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / square));
  return Math.hypot(x0 + share * (x1 - x0) - x, y0 + share * (y1 - y0) - y);
}

function fillPath(ctx, points) {
  ctx.beginPath();
  points.forEach(([x, y], i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
  ctx.closePath();
  ctx.fill();
}

/** How an event looks on its lifeline. */
export const MARKS = {
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
    fillPath(ctx, [[x, y - 5], [x + 4, y], [x, y + 5], [x - 4, y]]);
  },
  reply(ctx, x, y, palette) {
    ctx.fillStyle = palette.ok;
    fillPath(ctx, [[x - 4, y + 5], [x + 4, y + 5], [x, y - 2]]);
  },
  crash(ctx, x, y, palette) {
    paintCross(ctx, x, y, 6, palette.bad, 3);
  },
  "lost-at-node"(ctx, x, y, palette) {
    paintCross(ctx, x, y, 3.5, palette.bad, 1.8);
  },
  start(ctx, x, y, palette) {
    ctx.fillStyle = palette.good;
    fillPath(ctx, [[x - 4, y - 7], [x + 8, y], [x - 4, y + 7]]);
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
    fillPath(ctx, [[x - 4, y - 7], [x + 8, y], [x - 4, y + 7]]);
  },
  leader(ctx, x, y, palette) {
    ctx.fillStyle = palette.accent;
    fillPath(ctx, [[x - 8, y + 6], [x - 8, y - 5], [x - 4, y], [x, y - 7], [x + 4, y], [x + 8, y - 5], [x + 8, y + 6]]);
  },
  violation(ctx, x, y, palette) {
    ctx.strokeStyle = palette.bad;
    ctx.fillStyle = palette.surface;
    ctx.lineWidth = 3;
    ctx.beginPath();
    ctx.arc(x, y, 8, 0, 7);
    ctx.fill();
    ctx.stroke();
    paintCross(ctx, x, y, 3, palette.bad, 2);
  },
};

/** How an event of any other kind looks; its words stand beside it where there is room. */
export function otherMark(ctx, x, y, palette) {
  ctx.fillStyle = palette["ink-2"];
  ctx.fillRect(x - 3, y - 3, 6, 6);
}
