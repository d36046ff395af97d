// Charts of calculators: lines and distributions by uPlot (loaded when the first one is drawn), bars and tornados on a canvas of our own.

import { palette, stage } from "../canvas.js";
import { h } from "../h.js";

const TONES = ["m1", "m2", "m3", "m4", "m5", "m6"];
let loading;

function plotting() {
  loading ??= new Promise((done, failed) => {
    document.head.append(h("link", { rel: "stylesheet", href: "/static/vendor/uplot/uPlot.min.css" }));
    document.head.append(h("script", { src: "/static/vendor/uplot/uPlot.iife.min.js", onload: () => done(globalThis.uPlot), onerror: () => failed(new Error("The chart library could not be loaded.")) }));
  });
  return loading;
}

/** A number in the unit of an axis, short. */
export function figure(value, unit = "") {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  const short = (number) => (number === 0 ? "0" : Math.abs(number) >= 100 ? Math.round(number).toLocaleString("en").replaceAll(",", "\u202f") : String(+number.toPrecision(3)));
  if (unit === "s") {
    const [scale, name] = size === 0 ? [1, "s"] : size < 1e-6 ? [1e9, "ns"] : size < 1e-3 ? [1e6, "µs"] : size < 1 ? [1e3, "ms"] : size < 120 ? [1, "s"] : size < 7200 ? [1 / 60, "min"] : size < 172800 ? [1 / 3600, "h"] : [1 / 86400, "d"];
    return `${short(value * scale)} ${name}`;
  }
  if (unit === "fraction") return `${+(100 * value).toPrecision(value > 0.99 && value < 1 ? 5 : 3)} %`;
  const scaled = size >= 1e9 ? [1e9, "G"] : size >= 1e6 ? [1e6, "M"] : size >= 1e4 ? [1e3, "k"] : [1, ""];
  const number = `${short(value / scaled[0])}${scaled[1]}`;
  if (unit.startsWith("$")) return `$${number}${unit.slice(1)}`;
  if (unit === "1/s") return `${number}/s`;
  return unit ? `${number} ${unit}` : number;
}

/** An element for one chart of a result; `update(chart)` draws other data in it. */
export function charted(chart, signal) {
  return chart.kind === "line" || chart.kind === "cdf" ? lines(chart, signal) : bars(chart, signal);
}

const caption = (chart) => h("figcaption", {}, chart.title);

/** The data as a table, for whoever cannot see the picture. */
function asTable(chart) {
  const rows = chart.series.flatMap((one) => one.x.map((x, at) => [one.name, x, one.y[at]])).slice(0, 200);
  return h("details", { class: "data" }, h("summary", {}, "As a table"), h("div", { class: "wide-scroll" }, h("table", {},
    h("thead", {}, h("tr", {}, h("th", {}, "series"), h("th", { class: "number" }, chart.x_label), h("th", { class: "number" }, chart.y_label))),
    h("tbody", {}, rows.map(([name, x, y]) => h("tr", {}, h("td", {}, name), h("td", { class: "number" }, typeof x === "number" ? figure(x, chart.kind === "tornado" ? "" : chart.x_unit) : x), h("td", { class: "number" }, figure(y, chart.kind === "tornado" ? chart.x_unit : chart.y_unit))))))));
}

// --- Lines ---

function aligned(series) {
  const xs = [...new Set(series.flatMap((one) => one.x.filter((x) => x !== null)))].sort((a, b) => a - b);
  const at = new Map(xs.map((x, index) => [x, index]));
  return [xs, ...series.map((one) => {
    const ys = new Array(xs.length).fill(undefined);
    one.x.forEach((x, index) => { if (x !== null) ys[at.get(x)] = one.y[index]; });
    return ys;
  })];
}

function lines(first, signal) {
  let chart = first;
  let plot = null;
  const place = h("div", { class: "plot", role: "img", "aria-label": `${chart.title}: ${chart.y_label} over ${chart.x_label}` });
  const table = h("div");
  const element = h("figure", {}, caption(chart), place, table);
  const shape = () => chart.series.map((one) => one.name).join("|") + chart.title;
  let drawn = "";

  async function draw() {
    const uPlot = await plotting();
    if (signal?.aborted) return;
    const colours = palette("ink-2", "rule-2", "surface", ...TONES);
    const width = Math.max(240, place.clientWidth);
    if (plot && drawn === shape()) {
      plot.setData(aligned(chart.series));
      return;
    }
    plot?.destroy();
    drawn = shape();
    const axis = (unit, label) => ({ stroke: colours["ink-2"], grid: { stroke: colours["rule-2"], width: 1 }, ticks: { stroke: colours["rule-2"], width: 1 }, font: "12px Plex, sans-serif", labelFont: "12px Plex, sans-serif", label, labelSize: 22, size: label === chart.y_label ? 62 : 40, values: (_, splits) => splits.map((value) => figure(value, unit)) });
    plot = new uPlot({
      width, height: 260,
      scales: { x: { time: false } },
      cursor: { y: false, points: { size: 7 } },
      legend: { live: true },
      axes: [axis(chart.x_unit, chart.x_label), axis(chart.y_unit, chart.y_label)],
      series: [
        { label: chart.x_label, value: (_, value) => figure(value, chart.x_unit) },
        ...chart.series.map((one, at) => ({ label: one.name, stroke: colours[TONES[at % 6]], width: 2, spanGaps: true, dash: at > 5 ? [6, 4] : undefined, points: { show: one.x.length < 12 }, value: (_, value) => figure(value, chart.y_unit) })),
      ],
    }, aligned(chart.series), place);
  }
  const again = () => { drawn = ""; draw().catch(() => null); };
  const observer = new ResizeObserver(() => plot && place.clientWidth > 40 && Math.abs(plot.width - place.clientWidth) > 2 && plot.setSize({ width: place.clientWidth, height: 260 }));
  observer.observe(place);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", again);
  signal?.addEventListener("abort", () => { observer.disconnect(); scheme.removeEventListener("change", again); plot?.destroy(); });
  const update = (next) => {
    chart = next;
    table.replaceChildren(asTable(chart));
    draw().catch((error) => { place.textContent = error.message; });
  };
  requestAnimationFrame(() => update(chart));
  return { element, update };
}

