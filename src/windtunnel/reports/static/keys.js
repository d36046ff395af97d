// The keys of the viewer, and their list. One table decides both, so the list cannot lie.

import { button, el } from "./dom.js";

/** [keys as KeyboardEvent.key, how they are written, what they do, (viewer) => void] */
const KEYS = [
  [[" "], "Space", "play, pause", (v) => v.togglePlay()],
  [["ArrowRight", "ArrowLeft"], "→ ←", "next, previous event (of the chosen node, if any)", (v, key) => v.step(key === "ArrowRight" ? 1 : -1)],
  [["]", "["], "] [", "next, previous event of note: faults, leaders, captions, the violation", (v, key) => v.stepNotable(key === "]" ? 1 : -1)],
  [["ArrowDown", "ArrowUp"], "↓ ↑", "choose the next, previous node", (v, key) => v.stepNode(key === "ArrowDown" ? 1 : -1)],
  [[".", ","], ". ,", "play faster, slower", (v, key) => v.changeSpeed(key === "." ? 1 : -1)],
  [["+", "=", "-", "_"], "+ −", "zoom in, out", (v, key) => v.zoom(key === "+" || key === "=" ? 1.6 : 1 / 1.6)],
  [["ArrowRight", "ArrowLeft"], "Shift → ←", "move the view, not the cursor", (v, key) => v.pan(key === "ArrowRight" ? 0.4 : -0.4), "shift"],
  [["Home", "End"], "Home End", "first, last event", (v, key) => v.goTo(key === "Home" ? 0 : v.trace.count - 1)],
  [["a"], "a", "show all events", (v) => v.fit()],
  [["v"], "v", "go to the violation", (v) => v.goToViolation()],
  [["c"], "c", "causal cone: past, future, both, off", (v) => v.turnCone()],
  [["o"], "o", "axis: time, order of events", (v) => v.turnAxis()],
  [["/"], "/", "filter", (v) => v.controls.filter.focus()],
  [["f"], "f", "fork from here", (v) => v.openFork()],
  [["t"], "t", "the events as a table", (v) => v.openTable()],
  [["s"], "s", "save what is in view as SVG", (v) => v.saveSvg()],
  [["l"], "l", "copy a link to this moment", (v) => v.copyLink()],
  [["?"], "?", "this list", (v) => v.showKeys()],
  [["Escape"], "Esc", "stop; forget the cone, the chosen node, the filter", (v) => v.release()],
];

const EDITABLE = "input:not([type=radio]):not([type=checkbox]), select, textarea, [contenteditable]";
const PRESSABLE = "button, summary, a, input, [role=region]";

/** Acts on a key; whether it did. */
export function press(viewer, event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest?.("dialog")) return false;
  if (event.target.matches?.(EDITABLE) && event.key !== "Escape") return false;
  if (event.target.matches?.(PRESSABLE) && (event.key === " " || event.key === "Enter")) return false;
  if (event.target.matches?.("input[type=radio], [role=region]") && event.key.startsWith("Arrow")) return false;
  const fits = ([keys, , , , shift]) => keys.includes(event.key) && (!event.key.startsWith("Arrow") || event.shiftKey === (shift === "shift"));
  const found = KEYS.find(fits);
  if (!found) return false;
  found[3](viewer, event.key);
  return true;
}

/** The list, as a dialog. */
export function keysDialog() {
  const rows = KEYS.map(([, written, what]) => el("tr", {}, el("th", { scope: "row" }, written.split(" ").flatMap((key) => [el("kbd", {}, key), " "])), el("td", {}, what)));
  const dialog = el("dialog", { class: "wt-keys", "aria-label": "Keys of the viewer" });
  dialog.append(
    el("h3", {}, "Keys"),
    el("table", {}, el("tbody", {}, rows)),
    el("p", {}, "With the pointer: drag to move, Ctrl and wheel or pinch to zoom, click to go to an event."),
    button("Close", () => dialog.close()),
  );
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  return dialog;
}
