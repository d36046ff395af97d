// The events as a table: for screen readers, for reading, for copying. Built when it is opened, a page at a time.

import { button, el } from "./dom.js";
import { lowerBound } from "./view.js";

const PAGE = 100;

export class TablePanel {
  constructor(viewer) {
    this.viewer = viewer;
    this.trace = viewer.trace;
    this.summary = el("summary", {}, "The events as a table");
    this.root = el("details", { class: "alternative" }, this.summary);
    this.body = el("div", {});
    this.root.append(this.body);
    this.page = 0;
    this.root.addEventListener("toggle", () => this.root.open && this.turnTo(viewer.cursor));
  }

  /** The rows, by the filter of the viewer. */
  rows() {
    return this.viewer.matching();
  }

  update(i) {
    if (!this.root.open) return;
    const rows = this.rows();
    const at = lowerBound(rows, i);
    if (Math.floor(at / PAGE) !== this.page) this.turnTo(i);
    else this.mark(i);
  }

  turnTo(i) {
    this.page = Math.floor(Math.min(lowerBound(this.rows(), i), Math.max(0, this.rows().length - 1)) / PAGE);
    this.draw();
  }

  refilter() {
    if (this.root.open) this.turnTo(this.viewer.cursor);
  }

  draw() {
    const { trace } = this;
    const rows = this.rows();
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    const shown = Array.from(rows.slice(this.page * PAGE, (this.page + 1) * PAGE));
    const head = ["Event", trace.unit === "s" ? "Time" : "Step", "Node", "Kind", "Peer", "Text"].map((name) => el("th", { scope: "col" }, name));
    this.lines = new Map(shown.map((i) => [i, this.line(i)]));
    const turn = (by) => {
      this.page += by;
      this.draw();
    };
    const first = this.page * PAGE + 1;
    const status = rows.length ? `${first.toLocaleString("en")} to ${(first + shown.length - 1).toLocaleString("en")} of ${rows.length.toLocaleString("en")}` : "No event fits the filter.";
    const nav = el(
      "p",
      { class: "pages" },
      button("Earlier", () => turn(-1), { disabled: this.page === 0 }),
      button("Later", () => turn(1), { disabled: this.page >= pages - 1 }),
      el("span", { role: "status" }, status),
    );
    const table = el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, [...this.lines.values()]));
    this.body.replaceChildren(nav, el("div", { class: "scroller", role: "region", "aria-label": "Events", tabindex: "0" }, table));
    this.mark(this.viewer.cursor);
  }

  line(i) {
    const { trace } = this;
    const peer = trace.from[i] >= 0 ? `from ${trace.names[trace.from[i]]}` : trace.to[i] >= 0 ? `to ${trace.names[trace.to[i]]}` : "";
    const go = button(String(trace.number(i)), () => this.viewer.goTo(i), { title: "Go to this event", class: "go" });
    const cells = [trace.moment(i), trace.names[trace.node[i]] ?? "", trace.kinds[trace.kind[i]], peer, trace.words(i)];
    return el("tr", {}, el("th", { scope: "row" }, go), cells.map((text) => el("td", {}, text)));
  }

  mark(i) {
    this.marked?.removeAttribute("aria-current");
    this.marked = this.lines?.get(i);
    this.marked?.setAttribute("aria-current", "true");
  }
}
