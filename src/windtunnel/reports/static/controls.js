// The bar above the drawing: playing, the axis, the cone, the filter, zoom, export.

import { button, el, icon } from "./dom.js";

const PER_SECOND = [1, 2, 5, 10, 30, 100, 300]; // events, on the axis of order
const SLOWER = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 10]; // of real time, on the axis of time
const CONES = [["off", "off"], ["past", "past"], ["future", "future"], ["both", "past and future"]];

export class Controls {
  constructor(viewer) {
    this.viewer = viewer;
    this.speeds = { time: 2, order: 2 };
    const v = viewer;
    this.play = button("Play", () => v.togglePlay(), { picture: "play", keys: "Space", class: "primary" });
    this.speed = el("select", { "aria-label": "Speed", onchange: () => (this.speeds[this.pace] = this.speed.selectedIndex) });
    this.clock = el("output", { class: "clock", "aria-live": "off" });
    this.filter = el("input", {
      type: "search", placeholder: "Filter: words, node:n1, -word", "aria-label": "Filter events", spellcheck: "false", autocomplete: "off",
      oninput: () => v.filterBy(this.filter.value),
      onkeydown: (event) => event.key === "Enter" && (v.surface.focus(), event.preventDefault()),
    });
    this.fits = el("span", { class: "quiet", role: "status" });
    this.cone = el("select", { onchange: () => v.setCone(this.cone.value) }, CONES.map(([value, words]) => el("option", { value }, words)));
    const name = `axis${Controls.count = (Controls.count ?? 0) + 1}`;
    this.axes = ["time", "order"].map((axis) => el("input", { type: "radio", name, value: axis, onchange: () => v.setAxis(axis) }));
    this.violation = button("Violation", () => v.goToViolation(), { keys: "v", class: "bad" });
    this.range = el("span", { class: "range", "data-range": true });
    this.root = el(
      "div",
      { class: "wt-bar" },
      el("div", { class: "group", role: "group", "aria-label": "Time travel" },
        button("Previous event of note", () => v.stepNotable(-1), { picture: "previous", keys: "[" }),
        button("Previous event", () => v.step(-1), { picture: "back", keys: "←" }),
        this.play,
        button("Next event", () => v.step(1), { picture: "forward", keys: "→" }),
        button("Next event of note", () => v.stepNotable(1), { picture: "next", keys: "]" }),
        this.speed,
      ),
      this.clock,
      el("div", { class: "group search" }, this.filter, this.fits),
      el("div", { class: "group", role: "group", "aria-label": "View" },
        el("fieldset", {}, el("legend", { class: "wt-unseen" }, "Axis"), this.axes.map((input) => el("label", {}, input, ` ${input.value}`))),
        el("label", {}, "Cone ", this.cone),
      ),
      el("div", { class: "group", role: "group", "aria-label": "Zoom" },
        button("−", () => v.zoom(1 / 1.6), { title: "Zoom out", keys: "-", "aria-label": "Zoom out" }),
        button("+", () => v.zoom(1.6), { title: "Zoom in", keys: "+", "aria-label": "Zoom in" }),
        button("All", () => v.fit(), { title: "Show all events", keys: "a" }),
        this.violation,
      ),
      el("div", { class: "group", role: "group", "aria-label": "Share" },
        button("SVG", () => v.saveSvg(), { title: "Save what is in view as SVG", keys: "s" }),
        button("Link", () => v.copyLink(), { title: "Copy a link to this moment", keys: "l" }),
        button("Keys", () => v.showKeys(), { title: "List of keys", keys: "?" }),
      ),
      this.range,
    );
  }

  /** Whether playing is counted in seconds or in events. */
  get pace() {
    return this.viewer.painter.axis === "time" && this.viewer.trace.unit === "s" ? "time" : "order";
  }

  /** Units of the axis per second of the reader. */
  get rate() {
    return this.pace === "time" ? SLOWER[this.speeds.time] : PER_SECOND[this.speeds.order];
  }

  setPace() {
    const texts = this.pace === "time" ? SLOWER.map((x) => `${x}× time`) : PER_SECOND.map((n) => `${n}/s`);
    this.speed.replaceChildren(...texts.map((text) => el("option", {}, text)));
    this.speed.selectedIndex = this.speeds[this.pace];
  }

  /** The button says what it would do. */
  showPlaying(playing) {
    this.play.replaceChildren(icon(playing ? "pause" : "play"));
    this.play.setAttribute("aria-label", playing ? "Pause" : "Play");
  }

  changeSpeed(by) {
    const last = this.speed.options.length - 1;
    this.speed.selectedIndex = this.speeds[this.pace] = Math.max(0, Math.min(last, this.speeds[this.pace] + by));
  }
}

/** One button per type of message; pressed means shown. */
export function legend(viewer) {
  const hue = (rank) => ["--m1", "--m2", "--m3", "--m4", "--m5", "--m6", "--other"][rank];
  const items = viewer.trace.types.slice(0, 24).map(([type, name, count]) => {
    const toggle = button(`${name} ${count.toLocaleString("en")}`, () => {
      toggle.setAttribute("aria-pressed", String(viewer.toggleType(type)));
    }, { title: `Show or hide ${name}`, "aria-pressed": "true" });
    toggle.style.setProperty("--hue", `var(${hue(viewer.trace.rank[type])})`);
    return el("li", {}, toggle);
  });
  const marks = [["lost", "lost"], ["repeat", "repeated"], ["late", "late"]].filter(([what]) => viewer.trace[{ lost: "isLost", repeat: "isRepeat", late: "isLate" }[what]].includes(1));
  const key = marks.map(([what, words]) => el("li", { class: `mark ${what}` }, words));
  return el("ul", { class: "kinds", "aria-label": "Types of message: press to hide" }, items, key);
}
