// A stored run: its verdict, what was promised, and the trace viewer.

import { act, look } from "../api.js";
import { h, icon } from "../h.js";
import { mountTrace } from "../panels/viewer.js";
import { command, grouped, panel, verdict } from "../ui.js";

const STATUS = { held: "valid", seen: "valid", reached: "valid", broken: "invalid", missed: "invalid", unseen: "waiting", unchecked: "waiting" };

export async function render({ id, signal, go }) {
  const { results, view } = await look(`/api/runs/${encodeURIComponent(id)}`, signal);
  const found = results.violation;
  const ops = results.ops;
  const fork = async ({ at, changes }) => {
    const { job } = await act(`/api/runs/${encodeURIComponent(id)}/fork`, { at, changes });
    go(`/job/${job}`);
    return null;
  };
  const parent = results.scenario.parent;
  const again = new URLSearchParams({ system: results.system, seed: results.seed, for: results.scenario.for_s, faults: (results.scenario.faults ?? []).join(",") });
  for (const rule of results.scenario.without ?? []) again.append("without", rule);
  return [
    h("div", { class: "head" },
      h("p", { class: "crumb" }, h("a", { href: "/run" }, "Runs"), " / ", results.system, ", seed ", results.seed, parent?.run && [", a branch of ", h("a", { href: `/run/${encodeURIComponent(parent.run)}` }, "this run"), ` at ${parent.at_s.toFixed(3)} s`]),
      h("h1", { class: `claim ${results.verdict}` }, verdict(results.verdict, results.verdict === "valid" ? "Every promise was kept" : results.verdict === "invalid" ? `${results.system} broke ${(found?.property ?? "a promise").replaceAll("_", " ")}` : "It could not be decided")),
      results.why && h("p", { class: "lead" }, results.why)),
    found && h("section", { class: "tile story" }, h("h2", {}, "What broke"), h("p", {}, found.evidence), found.text?.length ? h("pre", {}, found.text.join("\n")) : null,
      h("dl", { class: "pairs" },
        h("div", {}, h("dt", {}, "when"), h("dd", {}, `${found.at_s.toFixed(3)} s${found.node ? `, on ${found.node}` : ""}`)),
        found.door && h("div", {}, h("dt", {}, "the door"), h("dd", {}, found.door)),
        found.rule && h("div", {}, h("dt", {}, "the rule"), h("dd", {}, `${found.safeguard}: ${found.rule}`)),
        h("div", {}, h("dt", {}, "source"), h("dd", {}, found.source)))),
    h("dl", { class: "figures part" },
      figure("operations", grouped(ops.ok + ops.fail + ops.info), `${ops.ok} ok, ${ops.fail} failed, ${ops.info} unknown`),
      results.latency_ms && figure("latency p50", `${results.latency_ms.p50} ms`, `p99 ${results.latency_ms.p99} ms`),
      figure("throughput", `${Math.round(results.throughput_per_s)}/s`, "that ended ok"),
      figure("faults", results.faults.length, `${results.nodes.length} nodes, ${results.clients.length} clients`),
      figure("simulated", `${results.sim_s.toFixed(1)} s`, `fingerprint ${results.fingerprint.slice(0, 8)}`)),
    panel({ class: "viewer", "aria-label": "Trace" }, async (section) => {
      const place = h("div", { class: "viewer-place", "data-keys": "" });
      section.querySelector(".panel-body").append(place);
      await mountTrace(place, view, { fork, signal, store: view.fork?.store });
      return undefined;
    }),
    h("section", { class: "part" }, h("h2", {}, "Promises"), h("div", { class: "wide-scroll" }, h("table", {}, h("tbody", {},
      h("tr", {}, h("td", {}, verdict(results.checker.verdict === "unchecked" ? "waiting" : results.checker.verdict, results.checker.verdict)), h("td", {}, results.checker.promise), h("td", {}, `of the clients' history (model ${results.checker.model})`)),
      results.properties.map((row) => h("tr", {}, h("td", {}, verdict(STATUS[row.status] ?? "unknown", row.status)), h("td", {}, row.name.replaceAll("_", " ")), h("td", {}, row.statement))))))),
    h("section", { class: "part" }, h("h2", {}, "Again"), command(results.replay),
      h("div", { class: "row" }, h("a", { class: "button", href: `/run?${again}` }, icon("play"), "Change and run"), h("a", { class: "button", href: `/api/runs/${encodeURIComponent(id)}/report`, download: "" }, "Save the report"))),
  ];
}

const figure = (name, value, more) => h("div", {}, h("dt", {}, name), h("dd", {}, value, more && h("small", { class: "under" }, more)));
