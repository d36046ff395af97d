// Elements in one expression. Values only ever become text or attributes: what a stranger wrote into a history stays text.

/** el("button", { type: "button", onclick: f, class: "x" }, "text", child): null and undefined children are left out. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const ICONS = {
  play: "M5 3.5v13l11-6.5z",
  pause: "M5 4h3.5v12H5zM11.5 4H15v12h-3.5z",
  back: "M14 4v12L6 10z",
  forward: "M6 4v12l8-6z",
  previous: "M4 4h2.5v12H4zM16 4v12L8 10z",
  next: "M13.500 4H16v12h-2.500zM4 4v12l8-6z",
};

/** A small picture on a button; its words are the button's label. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button with a picture or a word. */
export function button(label, onclick, { picture, title, keys, ...more } = {}) {
  const hint = `${title ?? label}${keys ? ` (${keys})` : ""}`;
  const content = picture ? icon(picture) : label;
  return el("button", { type: "button", onclick, title: hint, ...(picture ? { "aria-label": title ?? label } : {}), ...more }, content);
}

/** A file for the reader's disk. */
export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Puts text on the clipboard; where a browser refuses, selects `element` so that Ctrl+C works. Says which. */
export async function copyText(text, element) {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    if (element) getSelection().selectAllChildren(element);
    return element ? "Selected" : "Refused";
  }
}
