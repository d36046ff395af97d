// Thousands of arrows as one image: each adds to the pixels that it crosses, as in a long exposure.
//
// Lines of a canvas cost some microseconds each, which is too much for 50,000 of them in a frame. Where they are that many,
// nobody sees a line but a texture; so they are counted per pixel, the colour is that of the rarest type of message that
// crosses the pixel (a lost vote must not vanish under heartbeats), and how many cross it decides how solid it is.

const SOLID = 24; // arrows on a pixel from which one more makes no difference

export class Raster {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.size = 0;
    this.bins = new Map();
  }

  /** Empties an image of width x height pixels. */
  begin(width, height) {
    [this.width, this.height] = [Math.max(1, Math.floor(width)), Math.max(1, Math.ceil(height))];
    if (this.size !== this.width * this.height || this.canvas.width !== this.width) {
      this.size = this.width * this.height;
      this.canvas.width = this.width;
      this.canvas.height = this.height;
      this.counts = new Uint16Array(this.size);
      this.ranks = new Uint8Array(this.size);
      this.image = new ImageData(this.width, this.height);
      this.pixels = new Uint32Array(this.image.data.buffer);
    } else {
      this.counts.fill(0);
      this.ranks.fill(0);
    }
  }

  /** An arrow from (x0, y0) to (x1, y1); of several on a pixel the highest rank (1 to 255) gives the colour. */
  line(x0, y0, x1, y1, rank) {
    const { width, counts, ranks } = this;
    if ((x0 < 0 && x1 < 0) || (x0 >= width && x1 >= width)) return;
    const [dx, dy] = [x1 - x0, y1 - y0];
    let steps = Math.max(Math.abs(dx), Math.abs(dy)) | 0;
    if (!steps) steps = 1;
    let [from, to] = [0, steps];
    const [sx, sy] = [dx / steps, dy / steps];
    if (sx !== 0) {
      // Only the part within the image.
      const [a, b] = [-x0 / sx, (width - 1 - x0) / sx];
      from = Math.max(from, Math.ceil(Math.min(a, b)));
      to = Math.min(to, Math.floor(Math.max(a, b)));
    }
    let [x, y] = [x0 + from * sx, y0 + from * sy];
    for (let k = from; k <= to; k++, x += sx, y += sy) {
      const at = (y | 0) * width + (x | 0);
      counts[at]++;
      if (ranks[at] < rank) ranks[at] = rank;
    }
  }

  /** The image, drawn into ctx at (x, y). colours: [r, g, b] by rank. */
  end(ctx, x, y, colours) {
    const { counts, ranks, pixels } = this;
    const alphas = new Uint8Array(SOLID + 1);
    for (let n = 1; n <= SOLID; n++) alphas[n] = Math.round(255 * (0.26 + 0.66 * (Math.log(n) / Math.log(SOLID))));
    const table = Uint32Array.from(colours, ([r, g, b]) => (b << 16) | (g << 8) | r);
    for (let at = 0; at < pixels.length; at++) {
      const n = counts[at];
      pixels[at] = n ? (table[ranks[at]] | (alphas[n < SOLID ? n : SOLID] << 24)) >>> 0 : 0;
    }
    this.canvas.getContext("2d").putImageData(this.image, 0, 0);
    ctx.drawImage(this.canvas, x, y);
  }
}

/** [r, g, b] of a colour as style sheets write it. */
export function rgb(colour) {
  const probe = (rgb.probe ??= document.createElement("canvas").getContext("2d"));
  probe.fillStyle = "#000";
  probe.fillStyle = colour;
  const value = parseInt(probe.fillStyle.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}
