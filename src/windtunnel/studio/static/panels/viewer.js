// The trace viewer, which reports and the studio share; where it is not there, the events as a list.

import { h } from "../h.js";

const LIST_MAX = 400;
let styled;

/** Mounts the viewer for `data` into `element`. options.fork: async ({at, changes}) => id of the branch. */
export async function mountTrace(element, data, options) {
  let module;
  try {
    styled ??= document.head.appendChild(h("link", { rel: "stylesheet", href: "/static/viewer/viewer.css" }));
    module = await import("/static/viewer/viewer.js");
  } catch {
    element.append(listing(data));
    return;
  }
  const viewer = module.mountViewer(element, data, options);
  options.signal?.addEventListener("abort", () => viewer.destroy());
  new ResizeObserver(() => viewer.resize()).observe(element);
}

function listing(data) {
  const trace = data.trace ?? { t: [] };
  if (!trace.t.length) return h("div", { class: "empty" }, h("p", {}, "This run has no trace. Run it again from the Run page to have one."));
  let micros = 0;
  const rows = trace.t.slice(0, LIST_MAX).map((delta, at) => {
    micros += delta;
    const name = (column) => (trace[column][at] >= 0 ? trace.names[trace[column][at]] : "");
    return h("tr", {}, h("td", { class: "number" }, (data.start + micros / 1e6).toFixed(4)), h("td", {}, trace.kinds[trace.kind[at]]), h("td", {}, name("node")), h("td", {}, name("from")), h("td", {}, trace.texts[trace.text[at]]));
  });
  return h("div", { class: "wide-scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["Second", "Event", "Node", "From", "What"].map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, rows)));
}
