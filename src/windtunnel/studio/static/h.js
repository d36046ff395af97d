// The view layer: elements from calls. h("p", { class: "lead" }, "text", [more, children]) is a <p>.
// Text is always a text node, so what strangers wrote (histories, outputs) can never become markup.

const SVG = "http://www.w3.org/2000/svg";

function put(element, props) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (name === "value" || name === "checked" || name === "disabled" || name === "selected" || name === "open") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  return element;
}

function fill(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** An HTML element. Props: attributes, on<event> listeners, style as an object. */
export const h = (tag, props, ...children) => fill(put(document.createElement(tag), props), children);

/** An SVG element. */
export const s = (tag, props, ...children) => fill(put(document.createElementNS(SVG, tag), props), children);

/** Put other children into an element. */
export const replace = (element, ...children) => {
  element.replaceChildren();
  return fill(element, children);
};

const ICONS = {
  check: "M5 12.5l4.500 4.500L19 7.500",
  cross: "M7 7l10 10M17 7L7 17",
  question: "M9 9.200a3 3 0 1 1 4.300 2.700c-.9.400-1.300 1-1.300 2M12 17.500v.1",
  play: "M8 5.500v13l10.500-6.500z",
  pause: "M8.500 6v12M15.500 6v12",
  arrow: "M5 12h13M13 6.500l5.500 5.500L13 17.500",
  lock: "M7 11V8.500a5 5 0 0 1 10 0V11M6 11h12v8.500H6z",
  copy: "M9 9h10v11H9zM5 15V4h10",
  branch: "M7 5v14M7 13c0-4 10-2 10-7M5 5h4M15 6h4M5 19h4",
  dice: "M5 5h14v14H5zM9 9v.1M15 15v.1M15 9v.1M9 15v.1M12 12v.1",
  eye: "M3 12c3-5 6-7 9-7s6 2 9 7c-3 5-6 7-9 7s-6-2-9-7zM12 9.500v5M9.500 12h5",
  search: "M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM15.500 15.500L20 20",
};

/** A stroked picture of 1 em; says nothing to a screen reader, so give its meaning in text as well. */
export const icon = (name) =>
  s("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, s("path", { d: ICONS[name] ?? ICONS.question }));
