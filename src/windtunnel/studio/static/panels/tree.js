// The skill tree: the nodes of a path by what they need, left to right. Each node is a link; lines lead from what is needed.

import { h, s } from "../h.js";

const WIDE = 168;
const TALL = 44;
const GAP_X = 46;
const GAP_Y = 14;

/** blocks: of /api/paths. Needs that stand on other paths are left out. */
export function tree(blocks) {
  const nodes = blocks.flatMap((block, column) => block.nodes.map((node) => ({ ...node, block: column })));
  const byItem = new Map(nodes.map((node) => [node.item, node]));
  const levels = new Map();
  const level = (node) => {
    if (levels.has(node.item)) return levels.get(node.item);
    levels.set(node.item, 0);
    const below = node.needs.map((need) => byItem.get(need)).filter((need) => need && need !== node).map((need) => level(need) + 1);
    const found = Math.max(0, ...below);
    levels.set(node.item, found);
    return found;
  };
  nodes.forEach(level);
  const bands = [];
  let top = 0;
  let columns = 1;
  blocks.forEach((block, at) => {
    const mine = nodes.filter((node) => node.block === at);
    const least = Math.min(...mine.map((node) => levels.get(node.item)));
    const used = new Map();
    for (const node of mine) {
      const column = Math.min(levels.get(node.item) - least, 3);
      const row = used.get(column) ?? 0;
      used.set(column, row + 1);
      node.x = column * (WIDE + GAP_X);
      node.y = top + 30 + row * (TALL + GAP_Y);
      columns = Math.max(columns, column + 1);
    }
    const rows = Math.max(1, ...used.values());
    bands.push({ y: top, title: block.title, height: 30 + rows * (TALL + GAP_Y) });
    top += 30 + rows * (TALL + GAP_Y) + 16;
  });
  const width = columns * (WIDE + GAP_X) - GAP_X;
  const drawn = s("svg", { class: "tree", viewBox: `-2 0 ${width + 4} ${top}`, width: width + 4, height: top, role: "group", "aria-label": "Skill tree" },
    bands.map((band) => s("text", { class: "band", x: 0, y: band.y + 16 }, band.title)),
    s("g", { "aria-hidden": "true" }, nodes.flatMap((node) => node.needs.map((need) => byItem.get(need)).filter((from) => from && from.x !== undefined).map((from) => line(from, node)))),
    nodes.map(one));
  return h("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": "Skill tree, scrolls sideways" }, drawn);
}

function line(from, to) {
  const [x1, y1, x2, y2] = [from.x + WIDE, from.y + TALL / 2, to.x, to.y + TALL / 2];
  const done = from.state === "done";
  if (x2 <= from.x + 1) return s("path", { class: `edge ${done ? "done" : ""}`, d: `M${from.x + 10} ${from.y + TALL}C${from.x + 10} ${y2},${to.x - 18} ${y2},${x2} ${y2}` });
  const bend = Math.min(40, (x2 - x1) / 2);
  return s("path", { class: `edge ${done ? "done" : ""}`, d: `M${x1} ${y1}C${x1 + bend} ${y1},${x2 - bend} ${y2},${x2} ${y2}` });
}

const WORDS = { done: "done", open: "open", locked: "locked", planned: "planned" };

function one(node) {
  const words = `${node.kind}: ${node.title}, ${WORDS[node.state]}`;
  const body = [
    s("rect", { x: node.x, y: node.y, width: WIDE, height: TALL, rx: 8 }),
    s("text", { class: "name", x: node.x + 12, y: node.y + 18 }, short(node.title, 24)),
    s("text", { class: "kind", x: node.x + 12, y: node.y + 34 }, `${node.kind}, ${node.minutes} min${node.optional ? ", optional" : ""}`),
    node.state === "done" && s("path", { class: "tick", d: `M${node.x + WIDE - 22} ${node.y + 22}l4 4 7-8` }),
    s("title", {}, words),
  ];
  const props = { class: `node ${node.state}`, "aria-label": words };
  return node.href ? s("a", { ...props, href: node.href }, body) : s("g", { ...props, role: "img" }, body);
}

const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1).trimEnd()}…` : text);
