// A run while it goes on: the cluster, what happened, operations; then its verdict.

import { act, follow } from "../api.js";
import { h, icon, replace } from "../h.js";
import { Cluster } from "../panels/cluster.js";
import { Strip } from "../panels/strip.js";
import { choice, counted, toast, trouble, verdict } from "../ui.js";

const SPEEDS = [["1", "1×"], ["5", "5×"], ["20", "20×"], ["0", "max"]];
const NOTES_MAX = 300;

const NOTES = {
  crash: (note) => [`${note.node} crashed`, note.text],
  start: (note) => [`${note.node} restarted`, note.text],
  pause: (note) => [`${note.node} paused`, ""],
  resume: (note) => [`${note.node} goes on`, ""],
  leader: (note) => [note.node ? `${note.node} leads` : "nobody leads", ""],
  cut: (note) => ["links cut", note.text],
  heal: () => ["links healed", ""],
  weather: (note) => ["weather", note.text],
  skew: (note) => [`clock of ${note.node}`, note.text],
  disk: (note) => [`disk of ${note.node}`, note.text],
  violation: (note) => ["a promise is broken", note.text],
};
const BAD = new Set(["crash", "cut", "pause", "violation", "weather", "disk", "skew"]);

export async function render({ id, signal }) {
  const cluster = new Cluster(signal);
  const strip = new Strip(signal);
  const title = h("h1", {}, "A run begins");
  const clock = h("dd", { class: "clock" }, "0.0 s");
  const asked = h("dd", {}, "0");
  const bar = h("i");
  const clockLabel = h("dt", {}, "virtual time");
  const stack = h("div", { class: "stack" }, h("div", { class: "tile tight" }, cluster.element), h("div", { class: "tile tight" }, h("h2", { class: "mini" }, "Median latency, operations per second"), strip.element));
  const notes = h("ol", { class: "notes", role: "log", "aria-label": "What happened", tabindex: "0" });
  const outcome = h("div", { class: "outcome", role: "status" });
  const hold = h("button", { type: "button", onclick: toggle }, icon("pause"), "Pause");
  const end = h("button", { type: "button", onclick: () => act(`/api/jobs/${id}/cancel`).catch((error) => toast(error.message)) }, icon("cross"), "Cancel");
  const speeds = choice("speed", "Speed", SPEEDS, "", (value) => pace({ speed: Number(value) }));
  const controls = h("div", { class: "row controls" }, hold, end, speeds);
  let paused = false;
  let going = true;
  let length = 1;

  function pace(change) {
    act(`/api/jobs/${id}/pace`, change).catch((error) => toast(error.message));
  }
  function toggle() {
    if (!going) return;
    paused = !paused;
    replace(hold, icon(paused ? "play" : "pause"), paused ? "Go on" : "Pause");
    pace({ paused });
  }
  addEventListener("keydown", (event) => {
    if (event.key === " " && !event.target.closest?.("button, input, a, summary, [data-keys]")) {
      event.preventDefault();
      toggle();
    }
  }, { signal });

  function over() {
    going = false;
    controls.remove();
  }

  follow(id, {
    begin(event) {
      title.textContent = `${event.title.split(":")[0]}, seed ${event.seed}`;
      document.title = `${title.textContent} · windtunnel`;
      length = event.for_s;
      const now = speeds.querySelector(`[value="${event.speed}"]`);
      if (now) now.checked = true;
      if (event.world === "sim") {
        cluster.begin(event);
        strip.begin(event);
        return;
      }
      speeds.remove();
      hold.remove();
      clockLabel.textContent = event.world === "live" ? "time" : "steps";
      replace(stack, h("div", { class: "empty" }, h("p", {}, event.world === "live" ? "Real processes with TCP and files: nobody looks inside while they run. The history of the clients is judged afterwards." : "A directed scenario moves the cluster by hand, step by step. It is over in a moment; its trace shows each step.")));
      notes.parentElement.remove();
    },
    frame(event) {
      clock.textContent = `${event.now.toFixed(1)} s`;
      bar.style.width = `${Math.min(100, (100 * event.now) / length)}%`;
      if (event.operations !== undefined) asked.textContent = event.operations;
      cluster.frame(event);
      strip.frame(event);
      if (event.now >= length && !outcome.childNodes.length) replace(outcome, h("p", { class: "label" }, "Traffic is over. The last operations end, then the history is judged."));
    },
    note(event) {
      const [head, more] = (NOTES[event.what] ?? ((note) => [note.what, note.text]))(event);
      notes.append(h("li", { class: BAD.has(event.what) ? "bad" : event.what === "leader" ? "lead-note" : "fine" }, h("time", {}, event.t.toFixed(3)), h("span", {}, head, more && h("small", {}, more))));
      if (notes.childElementCount > NOTES_MAX) notes.firstElementChild.remove();
      if (!notes.matches(":hover, :focus")) notes.scrollTop = notes.scrollHeight;
      strip.note(event);
    },
    bucket: (event) => strip.bucket(event),
    done(event) {
      over();
      clock.textContent = clockLabel.textContent === "steps" ? String(Math.round(event.sim_s)) : `${event.sim_s.toFixed(1)} s`;
      bar.style.width = "100%";
      asked.textContent = event.ops.ok + event.ops.fail + event.ops.info;
      const link = h("a", { class: "button strong-button", href: `/run/${encodeURIComponent(event.run)}` }, icon("eye"), "Open the run");
      replace(outcome, h("div", { class: `banner ${event.verdict}` },
        h("div", {}, h("p", { class: "big" }, verdict(event.verdict)), h("p", {}, event.why || `Every promise was kept: ${counted(event.ops.ok, "operation")} succeeded.`)),
        link));
      link.focus({ preventScroll: true });
    },
    error(event) {
      over();
      replace(outcome, trouble(new Error(event.text ?? "The run failed.")), event.detail && h("pre", {}, event.detail));
    },
    lost(event) {
      if (going) replace(outcome, trouble(new Error(`${event.text} The run may have ended with the studio.`)));
      over();
    },
    end(event) {
      if (event.state === "cancelled") {
        over();
        replace(outcome, h("div", { class: "empty" }, h("p", {}, "Cancelled. Nothing was kept."), h("p", {}, h("a", { href: "/run" }, "Another run"))));
      }
    },
  }, signal);

  return [
    h("div", { class: "head live-head" }, h("div", {}, title, h("div", { class: "meter", "aria-hidden": "true" }, bar)), h("dl", { class: "figures" }, h("div", {}, clockLabel, clock), h("div", {}, h("dt", {}, "operations"), asked))),
    outcome,
    h("div", { class: "split live" },
      stack,
      h("aside", { class: "stack" }, controls, h("div", {}, h("h2", { class: "mini" }, "What happened"), notes))),
  ];
}
