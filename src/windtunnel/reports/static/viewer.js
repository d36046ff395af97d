// The trace viewer: a space-time diagram to travel in, the state of every node at the cursor, filters, causal cones, forks.
//
//   const viewer = mountViewer(element, data, { fork: async ({ at, changes }) => "id of the branch" });
//
// data: as `reports.embed.data_of` writes it. Options, all of them optional:
//   fork   runs a branch and gives its id, or null; without it the panel shows the command line to run instead
//   href   (id) => where the branch can be seen
//   store  the directory of the run, for that command line
//   link   false: leave the fragment of the address alone
//   keys   "page": keys act wherever the focus is, for a page that is the viewer; else only inside it
//   axis   "time" or "order", at first
//   signal an AbortSignal: the viewer lets go of the page when it is aborted
//
// What comes back: goTo(event), goToTime(seconds), setCone(...), filterBy(text), resize(), destroy(), and `cursor`.

import { BranchPanel } from "./branch.js";
import { Controls, legend } from "./controls.js";
import { copyText, download, el } from "./dom.js";
import { keysDialog, press } from "./keys.js";
import { Lifelines } from "./lifelines.js";
import { NodesPanel } from "./nodes.js";
import { Overview } from "./overview.js";
import { SvgPen } from "./svgpen.js";
import { TablePanel } from "./table.js";
import { Trace } from "./trace.js";
import { momentText, readPalette } from "./view.js";

const WHOLE_MAX = 220; // events up to which a wide screen shows all of them at first
const LINK_MS = 300; // between two writes of the address
const CONE_TURNS = ["off", "past", "future", "both"];

export function mountViewer(element, data, options = {}) {
  const root = el("div", { class: "wt-viewer" });
  element.replaceChildren(root);
  if (!data.trace?.t.length) {
    root.append(el("p", { class: "quiet" }, "This run has no trace: run it with --trace to travel in it."));
    return { destroy() {}, resize() {} };
  }
  const viewer = new Viewer(root, data, options);
  options.signal?.addEventListener("abort", () => viewer.destroy());
  return viewer;
}

export class Viewer {
  constructor(root, data, options) {
    [this.root, this.data, this.options] = [root, data, options];
    this.trace = new Trace(data);
    this.painter = new Lifelines(this.trace);
    if (options.axis) this.painter.use(options.axis);
    this.cursor = this.trace.focus;
    this.position = this.painter.at(this.cursor);
    this.node = null;
    this.query = "";
    this.hidden = new Set();
    this.cone = "off";
    this.playing = false;
    this.hovered = this.pointer = null;
    this.fingers = new Map();
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.build();
    this.listen();
    this.watchViews();
    this.setAxis(this.painter.axis);
    this.open();
  }

  // --- Building ---

  build() {
    const { trace } = this;
    this.controls = new Controls(this);
    this.overview = new Overview(this);
    this.base = el("canvas", { "data-layer": "base" });
    this.top = el("canvas", { "data-layer": "over" });
    const what = `Space-time diagram: ${trace.count.toLocaleString("en")} events on the lifelines of ${trace.names.length} nodes, messages as arrows`;
    this.surface = el("div", { class: "surface", tabindex: "0", role: "application", "aria-roledescription": "space-time diagram", "aria-label": `${what}. Press ? for the keys.` }, this.base, this.top);
    this.readout = el("p", { class: "readout", role: "status", "aria-live": "polite", "data-readout": true });
    this.tip = el("div", { class: "tip", role: "tooltip", hidden: true });
    this.dialog = keysDialog();
    this.panels = [];
    const side = el("div", { class: "side" });
    this.nodes = this.panel(() => new NodesPanel(this), side);
    const below = el("div", { class: "below" });
    this.branch = this.data.fork ? this.panel(() => new BranchPanel(this), below) : null;
    this.table = this.panel(() => new TablePanel(this), below);
    const stage = el("div", { class: "stage" }, this.overview.canvas, this.surface, this.readout, legend(this));
    this.controls.violation.hidden = this.violation() < 0;
    this.root.append(this.controls.root, el("div", { class: "columns" }, stage, side), below, this.tip, this.dialog);
  }