// --- Bars ---

function bars(first, signal) {
  let chart = first;
  const canvas = h("canvas", { class: "bars", role: "img" });
  const table = h("div");
  const element = h("figure", {}, caption(chart), canvas, table);
  const paint = stage(canvas, (context, width) => (chart.kind === "tornado" ? tornado : upright)(context, width, chart), signal);
  const update = (next) => {
    chart = next;
    const rows = chart.series[0]?.x.length ?? 0;
    canvas.style.height = `${(chart.kind === "tornado" ? rows : rows * chart.series.length) * 26 + 34}px`;
    canvas.setAttribute("aria-label", chart.title);
    table.replaceChildren(asTable(chart));
    paint();
  };
  update(chart);
  return { element, update };
}

const font = "12px Plex, sans-serif";

function names(context, labels) {
  context.font = font;
  return Math.min(190, 14 + Math.max(0, ...labels.map((label) => context.measureText(String(label)).width)));
}

function tornado(context, width, chart) {
  const [lower, higher] = chart.series;
  const colours = palette("ink", "ink-2", "rule", "m1", "m2");
  const values = [...lower.y, ...higher.y].filter((value) => value !== null);
  if (!values.length) return;
  const left = names(context, lower.x);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const spread = high - low || 1;
  const x = (value) => left + 54 + ((width - left - 116) * (value - low)) / spread;
  const middle = Math.min(high, Math.max(low, chart.base ?? (low + high) / 2));
  context.textBaseline = "middle";
  lower.x.forEach((name, at) => {
    const y = 16 + at * 26;
    context.textAlign = "left";
    context.fillStyle = colours.ink;
    context.fillText(String(name), 0, y);
    for (const [series, tone] of [[lower, "m1"], [higher, "m2"]]) {
      const value = series.y[at];
      if (value === null || value === middle) continue;
      const [a, b] = [x(middle), x(value)];
      context.fillStyle = colours[tone];
      context.fillRect(Math.min(a, b), y - 8, Math.max(1.5, Math.abs(b - a)), 16);
      context.fillStyle = colours["ink-2"];
      context.textAlign = b < a ? "right" : "left";
      context.fillText(figure(value, chart.x_unit), b + (b < a ? -5 : 5), y);
    }
  });
  const foot = 16 + lower.x.length * 26;
  context.textAlign = "left";
  [["m1", "input lower"], ["m2", "input higher"]].forEach(([tone, text], at) => {
    context.fillStyle = colours[tone];
    context.fillRect(left + 54 + at * 110, foot - 4, 10, 10);
    context.fillStyle = colours["ink-2"];
    context.fillText(text, left + 70 + at * 110, foot + 1);
  });
}

function upright(context, width, chart) {
  const colours = palette("ink", "ink-2", ...TONES);
  const labels = chart.series[0]?.x ?? [];
  const most = Math.max(1e-300, ...chart.series.flatMap((one) => one.y.filter((value) => value !== null)));
  const left = names(context, labels);
  const many = chart.series.length;
  context.textBaseline = "middle";
  labels.forEach((label, at) => {
    context.font = font;
    context.fillStyle = colours.ink;
    context.textAlign = "left";
    context.fillText(String(label), 0, 16 + at * 26 * many + (many - 1) * 13, left - 8);
    chart.series.forEach((one, index) => {
      const value = one.y[at];
      if (value === null || value === undefined) return;
      const y = 16 + (at * many + index) * 26;
      const long = Math.max(1.5, ((width - left - 84) * Math.max(0, value)) / most);
      context.fillStyle = colours[TONES[index % 6]];
      context.fillRect(left, y - 8, long, 16);
      context.fillStyle = colours["ink-2"];
      context.fillText(figure(value, chart.y_unit), left + long + 6, y);
    });
  });
  if (many > 1) {
    let x = left;
    const foot = 16 + labels.length * 26 * many;
    chart.series.forEach((one, index) => {
      context.fillStyle = colours[TONES[index % 6]];
      context.fillRect(x, foot - 4, 10, 10);
      context.fillStyle = colours["ink-2"];
      context.fillText(one.name, x + 16, foot + 1);
      x += 40 + context.measureText(one.name).width;
    });
  }
}
