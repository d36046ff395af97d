// Puts the page to work: both drawings, the copy buttons, printing.

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
  decks.push(new Deck(root, painter.view, painter, at === undefined ? null : around));
}

const WHOLE_MAX = 220; // events up to which a wide screen shows all of them at first

/** The diagram opens on the last events before the violation, or on the moment that the trace is about; a short one whole. */
function openSpacetime() {
  const root = document.getElementById("spacetime-deck");
  if (!root) return;
  const painter = new Spacetime(data);
  const { focus } = painter;
  const messages = root.clientWidth < 600 ? 16 : 48;
  const open = () => painter.showAround(focus, messages, data.trace.focus === null ? 0 : 0.85);
  if (painter.count > WHOLE_MAX || root.clientWidth < 900) open();
  const deck = new Deck(root, painter.view, painter, data.violation ? open : null);
  decks.push(deck);
  chooseAxis(root, painter, deck);
  listKinds(painter, deck);
  const past = document.getElementById("past");
  past.checked = false;
  past.addEventListener("change", () => {
    painter.pastOnly = past.checked;
    if (past.checked && deck.item === null) deck.choose(focus);
    else deck.paint();
  });
}

/** By time, distances are delays; by order, every event has the same room. The same events stay in view. */
function chooseAxis(root, painter, deck) {
  for (const choice of root.querySelectorAll('input[name="axis"]')) {
    choice.checked = choice.value === painter.axis;
    choice.addEventListener("change", () => {
      const [from, to] = painter.visible();
      painter.use(choice.value);
      deck.use(painter.view);
      painter.showRange(from, Math.max(to - 1, from + 8));
      deck.paint();
    });
  }
}

/** One button per kind of message; pressed means shown. */
function listKinds(painter, deck) {
  const list = document.getElementById("kinds");
  for (const [name, count] of painter.kinds) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `${name} ${count}`;
    button.style.setProperty("--hue", `var(--${painter.hue.get(name)})`);
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      const hide = !painter.hidden.has(name);
      if (hide) painter.hidden.add(name);
      else painter.hidden.delete(name);
      button.setAttribute("aria-pressed", String(!hide));
      deck.paint();
    });
    const item = document.createElement("li");
    item.append(button);
    list.append(item);
  }
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
openSpacetime();

// Paper is white: the drawings are painted once more in the light colours.
addEventListener("beforeprint", () => {
  document.documentElement.dataset.scheme = "light";
  for (const deck of decks) deck.resize();
});
addEventListener("afterprint", () => {
  delete document.documentElement.dataset.scheme;
  for (const deck of decks) deck.resize();
});
