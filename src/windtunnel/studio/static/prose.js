// Texts with structure. Lessons come as trees (windtunnel.learn.markup); READMEs of labs as Markdown, which is read here into the same tree.

import { h } from "./h.js";
import { command } from "./ui.js";

const PAGES = { lesson: "/lesson/", lab: "/lab/", calc: "/calculator/", decision: "/decision/", run: "/run?system=" };

/** The address of an item such as `lesson:law-1`; a web address as it is. */
export function address(target) {
  const [kind, rest] = [target.slice(0, target.indexOf(":")), target.slice(target.indexOf(":") + 1)];
  return PAGES[kind] ? PAGES[kind] + encodeURIComponent(rest.split("#")[0].replace("/", "~")) : target;
}

export const spans = (nodes) => nodes.map(span);

function span(node) {
  if (node.type === "code") return h("code", {}, node.text);
  if (node.type === "strong") return h("strong", {}, spans(node.spans));
  if (node.type === "emphasis") return h("em", {}, spans(node.spans));
  if (node.type === "source") return h("a", { class: "source", href: `#source-${node.number}` }, `[${node.number}]`);
  if (node.type === "link") return link(node.target, spans(node.spans));
  return node.text;
}

function link(target, children) {
  const href = address(target);
  if (href.startsWith("/")) return h("a", { href }, children);
  if (/^https?:\/\//.test(href)) return h("a", { href, target: "_blank", rel: "noreferrer noopener" }, children);
  return h("span", {}, children);
}

/** One block of a tree as an element. */
export function block(node) {
  if (node.type === "heading") return h(`h${Math.min(4, Math.max(2, node.level))}`, {}, spans(node.spans));
  if (node.type === "list") return h(node.ordered ? "ol" : "ul", {}, node.items.map((item) => h("li", {}, spans(item))));
  if (node.type === "table") {
    return h("div", { class: "wide-scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, node.head.map((cell) => h("th", { scope: "col" }, spans(cell))))),
      h("tbody", {}, node.rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, spans(cell))))))));
  }
  if (node.type === "quote") return h("blockquote", {}, h("p", {}, spans(node.spans)));
  if (node.type === "listing") return node.text.includes("\n") || !node.text.startsWith("windtunnel ") ? h("pre", { tabindex: "0" }, h("code", {}, node.text)) : command(node.text);
  return h("p", {}, spans(node.spans));
}

// --- Markdown ---

const SPAN = /`([^`]+)`|\*\*(.+?)\*\*|(?<![\w*])\*([^*\s][^*]*?)\*(?![\w*])|\[([^\]]+)\]\(([^)\s]+)\)/g;

export function inline(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(SPAN)) {
    if (match.index > end) found.push({ type: "text", text: text.slice(end, match.index) });
    if (match[1] !== undefined) found.push({ type: "code", text: match[1] });
    else if (match[2] !== undefined) found.push({ type: "strong", spans: inline(match[2]) });
    else if (match[3] !== undefined) found.push({ type: "emphasis", spans: inline(match[3]) });
    else found.push({ type: "link", target: match[5], spans: inline(match[4]) });
    end = match.index + match[0].length;
  }
  if (end < text.length) found.push({ type: "text", text: text.slice(end) });
  return found;
}

const LIST = /^\s{0,3}(?:[-*]|(\d+)\.)\s+(.*)$/;
const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => inline(cell.trim().replaceAll("\\|", "|")));

/** The blocks of a Markdown text. */
export function blocks(text) {
  const lines = text.replace(/\r/g, "").split("\n");
  const found = [];
  let at = 0;
  const taken = (test) => {
    const from = at;
    while (at < lines.length && test(lines[at], at - from)) at += 1;
    return lines.slice(from, at);
  };
  while (at < lines.length) {
    const line = lines[at];
    const heading = /^(#{1,4})\s+(.*)$/.exec(line);
    if (!line.trim()) at += 1;
    else if (line.startsWith("```")) {
      at += 1;
      const body = taken((one) => !one.startsWith("```"));
      at += 1;
      found.push({ type: "listing", text: body.join("\n") });
    } else if (heading) {
      at += 1;
      found.push({ type: "heading", level: heading[1].length, spans: inline(heading[2]) });
    } else if (line.startsWith("|")) {
      const rows = taken((one) => one.startsWith("|"));
      found.push({ type: "table", head: cells(rows[0]), rows: rows.slice(2).map(cells) });
    } else if (line.startsWith(">")) {
      found.push({ type: "quote", spans: inline(taken((one) => one.startsWith(">")).map((one) => one.replace(/^>\s?/, "")).join(" ")) });
    } else if (LIST.test(line)) {
      const items = [];
      for (const one of taken((next) => LIST.test(next) || /^\s{2,}\S/.test(next))) {
        const match = LIST.exec(one);
        if (match) items.push(match[2]);
        else items[items.length - 1] += ` ${one.trim()}`;
      }
      found.push({ type: "list", ordered: /^\s*\d/.test(line), items: items.map(inline) });
    } else {
      const body = taken((one, i) => i === 0 || (one.trim() && !/^(#{1,4}\s|```|\||>)/.test(one) && !LIST.test(one)));
      found.push({ type: "paragraph", spans: inline(body.map((one) => one.trim()).join(" ")) });
    }
  }
  return found;
}

/** A Markdown text as elements. A first heading is left to the page, which has one already. */
export const prose = (text) => blocks(text).filter((node, at) => !(at === 0 && node.type === "heading" && node.level === 1)).map(block);
