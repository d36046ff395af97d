// Small parts that several pages use.

import { h, icon, replace } from "./h.js";

/** Say something in passing, for eyes and screen readers. */
export function toast(text) {
  const place = document.querySelector("#toast");
  replace(place, h("p", {}, text));
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => replace(place), 4000);
}

/** A part of a page that loads by itself: what fails in it is said in it, and the rest of the page lives. */
export function panel(props, load) {
  const body = h("div", { class: "panel-body" });
  const section = h("section", { ...props, class: `part ${props.class ?? ""}`, "aria-busy": "true" }, body);
  const fill = async () => {
    try {
      const view = await load(section);
      if (view !== undefined) replace(body, view);
    } catch (error) {
      if (error.name !== "AbortError") replace(body, trouble(error, fill));
    }
    section.removeAttribute("aria-busy");
  };
  fill();
  return section;
}

/** What went wrong, with a way to try again. */
export function trouble(error, again) {
  return h("div", { class: "trouble", role: "alert" }, h("p", {}, error.message), again && h("button", { type: "button", onclick: again }, "Try again"));
}

const WORDS = {
  valid: ["good", "check", "Valid"],
  passed: ["good", "check", "Passed"],
  done: ["good", "check", "Done"],
  invalid: ["bad", "cross", "Invalid"],
  failed: ["bad", "cross", "Failed"],
  unknown: ["open", "question", "Unknown"],
  waiting: ["idle", "question", "Not run"],
};

/** A verdict: colour, picture and word, so that none of them is needed alone. */
export function verdict(name, text) {
  const [tone, picture, word] = WORDS[name] ?? WORDS.unknown;
  return h("span", { class: `verdict ${tone}` }, icon(picture), text ?? word);
}

/** A command line that can be copied. */
export function command(text) {
  const label = h("span", {}, "Copy");
  const button = h("button", { type: "button", class: "small", "aria-label": `Copy: ${text}`, onclick: copy }, icon("copy"), label);
  const code = h("code", {}, text);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      label.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      label.textContent = "Selected";
    }
    setTimeout(() => (label.textContent = "Copy"), 2000);
  }
  return h("div", { class: "terminal" }, code, button);
}

/** A number with thin spaces between its thousands. */
export const grouped = (value) => Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** `1 run`, `3 runs`. */
export const counted = (count, one, many = `${one}s`) => `${grouped(count)} ${count === 1 ? one : many}`;

/** Minutes as people say them. */
export const minutes = (value) => (value < 90 ? `${Math.round(value)} min` : `${+(value / 60).toFixed(1)} h`);

/** `20261121T114000` as a date and time of this place. */
export const moment = (stamp) => `${stamp.slice(0, 4)}-${stamp.slice(4, 6)}-${stamp.slice(6, 8)} ${stamp.slice(9, 11)}:${stamp.slice(11, 13)}`;

/** A bar that is also a number. share: 0 to 1. */
export const meter = (share, label) =>
  h("div", { class: "meter", role: "img", "aria-label": label }, h("i", { style: { width: `${Math.round(100 * Math.min(1, share))}%` } }));

/** Radio buttons that look like one control. options: [value, label]. */
export function choice(name, label, options, chosen, onchange) {
  return h(
    "fieldset",
    { class: "choice" },
    h("legend", {}, label),
    h("div", {}, options.map(([value, text]) =>
      h("label", {}, h("input", { type: "radio", name, value, checked: value === chosen, onchange: () => onchange(value) }), h("span", {}, text)))),
  );
}
