// The skill tree: one column for each block of a path, what needs something stands below it and further in. Each node is a link.

import { h, s } from "../h.js";

const WIDE = 262;
const TALL = 42;
const ROW = 52;
const COLUMN = 288;
const STEP = 22;
const HEAD = 34;

/** blocks: of /api/paths. Needs that stand on other paths are left out. */
export function tree(blocks) {
  const places = new Map();
  const columns = blocks.map((block, at) => placed(block.nodes, at, places));
  const height = HEAD + Math.max(...columns.map((rows) => rows.length)) * ROW;
  const width = blocks.length * COLUMN - (COLUMN - WIDE);
  const nodes = columns.flat();
  const edges = nodes.flatMap((node) => node.needs.filter((need) => places.has(need)).map((need) => edge(places.get(need), node)));
  const drawn = s("svg", { class: "tree", viewBox: `-2 0 ${width + 4} ${height}`, width: width + 4, height, role: "group", "aria-label": "Skill tree" },
    blocks.map((block, at) => s("text", { class: "band", x: at * COLUMN, y: 16 }, short(block.title, 40))),
    s("g", { "aria-hidden": "true" }, edges), nodes.map(drawnNode));
  return h("div", { class: "wide-scroll", tabindex: "0", role: "region", "aria-label": "Skill tree, scrolls sideways" }, drawn);
}

/** The nodes of a block in an order in which what is needed comes first and dependants follow it, with their place. */
function placed(nodes, column, places) {
  const mine = new Set(nodes.map((node) => node.item));
  const parent = new Map(nodes.map((node) => [node.item, node.needs.filter((need) => mine.has(need)).at(-1)]));
  const rows = [];
  const put = (node, depth) => {
    const row = { ...node, depth: Math.min(3, depth), x: column * COLUMN + Math.min(3, depth) * STEP, y: HEAD + rows.length * ROW, column };
    rows.push(row);
    places.set(node.item, row);
    for (const child of nodes) if (parent.get(child.item) === node.item) put(child, depth + 1);
  };
  for (const node of nodes) if (parent.get(node.item) === undefined) put(node, 0);
  for (const node of nodes) if (!places.has(node.item)) put(node, 0);
  return rows;
}

function edge(from, to) {
  const props = { class: `edge ${from.state === "done" ? "done" : ""}` };
  if (from.column === to.column && from.y < to.y) {
    const x = from.x + STEP / 2;
    return s("path", { ...props, d: `M${x} ${from.y + TALL}V${to.y + TALL / 2 - 6}q0 6 6 6H${to.x}` });
  }
  const [x1, y1, x2, y2] = [from.x + wide(from), from.y + TALL / 2, to.x, to.y + TALL / 2];
  const bend = Math.max(18, Math.abs(x2 - x1) / 2);
  return s("path", { ...props, class: `${props.class} far`, d: `M${x1} ${y1}C${x1 + bend} ${y1},${x2 - bend} ${y2},${x2} ${y2}` });
}

const wide = (node) => WIDE - node.depth * STEP;

function drawnNode(node) {
  const words = `${node.kind}: ${node.title}, ${node.state}`;
  const body = [
    s("rect", { x: node.x, y: node.y, width: wide(node), height: TALL, rx: 8 }),
    s("text", { class: "name", x: node.x + 12, y: node.y + 18 }, short(node.title, Math.floor((wide(node) - 40) / 6.6))),
    s("text", { class: "kind", x: node.x + 12, y: node.y + 33 }, `${node.kind}, ${node.minutes} min${node.optional ? ", optional" : ""}${node.state === "planned" ? ", planned" : ""}`),
    node.state === "done" && s("path", { class: "tick", d: `M${node.x + wide(node) - 24} ${node.y + 21}l4 4 8-8` }),
    node.state === "locked" && s("path", { class: "shut", d: `M${node.x + wide(node) - 23} ${node.y + 20}h10v8h-10zM${node.x + wide(node) - 21} ${node.y + 20}v-3a3 3 0 0 1 6 0v3` }),
    s("title", {}, words),
  ];
  const props = { class: `node ${node.state}`, "aria-label": words };
  return node.href ? s("a", { ...props, href: node.href }, body) : s("g", { ...props, role: "img" }, body);
}

const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1).trimEnd()}…` : text);
