// Calculators, in groups.

import { look } from "../api.js";
import { h } from "../h.js";
import { verdict } from "../ui.js";

export async function render({ signal }) {
  const { calculators } = await look("/api/calculators", signal);
  const groups = [...new Set(calculators.map((row) => row.group))];
  return [
    h("div", { class: "head" }, h("h1", {}, "Calculators"), h("p", { class: "lead" }, "Closed forms with units, sources and domains. Each can be checked here and now against something independent of it: simulation, enumeration, Monte Carlo.")),
    groups.map((group) => h("section", { class: "part" }, h("h2", {}, group[0].toUpperCase() + group.slice(1)), h("ul", { class: "cards" }, calculators.filter((row) => row.group === group).map((row) =>
      h("li", {}, h("a", { class: "tile", href: `/calculator/${row.name}` }, h("h3", {}, row.title), h("p", { class: "mono" }, row.formula), row.checked && h("div", { class: "tags" }, verdict("done", "You checked it")))))))),
  ];
}
