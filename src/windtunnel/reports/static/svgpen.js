// A pen that writes SVG: the part of a canvas context that the drawings use, so that an export is the drawing itself.

const escaped = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const short = (n) => String(Math.round(n * 100) / 100);
const ANCHORS = { left: "start", center: "middle", right: "end" };
const SHIFTS = { top: "0.8em", middle: "0.35em", bottom: "-0.2em", alphabetic: "0" };

export class SvgPen {
  constructor(width, height, measure) {
    [this.width, this.height, this.measure] = [width, height, measure];
    this.parts = [];
    this.clips = 0;
    this.stack = [];
    this.look = {
      fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, globalAlpha: 1, font: "12px sans-serif",
      textAlign: "left", textBaseline: "alphabetic", dash: "", groups: 0, pending: "",
    };
    this.d = "";
    for (const name of ["fillStyle", "strokeStyle", "lineWidth", "globalAlpha", "font", "textAlign", "textBaseline"]) {
      Object.defineProperty(this, name, { get: () => this.look[name], set: (value) => (this.look[name] = value) });
    }
  }

  /** The document; `paper` is painted behind everything. */
  text(paper, title) {
    const size = `width="${short(this.width)}" height="${short(this.height)}" viewBox="0 0 ${short(this.width)} ${short(this.height)}"`;
    const ground = `<rect width="100%" height="100%" fill="${escaped(paper)}"/>`;
    return `<svg xmlns="http://www.w3.org/2000/svg" ${size}><title>${escaped(title)}</title>${ground}\n${this.parts.join("\n")}\n</svg>\n`;
  }

  // --- State ---

  save() {
    this.stack.push({ ...this.look });
    this.look.groups = 0;
  }

  restore() {
    this.parts.push("</g>".repeat(this.look.groups));
    this.look = this.stack.pop();
  }

  group(attributes) {
    this.parts.push(`<g ${attributes}>`);
    this.look.groups++;
  }

  translate(x, y) {
    this.group(`transform="translate(${short(x)} ${short(y)})"`);
  }

  rotate(angle) {
    this.group(`transform="rotate(${short((angle * 180) / Math.PI)})"`);
  }

  setLineDash(dash) {
    this.look.dash = dash.join(" ");
  }

  measureText(text) {
    this.measure.font = this.font;
    return this.measure.measureText(text);
  }

  // --- Paths ---

  beginPath() {
    this.d = "";
  }

  moveTo(x, y) {
    this.d += `M${short(x)} ${short(y)}`;
  }

  lineTo(x, y) {
    this.d += `L${short(x)} ${short(y)}`;
  }

  closePath() {
    this.d += "Z";
  }

  rect(x, y, w, h) {
    this.d += `M${short(x)} ${short(y)}h${short(w)}v${short(h)}h${short(-w)}Z`;
  }

  /** Whole circles are all that the drawings need. */
  arc(x, y, r) {
    this.d += `M${short(x - r)} ${short(y)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
  }

  clip() {
    const id = `clip${++this.clips}`;
    this.parts.push(`<clipPath id="${id}"><path d="${this.d}"/></clipPath>`);
    this.group(`clip-path="url(#${id})"`);
  }

  stroke() {
    const dash = this.look.dash ? ` stroke-dasharray="${this.look.dash}"` : "";
    this.parts.push(`<path d="${this.d}" fill="none" stroke="${escaped(this.strokeStyle)}" stroke-width="${this.lineWidth}"${dash}${this.opacity()}/>`);
  }

  fill() {
    this.parts.push(`<path d="${this.d}" fill="${escaped(this.fillStyle)}"${this.opacity()}/>`);
  }

  fillRect(x, y, w, h) {
    const box = `x="${short(x)}" y="${short(y)}" width="${short(w)}" height="${short(h)}"`;
    this.parts.push(`<rect ${box} fill="${escaped(this.fillStyle)}"${this.opacity()}/>`);
  }

  clearRect() {}

  // --- Text ---

  fillText(text, x, y) {
    this.write(text, x, y, `fill="${escaped(this.fillStyle)}"`);
  }

  strokeText(text, x, y) {
    this.write(text, x, y, `fill="none" stroke="${escaped(this.strokeStyle)}" stroke-width="${this.lineWidth}" stroke-linejoin="round"`);
  }

  write(text, x, y, paint) {
    const place = `x="${short(x)}" y="${short(y)}" dy="${SHIFTS[this.textBaseline]}" text-anchor="${ANCHORS[this.textAlign]}"`;
    const [weight, size, family] = this.font.match(/^(?:(\d+) )?([\d.]+px) (.*)$/).slice(1);
    const font = `font-size="${size}" font-family="${escaped(family)}"${weight ? ` font-weight="${weight}"` : ""}`;
    this.parts.push(`<text ${place} ${font} ${paint}${this.opacity()}>${escaped(text)}</text>`);
  }

  opacity() {
    return this.globalAlpha === 1 ? "" : ` opacity="${this.globalAlpha}"`;
  }
}
