// One system: what it promises, what must hold, the rules it stands on, and runs of them.

import { lookOnce } from "../api.js";
import { h, icon } from "../h.js";

export async function render({ id }) {
  const { systems } = await lookOnce("/api/systems");
  const row = systems.find((one) => one.name === id);
  if (!row) throw new Error(`There is no system called ${id}.`);
  const [title, ...rest] = row.title.split(":");
  const words = (name) => name.replaceAll("_", " ");
  return [
    h("div", { class: "head" }, h("p", { class: "crumb" }, h("a", { href: "/catalogue?kind=system" }, "Systems"), " / ", row.family), h("h1", {}, title), rest.length > 0 && h("p", { class: "lead" }, rest.join(":").trim()),
      h("div", { class: "row" }, h("a", { class: "button strong-button", href: `/run?system=${row.name}` }, icon("play"), "Run it"))),
    h("div", { class: "split" },
      h("div", { class: "stack" },
        h("section", {}, h("h2", {}, "Rules it stands on"), h("p", { class: "small-text" }, "Each of them carries weight. Take one away and a promise can break: predict which, then see it."),
          h("ul", { class: "rule-list" }, row.safeguards.map((rule) => h("li", {}, h("div", { class: "row between" }, h("h3", {}, words(rule.name)), h("a", { class: "button small", href: `/lab/${row.name}~${rule.name}` }, "As a lab"), ), h("p", {}, rule.rule, " ", h("small", {}, `(${rule.source})`)), h("details", {}, h("summary", {}, "What breaks without it"), h("p", {}, rule.breaks.map(words).join(", "))))))),
        h("section", {}, h("h2", {}, "What must hold"), h("div", { class: "wide-scroll" }, h("table", {}, h("tbody", {}, row.properties.map((prop) => h("tr", {}, h("td", {}, h("span", { class: "tag" }, prop.kind)), h("td", {}, words(prop.name)), h("td", {}, prop.statement)))))))),
      h("aside", { class: "tile about" }, h("dl", { class: "pairs" },
        [["promise", row.promise], ["interface", row.interface], ["nodes", String(row.size)], ["form", row.form], ["source", row.source], ["faults", row.faults.join(", ") || "none"]].map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))))),
  ];
}