  /** A panel that fails says so in its place and leaves the others alone. */
  panel(make, place) {
    try {
      const panel = make();
      place.append(panel.root);
      this.panels.push(panel);
      return panel;
    } catch (error) {
      place.append(el("p", { class: "panel failed", role: "alert" }, `This panel failed: ${error.message}`));
      return null;
    }
  }

  tell(panel, ...values) {
    try {
      panel?.update(...values);
    } catch (error) {
      panel.root.replaceChildren(el("p", { class: "failed", role: "alert" }, `This panel failed: ${error.message}`));
      panel.update = () => {};
    }
  }

  /** Where the reader begins: at what the link says, else at the violation, else at the first fault or message. */
  open() {
    const wide = this.root.clientWidth >= 900;
    const { focus } = this.trace;
    if (this.trace.count > WHOLE_MAX || !wide) this.painter.showAround(focus, wide ? 48 : 16, this.data.trace.focus === null ? 0.15 : 0.85);
    this.resize();
    if (this.options.link === false || !this.followLink()) this.goTo(focus, { reveal: false, link: false });
    else this.root.scrollIntoView?.({ block: "start" });
  }

  // --- Drawing ---

  watchViews() {
    for (const view of Object.values(this.painter.views)) view.onchange = () => this.refresh();
  }

