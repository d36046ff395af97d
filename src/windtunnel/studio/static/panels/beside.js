// What comes before and after on the path.

import { h, icon } from "../h.js";

export function beside({ on, before, after }) {
  if (!on) return null;
  return h("nav", { class: "beside", "aria-label": "On your path" },
    before[0] ? h("a", { href: before[0].href }, h("small", {}, "before"), before[0].title) : h("span"),
    h("a", { class: "middle", href: `/path/${on.id}` }, `${on.title} path`),
    after[0] ? h("a", { class: "after", href: after[0].href }, h("small", {}, "next"), h("span", {}, after[0].title, " ", icon("arrow"))) : h("span"));
}
