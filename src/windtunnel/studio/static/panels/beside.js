// What comes before and after on the path.

import { h, icon } from "../h.js";

export function beside({ on, before, after }) {
  if (!on) return null;
  return h("nav", { class: "beside", "aria-label": "On your path" },
    before[0] ? h("a", { href: before[0].href }, h("small", {}, "before"), before[0].title) : h("span"),
    h("a", { class: "middle", href: `/path/${on.id}` }, `${on.title} path`),
    after[0] ? h("a", { class: "after", href: after[0].href }, h("small", {}, "next"), h("span", {}, after[0].title, " ", icon("arrow"))) : h("span"));
}

/** What the path puts before this; nothing is shut, it is only said. */
export function before({ first }) {
  if (!first?.length) return null;
  return h("p", { class: "first-note" }, icon("lock"), h("span", {}, "On the path this comes after ", first.map((row, at) => [at > 0 && (at === first.length - 1 ? " and " : ", "), row.href ? h("a", { href: row.href }, row.title) : row.title]), ". You may do it now all the same."));
}
