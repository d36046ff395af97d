// Decision frameworks, as cards.

import { look } from "../api.js";
import { h } from "../h.js";
import { minutes, verdict } from "../ui.js";

export async function render({ signal }) {
  const { decisions } = await look("/api/decisions", signal);
  return [
    h("div", { class: "head" }, h("h1", {}, "Decisions"), h("p", { class: "lead" }, "Questions in an order that a colleague with experience would ask them. Every answer has reasons, and every reason something that can be run.")),
    h("ul", { class: "cards" }, decisions.map((row) => h("li", {}, h("a", { class: "tile", href: `/decision/${row.id}` },
      h("h2", { class: "title" }, row.title), h("p", {}, row.question), h("div", { class: "tags" }, h("span", { class: "tag" }, minutes(row.minutes)), h("span", { class: "tag" }, `${row.cases} cases`), row.laws.map((law) => h("span", { class: "tag" }, `law ${law}`)), row.done && verdict("done")))))),
  ];
}
