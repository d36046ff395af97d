// A drawing with its controls: pointer, wheel, touch, keyboard, tooltip and readout. What is drawn is the painter's business.

import { readPalette } from "./view.js";

const tip = document.getElementById("tip");

/**
 * painter: { height(width), paint(ctx, width, height, palette), over(ctx, width, height, palette, pointer, chosen),
 *            hit(x, y) -> item or null, text(item), stops() -> items of note, all() -> all items, at(item) -> position,
 *            left, right: columns beside the axis, chosen(item): told what is selected }
 */
export class Deck {
  constructor(root, view, painter, focus) {
    this.root = root;
    this.painter = painter;
    this.surface = root.querySelector(".surface");
    [this.base, this.top] = root.querySelectorAll("canvas");
    this.readout = root.querySelector("[data-readout]");
    this.range = root.querySelector("[data-range]");
    this.focus = focus;
    this.pointer = null;
    this.item = null;
    this.fingers = new Map();
    this.use(view);
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.surface);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.resize());
    this.resize();
  }

  /** Shows another axis; the old one keeps its place. */
  use(view) {
    this.view = view;
    view.onchange = () => this.refresh();
  }

  // --- Drawing ---

  resize() {
    const width = this.surface.clientWidth;
    if (!width) return;
    this.palette = readPalette();
    const height = this.painter.height(width);
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    for (const canvas of [this.base, this.top]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.height = `${height}px`;
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    [this.width, this.height] = [width, height];
    this.paint();
  }

  refresh() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => this.paint());
  }

  paint() {
    cancelAnimationFrame(this.waiting);
    this.waiting = 0;
    if (!this.width) return;
    const ctx = this.base.getContext("2d");
    ctx.clearRect(0, 0, this.width, this.height);
    this.painter.paint(ctx, this.width, this.height, this.palette);
    this.range.textContent = this.painter.rangeText();
    this.paintOver();
  }

  paintOver() {
    const ctx = this.top.getContext("2d");
    ctx.clearRect(0, 0, this.width, this.height);
    this.painter.over(ctx, this.width, this.height, this.palette, this.pointer, this.item);
  }

  // --- Selection ---

  /** Selects an item (or nothing), brings it into view and says what it is. */
  choose(item, reveal = true) {
    this.item = item;
    this.painter.chosen(item);
    this.readout.textContent = item === null ? "" : this.painter.text(item).replaceAll("\n", " · ");
    if (item !== null && reveal) this.view.reveal(this.painter.at(item));
    this.paint();
  }

  /** The next item (or the one before) of a list in order of position; false at the end of it. */
  step(items, by) {
    const from = this.item === null ? null : this.painter.at(this.item);
    const here = this.item === null ? -1 : items.indexOf(this.item);
    let next;
    if (here >= 0) next = here + by;
    else if (from === null) next = by > 0 ? 0 : items.length - 1;
    else next = by > 0 ? items.findIndex((i) => this.painter.at(i) > from) : items.findLastIndex((i) => this.painter.at(i) < from);
    if (next < 0 || next >= items.length) return false;
    this.choose(items[next]);
    return true;
  }

  // --- Hands ---

  positionAt(x) {
    const { left, right } = this.painter;
    return this.view.lo + ((x - left) / (this.width - left - right)) * this.view.span;
  }

  listen() {
    const s = this.surface;
    s.addEventListener("pointerdown", (e) => this.down(e));
    s.addEventListener("pointermove", (e) => this.move(e));
    for (const kind of ["pointerup", "pointercancel"]) s.addEventListener(kind, (e) => this.up(e));
    s.addEventListener("pointerleave", () => this.leave());
    s.addEventListener("dblclick", (e) => this.view.zoom(2.5, this.positionAt(e.offsetX)));
    s.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    s.addEventListener("keydown", (e) => this.key(e));
    s.addEventListener("blur", () => (tip.hidden = true));
    this.root.querySelector(".buttons").addEventListener("click", (e) => this.act(e.target.dataset.do));
    const button = this.root.querySelector('[data-do="focus"]');
    button.hidden = !this.focus;
  }

  act(what) {
    if (what === "in") this.view.zoom(1.6);
    else if (what === "out") this.view.zoom(1 / 1.6);
    else if (what === "fit") this.view.fit();
    else if (what === "focus") this.focus();
  }

  local(e) {
    const box = this.surface.getBoundingClientRect();
    return { x: e.clientX - box.left, y: e.clientY - box.top };
  }

  down(e) {
    if (e.button) return;
    this.surface.setPointerCapture(e.pointerId);
    this.fingers.set(e.pointerId, { ...this.local(e), moved: false });
  }

  move(e) {
    const point = this.local(e);
    const held = this.fingers.get(e.pointerId);
    if (held) {
      if (this.fingers.size === 2) this.pinch(e.pointerId, point);
      else if (held.moved || Math.abs(point.x - held.x) > 3) {
        this.view.pan((held.x - point.x) / (this.width - this.painter.left - this.painter.right));
        this.fingers.set(e.pointerId, { ...point, moved: true });
      }
      tip.hidden = true;
      return;
    }
    this.pointer = point;
    const item = this.painter.hit(point.x, point.y);
    this.showTip(item === null ? "" : this.painter.text(item), e.clientX, e.clientY);
    this.paintOver();
  }

  pinch(id, point) {
    const other = [...this.fingers].find(([key]) => key !== id)[1];
    const held = this.fingers.get(id);
    const before = Math.max(8, Math.abs(held.x - other.x));
    const after = Math.max(8, Math.abs(point.x - other.x));
    this.view.zoom(after / before, this.positionAt((point.x + other.x) / 2));
    this.fingers.set(id, { ...point, moved: true });
  }

  up(e) {
    const held = this.fingers.get(e.pointerId);
    this.fingers.delete(e.pointerId);
    if (held && !held.moved && e.type === "pointerup") this.choose(this.painter.hit(held.x, held.y), false);
  }

  leave() {
    this.pointer = null;
    tip.hidden = true;
    this.paintOver();
  }

  wheel(e) {
    const sideways = Math.abs(e.deltaX) > Math.abs(e.deltaY) ? e.deltaX : e.shiftKey ? e.deltaY : 0;
    if (e.ctrlKey || e.metaKey) this.view.zoom(Math.exp(-e.deltaY * 0.004), this.positionAt(this.local(e).x));
    else if (sideways) this.view.pan(sideways / this.width);
    else return; // the page scrolls
    e.preventDefault();
  }

  key(e) {
    if (e.altKey || e.ctrlKey || e.metaKey) return;
    const far = e.shiftKey ? 0.8 : 0.15;
    const actions = {
      ArrowLeft: () => this.view.pan(-far),
      ArrowRight: () => this.view.pan(far),
      "+": () => this.view.zoom(1.6),
      "=": () => this.view.zoom(1.6),
      "-": () => this.view.zoom(1 / 1.6),
      _: () => this.view.zoom(1 / 1.6),
      Home: () => this.view.fit(),
      "[": () => this.step(this.painter.all(), -1),
      "]": () => this.step(this.painter.all(), 1),
      Tab: () => this.tab(e.shiftKey ? -1 : 1),
      Escape: () => this.release(),
    };
    const action = actions[e.key];
    if (action && action() !== false) e.preventDefault();
  }

  /** Tab walks the events of note and then leaves, as it does at once after Escape: no trap. */
  tab(by) {
    if (this.released || (by < 0 && this.item === null)) {
      this.released = false;
      return false;
    }
    const moved = this.step(this.painter.stops(), by);
    if (!moved) this.choose(null);
    return moved;
  }

  release() {
    this.released = true;
    this.choose(null);
  }

  showTip(text, x, y) {
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - width - 8))}px`;
    tip.style.top = `${y + 18 + height > innerHeight ? y - height - 12 : y + 18}px`;
  }
}
