// Everything there is, with a search that looks at titles, texts and tags.

import { look } from "../api.js";
import { h, icon, replace } from "../h.js";
import { counted } from "../ui.js";

const KINDS = [["", "everything"], ["system", "systems"], ["lab", "labs"], ["lesson", "lessons"], ["calculator", "calculators"], ["decision", "decisions"], ["safeguard", "safeguards"], ["model", "models"]];
const SHOWN_MAX = 90;

export async function render({ query, signal }) {
  const { rows } = await look("/api/catalogue", signal);
  const texts = rows.map((row) => `${row.kind} ${row.title} ${row.text} ${row.tags.join(" ")} ${row.item}`.toLowerCase());
  let kind = query.get("kind") ?? "";
  const list = h("ul", { class: "cards" });
  const count = h("p", { class: "small-text", role: "status" });
  const box = h("input", { type: "search", id: "search", placeholder: "Search: raft, queue, partition, law 3", value: query.get("q") ?? "", autocomplete: "off", oninput: filled });
  const kinds = h("fieldset", { class: "chips" }, h("legend", { class: "unseen" }, "Kind"), KINDS.filter(([name]) => !name || rows.some((row) => row.kind === name)).map(([name, label]) =>
    h("label", { class: "chip" }, h("input", { type: "radio", name: "kind", value: name, checked: name === kind, onchange: () => { kind = name; filled(); } }), h("span", {}, label))));

  function filled() {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = rows.map((row, at) => [row, score(row, texts[at], words)]).filter(([row, points]) => points > 0 && (!kind || row.kind === kind));
    if (words.length) found.sort((a, b) => b[1] - a[1]);
    replace(list, found.slice(0, SHOWN_MAX).map(([row]) => card(row)));
    count.textContent = found.length ? `${counted(found.length, "entry", "entries")}${found.length > SHOWN_MAX ? `, the first ${SHOWN_MAX} are shown` : ""}` : "Nothing of that name. Try fewer letters, or another kind.";
    const now = new URLSearchParams();
    if (box.value) now.set("q", box.value);
    if (kind) now.set("kind", kind);
    history.replaceState({}, "", now.size ? `?${now}` : location.pathname);
  }
  filled();
  if (query.has("search")) queueMicrotask(() => setTimeout(() => box.focus()));
  return [
    h("div", { class: "head" }, h("h1", {}, "Catalogue"), h("p", { class: "lead" }, "Systems to run, labs to build, figures to compute, lessons to read by doing.")),
    h("div", { class: "finder" }, h("label", { for: "search", class: "unseen" }, "Search the catalogue"), icon("search"), box),
    kinds, count, list,
  ];
}

function score(row, text, words) {
  if (!words.length) return 1;
  let points = 0;
  for (const word of words) {
    if (!text.includes(word)) return 0;
    const title = row.title.toLowerCase();
    points += title.startsWith(word) ? 6 : title.includes(word) ? 4 : row.tags.some((tag) => tag.toLowerCase().includes(word)) ? 2 : 1;
  }
  return points;
}

const card = (row) => h("li", {}, h("a", { class: "tile", href: row.href },
  h("div", { class: "row between" }, h("span", { class: "eyebrow" }, row.kind), row.done && h("span", { class: "verdict good" }, icon("check"), h("span", { class: "unseen" }, "done"))),
  h("h2", { class: "title" }, row.title), h("p", {}, row.text.length > 150 ? `${row.text.slice(0, 148).trimEnd()}…` : row.text), h("div", { class: "tags" }, row.tags.filter(Boolean).slice(0, 5).map((tag) => h("span", { class: "tag" }, tag)))));
