// The axis that panels share, and how numbers on it are written.

/** A visible range [lo, hi] within [min, max]; tells its listeners when it moves. */
export class View {
  constructor(min, max, smallest) {
    this.min = min;
    this.max = max;
    this.smallest = Math.min(smallest, max - min);
    this.lo = min;
    this.hi = max;
    this.onchange = () => {};
  }

  get span() {
    return this.hi - this.lo;
  }

  /** Shows [lo, hi]; keeps the width where it must move to stay inside. */
  set(lo, hi) {
    const whole = this.max - this.min;
    const span = Math.min(whole, Math.max(this.smallest, hi - lo));
    const centre = (lo + hi) / 2;
    this.lo = Math.min(this.max - span, Math.max(this.min, centre - span / 2));
    this.hi = this.lo + span;
    this.onchange();
  }

  /** Moves by a fraction of what is visible. */
  pan(fraction) {
    const by = Math.max(this.min - this.lo, Math.min(this.max - this.hi, fraction * this.span));
    this.set(this.lo + by, this.hi + by);
  }

  /** factor > 1 shows more detail; the point `at` stays where it is. */
  zoom(factor, at = (this.lo + this.hi) / 2) {
    const share = (at - this.lo) / this.span;
    const span = Math.min(this.max - this.min, Math.max(this.smallest, this.span / factor));
    this.set(at - share * span, at + (1 - share) * span);
  }

  fit() {
    this.set(this.min, this.max);
  }

  /** Brings `at` into view without changing the scale. */
  reveal(at) {
    const margin = 0.01 * this.span;
    if (at < this.lo + margin || at > this.hi - margin) this.set(at - this.span / 2, at + this.span / 2);
  }
}

/** About `count` round values within [lo, hi], and their distance. */
export function ticks(lo, hi, count) {
  const rough = (hi - lo) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const values = [];
  for (let i = Math.ceil(lo / step - 1e-9); i * step <= hi + step * 1e-9; i++) values.push(i * step);
  return { values, step };
}

/** A moment, with the decimals that `step` needs to tell neighbours apart. */
export function momentText(at, step, unit) {
  if (unit !== "s") return `${unit} ${Math.round(at)}`;
  const decimals = Math.max(0, Math.min(6, Math.ceil(-Math.log10(step) - 1e-9)));
  return `${at.toFixed(decimals)} s`;
}

/** A duration in seconds to three figures. */
export function durationText(s) {
  if (s >= 1) return `${s >= 99.95 ? s.toFixed(0) : s.toPrecision(3)} s`;
  if (s >= 1e-3) return `${s >= 0.09995 ? (s * 1e3).toFixed(0) : (s * 1e3).toPrecision(3)} ms`;
  return `${(s * 1e6).toFixed(0)} µs`;
}

/** Running sums: undoes the differences that columns are stored as. */
export function sums(differences) {
  const out = new Float64Array(differences.length);
  let total = 0;
  for (let i = 0; i < out.length; i++) out[i] = total += differences[i];
  return out;
}

/** Index of the first value >= wanted in an ascending array. */
export function lowerBound(values, wanted) {
  let lo = 0;
  let hi = values.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (values[mid] < wanted) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

const ROLES =
  "paper surface sunk ink ink-2 rule rule-2 accent good bad open ok fail info network process machine other m1 m2 m3 m4 m5 m6 sans mono";

/** The colours and fonts of the scheme that `element` stands in, read from its style sheet. */
export function readPalette(element = document.documentElement) {
  const style = getComputedStyle(element);
  return Object.fromEntries(ROLES.split(" ").map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** Faults on rows of their own where they overlap; `until` is the end of the run for those that were never ended. */
export function placed(faults, end) {
  const rows = [];
  return faults.map((fault) => {
    const until = Math.max(fault.to ?? end, fault.from);
    let row = rows.findIndex((busy) => busy <= fault.from);
    if (row < 0) row = rows.length;
    rows[row] = until;
    return { ...fault, until, row };
  });
}