  resize() {
    const width = this.surface.clientWidth;
    if (!width) return;
    this.palette = readPalette(this.root);
    const height = this.painter.layout(width);
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    for (const canvas of [this.base, this.top]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.height = `${height}px`;
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    [this.width, this.height] = [width, height];
    this.overview.rest(width, ratio, this.palette);
    this.paint();
  }

  refresh() {
    this.waiting ||= requestAnimationFrame(() => this.paint());
  }

  paint() {
    cancelAnimationFrame(this.waiting);
    this.waiting = 0;
    if (!this.width) return;
    const ctx = this.base.getContext("2d");
    ctx.clearRect(0, 0, this.width, this.height);
    this.painter.node = this.node;
    this.painter.paint(ctx, this.width, this.height, this.palette);
    this.controls.range.textContent = this.rangeText();
    this.paintOver();
  }

  paintOver() {
    const ctx = this.top.getContext("2d");
    ctx.clearRect(0, 0, this.width, this.height);
    this.painter.paintOver(ctx, this.palette, { position: this.position, item: this.cursor, hovered: this.hovered, pointer: this.pointer });
    this.overview.draw(this.position);
  }

  rangeText() {
    const [from, to] = this.painter.visible();
    const { hi, span } = this.painter.view;
    const lo = Math.max(this.painter.view.lo, this.data.start); // the air before the first event has no time
    const shown = `${Math.max(0, to - from).toLocaleString("en")} of ${this.trace.count.toLocaleString("en")} events`;
    return this.painter.axis === "time" ? `${momentText(lo, span / 100, this.trace.unit)} – ${momentText(hi, span / 100, this.trace.unit)}, ${shown}` : shown;
  }

  // --- Time travel ---

  /** Puts the cursor on event i, and everything that follows the cursor with it. */
  goTo(i, { reveal = true, position = null, link = true } = {}) {
    this.cursor = Math.max(0, Math.min(this.trace.count - 1, i));
    this.position = position ?? this.painter.at(this.cursor);
    if (this.cone !== "off") this.setCone(this.cone, false);
    if (reveal) this.painter.view.reveal(this.position);
    if (!this.playing && this.painter.bringIn(this.cursor)) this.resize();
    const { trace } = this;
    const words = trace.words(this.cursor);
    this.controls.clock.textContent = `${trace.moment(this.cursor)} · event ${trace.number(this.cursor).toLocaleString("en")}`;
    this.readout.replaceChildren(el("b", {}, `${trace.moment(this.cursor)}: ${trace.said(this.cursor)}`), words ? " " : "", words ? el("code", {}, words) : "");
    this.tell(this.nodes, this.cursor, this.node ?? trace.node[this.cursor]);
    this.tell(this.branch);
    this.tell(this.table, this.cursor);
    if (link) this.writeLink();
    this.refresh();
  }

  goToTime(time) {
    this.goTo(this.trace.indexAt(time));
  }

  violation() {
    return this.trace.notable.findLast((i) => this.trace.kinds[this.trace.kind[i]] === "violation") ?? -1;
  }

  goToViolation() {
    const at = this.violation();
    if (at < 0) return;
    this.painter.showAround(at, 48, 0.85);
    this.goTo(at);
  }

  /** Whether the arrows stop at an event: it fits the filter and has to do with the chosen node. */
  stopsAt(i) {
    const { node, from, to } = this.trace;
    if (this.node !== null && node[i] !== this.node && from[i] !== this.node && to[i] !== this.node) return false;
    return !this.painter.isOff(i);
  }

  step(by) {
    this.pause();
    let i = this.cursor + by;
    while (i >= 0 && i < this.trace.count && !this.stopsAt(i)) i += by;
    if (i >= 0 && i < this.trace.count) this.goTo(i);
  }

  stepNotable(by) {
    this.pause();
    const stops = this.trace.notable.filter((i) => this.stopsAt(i));
    const next = by > 0 ? stops.find((i) => i > this.cursor) : stops.findLast((i) => i < this.cursor);
    if (next !== undefined) this.goTo(next);
  }

  stepNode(by) {
    const { names } = this.painter;
    const at = this.node === null ? (by > 0 ? -1 : names.length) : names.indexOf(this.node);
    this.chooseNode(names[at + by] ?? null);
  }

  chooseNode(name) {
    this.node = name;
    this.goTo(this.cursor, { reveal: false });
  }

  togglePlay() {
    if (this.playing) this.pause();
    else this.start();
  }

  start() {
    this.playing = true;
    this.readout.setAttribute("aria-live", "off");
    this.controls.showPlaying(true);
    if (this.cursor >= this.trace.count - 1) this.goTo(0);
    this.played = this.position;
    let last = null;
    const frame = (now) => {
      if (!this.playing) return;
      const seconds = last === null ? 0 : Math.min(0.1, (now - last) / 1000);
      last = now;
      this.advance(seconds * this.controls.rate);
      this.frame = requestAnimationFrame(frame);
    };
    this.frame = requestAnimationFrame(frame);
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    cancelAnimationFrame(this.frame);
    this.readout.setAttribute("aria-live", "polite");
    this.controls.showPlaying(false);
    this.goTo(this.cursor);
  }

  /** Moves the playing cursor along the axis; with reduced motion it rests on events. */
  advance(by) {
    this.played += by;
    if (!this.calm.matches) this.position = this.played;
    let i = this.cursor;
    while (i + 1 < this.trace.count && this.painter.at(i + 1) <= this.played) i++;
    let stop = i;
    while (stop > this.cursor && !this.stopsAt(stop)) stop--;
    if (stop > this.cursor) this.goTo(stop, { reveal: this.calm.matches, position: this.calm.matches ? null : this.position, link: false });
    if (!this.calm.matches) this.follow();
    this.refresh();
    if (i >= this.trace.count - 1) this.pause();
  }

  /** Keeps the playing cursor at two thirds of the view. */
  follow() {
    const { view } = this.painter;
    const share = (this.position - view.lo) / view.span;
    if (share > 1 || share < 0) view.set(this.position - view.span / 3, this.position + (2 * view.span) / 3);
    else if (share > 0.66) view.set(this.position - 0.66 * view.span, this.position + 0.34 * view.span);
  }

  changeSpeed(by) {
    this.controls.changeSpeed(by);
  }

  // --- What is shown ---

  zoom(factor) {
    const { view } = this.painter;
    const inView = this.position >= view.lo && this.position <= view.hi;
    view.zoom(factor, inView ? this.position : undefined);
  }

  pan(share) {
    this.painter.view.pan(share);
  }

  fit() {
    this.painter.view.fit();
  }

  /** By time, distances are delays; by order, every event has the same room. The same events stay in view. */
  setAxis(axis) {
    const [from, to] = this.painter.visible();
    const same = axis === this.painter.axis;
    this.painter.use(axis);
    for (const input of this.controls.axes) input.checked = input.value === axis;
    this.controls.setPace();
    this.position = this.played = this.painter.at(this.cursor);
    if (same) return;
    this.painter.showRange(from, Math.max(to - 1, from + 8));
    this.resize();
  }

  turnAxis() {
    this.setAxis(this.painter.axis === "time" ? "order" : "time");
  }

  filterBy(query) {
    this.query = query;
    if (this.controls.filter.value !== query) this.controls.filter.value = query;
    this.refilter();
  }

  /** Shows or hides a type of message; whether it is shown now. */
  toggleType(type) {
    const hide = !this.hidden.has(type);
    if (hide) this.hidden.add(type);
    else this.hidden.delete(type);
    this.refilter();
    return !hide;
  }

  refilter() {
    this.painter.fits = this.trace.select(this.query, this.hidden);
    this.found = null;
    const n = this.painter.fits === null ? null : this.matching().length;
    this.controls.fits.textContent = n === null ? "" : `${n.toLocaleString("en")} fit`;
    this.table?.refilter();
    this.overview.rest(this.width, this.overview.ratio, this.palette);
    this.writeLink();
    this.refresh();
  }

  /** The events that fit the filter, ascending. */
  matching() {
    if (!this.found) {
      const all = Int32Array.from({ length: this.trace.count }, (_, i) => i);
      this.found = this.painter.fits === null ? all : all.filter((i) => this.painter.fits[i]);
    }
    return this.found;
  }

  /** mode: off, past, future or both, of the event at the cursor. */
  setCone(mode, link = true) {
    this.cone = CONE_TURNS.includes(mode) ? mode : "off";
    this.controls.cone.value = this.cone;
    const bits = { off: 0, past: 1, future: 2, both: 3 }[this.cone];
    this.painter.cone = bits ? this.trace.cone(this.cursor).map((mark) => mark & bits) : null;
    if (link) this.writeLink();
    this.refresh();
  }

  turnCone() {
    this.setCone(CONE_TURNS[(CONE_TURNS.indexOf(this.cone) + 1) % CONE_TURNS.length]);
  }

  release() {
    this.pause();
    this.node = null;
    this.setCone("off");
    if (this.query) this.filterBy("");
    this.goTo(this.cursor, { reveal: false });
    this.surface.focus();
  }

  // --- Panels, exports ---

  openFork() {
    if (!this.branch) return;
    this.branch.root.open = true;
    this.branch.root.querySelector("summary").focus();
    this.branch.root.scrollIntoView({ block: "nearest" });
  }

  openTable() {
    if (!this.table) return;
    this.table.root.open = true;
    this.table.summary.focus();
    this.table.root.scrollIntoView({ block: "nearest" });
  }

  showKeys() {
    this.dialog.showModal();
  }

  /** The visible window as an SVG document. */
  svg() {
    const pen = new SvgPen(this.width, this.height, document.createElement("canvas").getContext("2d"));
    this.painter.paint(pen, this.width, this.height, this.palette, true);
    return pen.text(this.palette.surface, `${this.rangeText()}`);
  }

  saveSvg() {
    download(`trace-${this.trace.moment(this.cursor).replaceAll(" ", "")}.svg`, "image/svg+xml", this.svg());
  }

  async copyLink() {
    this.writeLink(true);
    const said = await copyText(location.href, null);
    this.readout.replaceChildren(`${said === "Copied" ? "Copied" : "The link is in the address bar"}: ${this.link()}`);
  }

  // --- Links ---

  link() {
    const { trace } = this;
    const parts = [`t=${trace.times[this.cursor].toFixed(6)}`];
    if (this.node !== null) parts.push(`n=${encodeURIComponent(trace.names[this.node])}`);
    parts.push(`e=${trace.number(this.cursor)}`);
    if (this.query) parts.push(`q=${encodeURIComponent(this.query)}`);
    if (this.cone !== "off") parts.push(`c=${this.cone}`);
    return `#${parts.join("&")}`;
  }

  writeLink(now = false) {
    if (this.options.link === false || !this.linked) return;
    clearTimeout(this.linking);
    const write = () => history.replaceState(history.state, "", this.link());
    if (now) write();
    else this.linking = setTimeout(write, LINK_MS);
  }

  /** Goes where the address says; whether it says anything. */
  followLink() {
    this.linked = true;
    const wanted = new URLSearchParams(location.hash.slice(1));
    if (!wanted.has("t") && !wanted.has("e")) return false;
    const { trace } = this;
    const number = wanted.has("e") ? Number(wanted.get("e")) - trace.first : -1;
    const known = Number.isInteger(number) && number >= 0 && number < trace.count;
    const name = trace.names.indexOf(wanted.get("n"));
    this.node = name >= 0 ? name : null;
    if (wanted.has("q")) this.filterBy(wanted.get("q"));
    this.goTo(known ? number : trace.indexAt(Number(wanted.get("t")) || 0), { link: false });
    if (wanted.has("c")) this.setCone(wanted.get("c"), false);
    return true;
  }

  // --- Hands ---

  listen() {
    const s = this.surface;
    this.ends = [];
    const on = (target, kind, act, more) => {
      target.addEventListener(kind, act, more);
      this.ends.push(() => target.removeEventListener(kind, act, more));
    };
    on(s, "pointerdown", (e) => this.down(e));
    on(s, "pointermove", (e) => this.move(e));
    for (const kind of ["pointerup", "pointercancel"]) on(s, kind, (e) => this.up(e));
    on(s, "pointerleave", () => this.hover(null, null));
    on(s, "dblclick", (e) => this.painter.view.zoom(2.5, this.painter.positionAt(this.local(e).x)));
    on(s, "wheel", (e) => this.wheel(e), { passive: false });
    on(s, "blur", () => (this.tip.hidden = true));
    const place = this.options.keys === "page" ? document : this.root;
    on(place, "keydown", (e) => press(this, e) && e.preventDefault());
    if (this.options.link !== false) on(window, "hashchange", () => this.followLink());
    on(matchMedia("(prefers-color-scheme: dark)"), "change", () => this.resize());
    const sized = new ResizeObserver(() => this.surface.clientWidth !== this.width && this.resize());
    sized.observe(s);
    const themed = new MutationObserver(() => this.resize());
    themed.observe(document.documentElement, { attributes: true, attributeFilter: ["data-scheme", "data-theme", "class"] });
    this.ends.push(() => sized.disconnect(), () => themed.disconnect());
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
    if (!held) return this.hover(point, e);
    this.tip.hidden = true;
    if (this.fingers.size === 2) this.pinch(e.pointerId, point);
    else if (held.moved || Math.abs(point.x - held.x) > 3) {
      this.painter.view.pan((held.x - point.x) / this.painter.room);
      this.fingers.set(e.pointerId, { ...point, moved: true });
    }
  }

  pinch(id, point) {
    const other = [...this.fingers].find(([key]) => key !== id)[1];
    const held = this.fingers.get(id);
    const [before, after] = [held, point].map((p) => Math.max(8, Math.abs(p.x - other.x)));
    this.painter.view.zoom(after / before, this.painter.positionAt((point.x + other.x) / 2));
    this.fingers.set(id, { ...point, moved: true });
  }

  up(e) {
    const held = this.fingers.get(e.pointerId);
    this.fingers.delete(e.pointerId);
    if (!held || held.moved || e.type !== "pointerup") return;
    const name = this.painter.nameAt(held.x, held.y);
    if (name !== null) return this.chooseNode(name === this.node ? null : name);
    this.pause();
    const item = this.painter.hit(held.x, held.y);
    const at = this.painter.positionAt(held.x);
    const nearest = this.painter.axis === "time" ? this.trace.indexAt(at) : Math.round(at);
    this.goTo(item ?? nearest, { reveal: false });
  }

  hover(point, e) {
    this.pointer = point;
    this.hovered = point ? this.painter.hit(point.x, point.y) : null;
    this.tip.hidden = this.hovered === null;
    if (this.hovered !== null) this.placeTip(e.clientX, e.clientY);
    this.paintOver();
  }

  placeTip(x, y) {
    const { trace } = this;
    this.tip.textContent = `${trace.moment(this.hovered)}: ${trace.said(this.hovered)}\n${trace.words(this.hovered)}`.trim();
    const { width, height } = this.tip.getBoundingClientRect();
    this.tip.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - width - 8))}px`;
    this.tip.style.top = `${y + 18 + height > innerHeight ? y - height - 12 : y + 18}px`;
  }

  wheel(e) {
    const sideways = Math.abs(e.deltaX) > Math.abs(e.deltaY) ? e.deltaX : e.shiftKey ? e.deltaY : 0;
    if (e.ctrlKey || e.metaKey) this.painter.view.zoom(Math.exp(-e.deltaY * 0.004), this.painter.positionAt(this.local(e).x));
    else if (sideways) this.painter.view.pan(sideways / this.width);
    else return; // the page scrolls
    e.preventDefault();
  }

  /** Lets go of everything outside the element. */
  destroy() {
    this.pause();
    clearTimeout(this.linking);
    for (const end of this.ends) end();
    this.root.remove();
  }
}
