// What every canvas here needs: sharp at any pixel ratio, in the colours of the scheme, painted again when either changes.

const roles = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Colours by role, read once per painting. */
export const palette = (...names) => Object.fromEntries(names.map((name) => [name, roles(name)]));

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Keeps `canvas` as large as its box and calls paint(context, width, height) when it must be painted again. Returns a function that asks for it. */
export function stage(canvas, paint, signal) {
  let asked = false;
  const context = canvas.getContext("2d");
  function now() {
    asked = false;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width || !height) return;
    const ratio = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    paint(context, width, height);
  }
  const ask = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(now);
  };
  const observer = new ResizeObserver(ask);
  observer.observe(canvas);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", ask);
  document.fonts?.ready.then(ask);
  signal?.addEventListener("abort", () => {
    observer.disconnect();
    scheme.removeEventListener("change", ask);
  });
  return ask;
}
