// Thousands of arrows as one image: each adds to the pixels that it crosses, as in a long exposure.
//
// Lines of a canvas cost some microseconds each, which is too much for 50,000 of them in a frame. Where they are that many,
// nobody sees a line but a texture; so they are counted per pixel, the colour is that of the rarest type of message that
// crosses the pixel (a lost vote must not vanish under heartbeats), and how many cross it decides how solid it is.
//
// In a column of pixels an arrow covers one stretch. It is noted as +1 where it begins and -1 where it ends, and counted by one
// running sum over the whole image: an arrow costs as many steps as it is wide, and most are as wide as a pixel or two.

const SOLID = 24; // arrows on a pixel from which one more makes no difference
const RANKS = 10;

export class Raster {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.edges = [];
  }

  /** Empties an image of width x height pixels. */
  begin(width, height) {
    const [w, h] = [Math.max(1, Math.floor(width)), Math.max(1, Math.ceil(height))];
    if (w !== this.width || h !== this.height) {
      [this.width, this.height] = [this.canvas.width, this.canvas.height] = [w, h];
      this.edges = [];
      this.counts = new Uint16Array(w * (h + 1));
      this.tops = new Uint8Array(w * (h + 1));
      this.image = new ImageData(w, h);
      this.pixels = new Uint32Array(this.image.data.buffer);
    } else {
      this.counts.fill(0);
      this.tops.fill(0);
    }
  }

  /** An arrow from (x0, y0) to (x1, y1), y within the image; of several on a pixel the highest rank (below 10) gives the colour. */
  line(x0, y0, x1, y1, rank) {
    const { width } = this;
    const stride = this.height + 1;
    if (x0 > x1) [x0, y0, x1, y1] = [x1, y1, x0, y0];
    if (x1 < 0 || x0 >= width) return;
    const edges = (this.edges[rank] ??= new Int16Array(width * stride));
    const [first, last] = [Math.max(0, Math.floor(x0)), Math.min(width - 1, Math.floor(x1))];
    const slope = x1 > x0 ? (y1 - y0) / (x1 - x0) : 0;
    for (let column = first; column <= last; column++) {
      let from = column > x0 ? y0 + (column - x0) * slope : y0;
      let to = column + 1 < x1 ? y0 + (column + 1 - x0) * slope : y1;
      if (from > to) [from, to] = [to, from];
      edges[column * stride + (from | 0)]++;
      edges[column * stride + (to | 0) + 1]--;
    }
  }

  /** The image, drawn into ctx at (x, y). colours: [r, g, b] by rank. */
  end(ctx, x, y, colours) {
    for (let rank = 0; rank < RANKS; rank++) this.sum(rank);
    const { counts, tops, pixels, width, height } = this;
    const alphas = new Uint8Array(SOLID + 1);
    for (let n = 1; n <= SOLID; n++) alphas[n] = Math.round(255 * (0.26 + 0.66 * (Math.log(n) / Math.log(SOLID))));
    const table = Uint32Array.from(colours, ([r, g, b]) => (b << 16) | (g << 8) | r);
    for (let row = 0, to = 0; row < height; row++) {
      for (let at = row; at < counts.length; at += height + 1, to++) {
        const n = counts[at];
        pixels[to] = n ? (table[tops[at]] | (alphas[n < SOLID ? n : SOLID] << 24)) >>> 0 : 0;
      }
    }
    this.canvas.getContext("2d").putImageData(this.image, 0, 0);
    ctx.drawImage(this.canvas, x, y, width, height);
  }

  /** Counts the arrows of a rank, and forgets them. */
  sum(rank) {
    const { counts, tops } = this;
    const edges = this.edges[rank];
    if (!edges) return;
    let running = 0; // every stretch ends in its column, so the sum is 0 at the head of each
    for (let at = 0; at < edges.length; at++) {
      if (edges[at]) {
        running += edges[at];
        edges[at] = 0;
      }
      if (running) {
        counts[at] += running;
        tops[at] = rank;
      }
    }
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
