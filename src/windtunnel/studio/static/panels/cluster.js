// The cluster as it is now: who is up, who leads, which links are cut, and messages as streaks.

import { calm, palette, stage } from "../canvas.js";
import { h, replace } from "../h.js";

const STREAK_MS = 420;
const TONES = ["m1", "m3", "m2", "m4", "m5", "m6"];
const STREAKS_MAX = 400;

export class Cluster {
  constructor(signal) {
    this.nodes = [];
    this.clients = [];
    this.places = new Map();
    this.state = {};
    this.leader = null;
    this.cuts = [];
    this.streaks = [];
    this.kinds = new Map();
    this.canvas = h("canvas", { class: "cluster", role: "img", "aria-label": "The cluster" });
    this.legend = h("ul", { class: "legend" });
    this.element = h("div", {}, this.canvas, this.legend);
    this.paint = stage(this.canvas, (context, width, height) => this.draw(context, width, height), signal);
  }

  begin({ nodes, clients }) {
    this.nodes = nodes;
    this.clients = clients;
    this.paint();
  }

  frame(frame) {
    if (!frame.nodes) return;
    this.state = frame.nodes;
    this.leader = frame.leader;
    this.cuts = frame.cuts;
    const now = performance.now();
    const each = frame.messages.length ? 50 / frame.messages.length : 0;
    frame.messages.forEach(([from, to, , , kind, lost], at) => {
      if (!this.kinds.has(kind)) this.meet(kind, this.clients.includes(from) || this.clients.includes(to));
      this.streaks.push({ from, to, kind, lost, at: now + at * each });
    });
    if (this.streaks.length > STREAKS_MAX) this.streaks.splice(0, this.streaks.length - STREAKS_MAX);
    this.canvas.setAttribute("aria-label", this.words());
    this.paint();
  }

  /** A kind of message is seen for the first time: those of clients stay grey, so that the protocol's stand out. */
  meet(kind, asked) {
    this.kinds.set(kind, asked ? "ink-2" : TONES[[...this.kinds.values()].filter((tone) => tone !== "ink-2").length % TONES.length]);
    replace(this.legend, [...this.kinds].map(([name, tone]) => h("li", {}, h("i", { style: { background: `var(--${tone})` } }), name)));
  }

  words() {
    const down = this.nodes.filter((node) => this.state[node] === "down");
    const paused = this.nodes.filter((node) => this.state[node] === "paused");
    return [
      `${this.nodes.length} nodes`,
      this.leader ? `${this.leader} leads` : null,
      down.length ? `down: ${down.join(", ")}` : "all are up",
      paused.length ? `paused: ${paused.join(", ")}` : null,
      this.cuts.length ? `${this.cuts.length} links are cut` : null,
    ].filter(Boolean).join("; ");
  }

  place(width, height) {
    const { clients } = this;
    const room = clients.length ? 46 : 0;
    const [x, y] = [width / 2, (height - room) / 2];
    const radius = Math.min(x - 34, y - 30);
    this.size = Math.max(9, Math.min(22, (radius * 3.4) / Math.max(3, this.nodes.length)));
    this.places.clear();
    this.nodes.forEach((node, at) => {
      const angle = -Math.PI / 2 + (2 * Math.PI * at) / this.nodes.length;
      const one = this.nodes.length === 1 ? 0 : 1;
      this.places.set(node, [x + one * radius * Math.cos(angle) * Math.min(1.5, Math.max(1, (x - 40) / radius)), y + one * radius * Math.sin(angle)]);
    });
    clients.forEach((client, at) => this.places.set(client, [x + (at - (clients.length - 1) / 2) * Math.min(64, (width - 30) / clients.length), height - 18]));
  }

  draw(context, width, height) {
    if (!this.nodes.length) return;
    this.place(width, height);
    const colours = palette("ink", "ink-2", "surface", "rule", "accent", "on-accent", "bad", "warm", ...TONES);
    const resting = calm();
    const now = performance.now();
    this.drawCuts(context, colours);
    this.streaks = this.streaks.filter((streak) => now - streak.at < STREAK_MS);
    for (const streak of this.streaks) this.drawStreak(context, colours, streak, resting ? 0.7 : (now - streak.at) / STREAK_MS);
    for (const client of this.clients) this.drawClient(context, colours, client);
    for (const node of this.nodes) this.drawNode(context, colours, node);
    if (this.streaks.length && !resting) this.paint();
  }

  drawCuts(context, colours) {
    const seen = new Set();
    context.strokeStyle = colours.bad;
    context.lineWidth = 1.5;
    context.setLineDash([3, 5]);
    for (const [from, to] of this.cuts) {
      const key = from < to ? `${from} ${to}` : `${to} ${from}`;
      const [a, b] = [this.places.get(from), this.places.get(to)];
      if (seen.has(key) || !a || !b) continue;
      seen.add(key);
      context.beginPath();
      context.moveTo(...a);
      context.lineTo(...b);
      context.stroke();
    }
    context.setLineDash([]);
  }

  drawStreak(context, colours, streak, age) {
    const [a, b] = [this.places.get(streak.from), this.places.get(streak.to)];
    if (!a || !b || age < 0) return;
    const head = Math.min(1, age * 1.8) * (streak.lost ? 0.55 : 1);
    const tail = Math.max(0, head - 0.45);
    const at = (share) => [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share];
    context.globalAlpha = Math.max(0, 1 - age) * 0.9;
    context.strokeStyle = streak.lost ? colours.bad : colours[this.kinds.get(streak.kind)];
    context.lineWidth = 2;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(...at(tail));
    context.lineTo(...at(head));
    context.stroke();
    if (streak.lost && age > 0.3) {
      const [x, y] = at(head);
      context.beginPath();
      context.moveTo(x - 4, y - 4);
      context.lineTo(x + 4, y + 4);
      context.moveTo(x + 4, y - 4);
      context.lineTo(x - 4, y + 4);
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  drawNode(context, colours, node) {
    const [x, y] = this.places.get(node);
    const state = this.state[node] ?? "up";
    const leads = node === this.leader && state === "up";
    const size = this.size;
    context.lineWidth = leads ? 3 : 1.8;
    context.setLineDash(state === "down" ? [3, 4] : []);
    context.strokeStyle = state === "up" ? (leads ? colours.accent : colours.ink) : state === "down" ? colours.bad : colours.warm;
    context.fillStyle = leads ? colours.accent : colours.surface;
    context.beginPath();
    context.arc(x, y, size, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
    context.setLineDash([]);
    if (leads) {
      context.lineWidth = 1.4;
      context.beginPath();
      context.arc(x, y, size + 4.5, 0, 2 * Math.PI);
      context.stroke();
    }
    context.fillStyle = leads ? colours["on-accent"] : state === "up" ? colours.ink : colours["ink-2"];
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.font = `600 ${Math.max(9, Math.min(13, size * 0.68))}px Plex, sans-serif`;
    context.fillText(node.length > 8 && size < 20 ? node.slice(0, 7) : node, x, y + 0.5);
    if (state !== "up" || leads) {
      context.fillStyle = context.strokeStyle;
      context.font = "11px Plex, sans-serif";
      context.fillText(leads ? "leads" : state, x, y + size + 13);
    }
  }

  drawClient(context, colours, client) {
    const [x, y] = this.places.get(client);
    context.fillStyle = colours["ink-2"];
    context.fillRect(x - 3, y - 12, 6, 6);
    context.font = "11px Plex, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    if (this.clients.length <= 12) context.fillText(client, x, y + 4);
  }
}
