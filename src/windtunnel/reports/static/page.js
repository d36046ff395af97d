// Puts the page to work: both drawings, the copy buttons, printing.

import { Deck } from "./deck.js";
import { Timeline } from "./timeline.js";
import { mountViewer } from "./viewer.js";

const data = JSON.parse(document.getElementById("data").textContent);
const decks = [];

/** The timeline opens on the whole run; the button goes to the seconds around the violation. */
function openTimeline() {
  const root = document.getElementById("timeline-deck");
  if (!root) return;
  const painter = new Timeline(data);
  const at = data.violation?.at;
  const marked = data.operations.marked.map((i) => painter.invoked[i]);
  const around = () => {
    const span = Math.max(1.3 * (at - Math.min(at, ...marked)), painter.timed ? 0.5 : 8);
    painter.view.set(at - span, at + 0.3 * span);
  };
  painter.chosen = (item) => item !== null && takeTo(painter.at(item));
  decks.push(new Deck(root, painter.view, painter, at === undefined ? null : around));
}

/** What is chosen on the timeline is where the viewer goes, if the trace has that moment. */
function takeTo(time) {
  const trace = window.windtunnel?.trace;
  if (trace && time >= trace.times[0] && time <= trace.times[trace.count - 1]) window.windtunnel.goToTime(time);
}

/** The trace, wherever it is: a long one is compressed, and unpacked when the page is already on the screen. */
async function readTrace() {
  const packed = document.getElementById("trace");
  if (!packed) return data.trace;
  const bytes = Uint8Array.from(atob(packed.textContent), (c) => c.charCodeAt(0));
  packed.remove();
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

/** A report in its store directory knows the way to itself; one that was mailed does not, and says what it was told. */
function storeOfPage() {
  const folder = decodeURIComponent(location.pathname).replace(/\/report\.html$/, "");
  return location.protocol === "file:" && folder !== decodeURIComponent(location.pathname) ? folder : undefined;
}

async function openViewer() {
  const place = document.getElementById("viewer");
  if (!place) return;
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const trace = await readTrace();
  window.windtunnel = mountViewer(place, { ...data, trace }, { store: storeOfPage() }); // for the console, and for measurements
  decks.push(window.windtunnel);
  place.dataset.ready = "true";
}

/** The clipboard, or where a browser refuses it, the text selected so that Ctrl+C works. */
async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(source);
    button.textContent = "Selected";
  }
  setTimeout(() => (button.textContent = "Copy"), 1600);
}

for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copy(button));
openTimeline();
openViewer();

// Paper is white: the drawings are painted once more in the light colours.
addEventListener("beforeprint", () => {
  document.documentElement.dataset.scheme = "light";
  for (const deck of decks) deck.resize();
});
addEventListener("afterprint", () => {
  delete document.documentElement.dataset.scheme;
  for (const deck of decks) deck.resize();
});
