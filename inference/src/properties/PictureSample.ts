import { type InputSpec, placePicture } from '@framelock/server/protocol/analysis';
import type { AnalysedPicture } from '../exposure/cropThumbnail.ts';

/** The picture is looked at in so many places, whatever its size and shape. */
export const sampleColumns = 64;
export const sampleRows = 36;
export const sampleCells = sampleColumns * sampleRows;

/** A second difference of pixels this large, of 255, is an edge and no noise; there is none larger than the other. */
const edgeStep = 20;
const largestStep = 4 * 255;
/** With fewer edges there is nothing that could be sharp. */
export const fewestEdges = 12;

/** A small, evenly spaced part of one analysed picture, and what is told by it alone. Filled anew for each Frame. */
export class PictureSample {
  /** 0..255, row by row; means of 2 x 2 pixels of the Model's input. */
  readonly red = new Uint8ClampedArray(sampleCells);
  readonly green = new Uint8ClampedArray(sampleCells);
  readonly blue = new Uint8ClampedArray(sampleCells);
  readonly luma = new Uint8ClampedArray(sampleCells);
  /** Of luma, 0..255. */
  mean = 0;
  deviation = 0;
  /** Sum of strongest less weakest of R, G, B. */
  chroma = 0;
  /** Sums of squares of second differences of green over 1 and over 2 pixels, at `edges` places where the latter is an edge. */
  fine = 0;
  coarse = 0;
  edges = 0;
  /** Where the cells lie in the present shape of input: `#columns[c] + #rows[r]` = place in a plane. */
  readonly #columns = new Int32Array(sampleColumns);
  readonly #rows = new Int32Array(sampleRows);
  #spec: InputSpec | undefined;
  #frameWidth = 0;
  #frameHeight = 0;
  /** To the next pixel of a cell, places; 0 where the picture is one pixel wide or high. */
  #right = 0;
  #down = 0;
  /** Pixels between cells; where the differences are taken moves by one from cell to cell. */
  #stepX = 1;
  #stepY = 1;
  /** Where second differences fit, places in a plane. */
  #left = 0;
  #top = 0;
  #wide = 0;
  #high = 0;

  fill({ tensor, spec, frameWidth, frameHeight }: AnalysedPicture): void {
    if (spec !== this.#spec || frameWidth !== this.#frameWidth || frameHeight !== this.#frameHeight) {
      this.#reshape(spec, frameWidth, frameHeight);
    }
    const plane = spec.width * spec.height;
    const [first, second] = spec.channels === 'rgb' ? [this.red, this.blue] : [this.blue, this.red];
    this.#fillPlane(first, tensor, 0, spec.scale[0], spec.bias[0]);
    this.#fillPlane(this.green, tensor, plane, spec.scale[1], spec.bias[1]);
    this.#fillPlane(second, tensor, 2 * plane, spec.scale[2], spec.bias[2]);
    this.#measure();
    this.#findEdges(tensor, plane, Math.abs(1 / spec.scale[1]));
  }

  #reshape(spec: InputSpec, frameWidth: number, frameHeight: number): void {
    const { contentX, contentY, contentWidth, contentHeight } = placePicture(spec, frameWidth, frameHeight);
    this.#stepX = contentWidth / sampleColumns;
    this.#stepY = contentHeight / sampleRows;
    this.#right = contentWidth > 1 ? 1 : 0;
    this.#down = contentHeight > 1 ? spec.width : 0;
    // The middle of each cell, and one pixel to the left and up, for a cell is 2 x 2 pixels.
    const middle = (i: number, step: number, size: number): number =>
      Math.max(0, Math.min(size - 2, Math.round((i + 0.5) * step) - 1));
    for (let i = 0; i < sampleColumns; i++) this.#columns[i] = contentX + middle(i, this.#stepX, contentWidth);
    for (let i = 0; i < sampleRows; i++)
      this.#rows[i] = (contentY + middle(i, this.#stepY, contentHeight)) * spec.width;
    this.#left = contentX + 2;
    this.#top = contentY + 2;
    this.#wide = Math.max(0, contentWidth - 4);
    this.#high = Math.max(0, contentHeight - 4);
    this.#spec = spec;
    this.#frameWidth = frameWidth;
    this.#frameHeight = frameHeight;
  }

  #fillPlane(into: Uint8ClampedArray, tensor: Float32Array, plane: number, scale: number, bias: number): void {
    const right = this.#right;
    const down = this.#down;
    const columns = this.#columns;
    const quarter = 0.25 / scale;
    let cell = 0;
    for (let row = 0; row < sampleRows; row++) {
      const begin = plane + this.#rows[row]!;
      for (let column = 0; column < sampleColumns; column++) {
        const at = begin + columns[column]!;
        const sum = tensor[at]! + tensor[at + right]! + tensor[at + down]! + tensor[at + down + right]!;
        into[cell++] = (sum - 4 * bias) * quarter; // rounded and clamped by the array, as is NaN
      }
    }
  }

  #measure(): void {
    const { red, green, blue, luma } = this;
    let sum = 0;
    let squares = 0;
    let chroma = 0;
    for (let i = 0; i < sampleCells; i++) {
      const r = red[i]!;
      const g = green[i]!;
      const b = blue[i]!;
      luma[i] = 0.2126 * r + 0.7152 * g + 0.0722 * b;
      const y = luma[i]!;
      sum += y;
      squares += y * y;
      chroma += Math.max(r, g, b) - Math.min(r, g, b);
    }
    this.mean = sum / sampleCells;
    this.deviation = Math.sqrt(Math.max(0, squares / sampleCells - this.mean * this.mean));
    this.chroma = chroma;
  }

  /** `pixel`: what 1 in the tensor is in pixel values. */
  #findEdges(tensor: Float32Array, plane: number, pixel: number): void {
    this.fine = this.coarse = this.edges = 0;
    if (this.#wide < 1 || this.#high < 1) return;
    const width = this.#spec!.width;
    const least = edgeStep / pixel;
    const most = largestStep / pixel;
    let fine = 0;
    let coarse = 0;
    let edges = 0;
    for (let row = 0; row < sampleRows; row++) {
      for (let column = 0; column < sampleColumns; column++) {
        // A column of the raster does not always meet the same phase of a pattern.
        const x = (Math.floor(column * this.#stepX) + row) % this.#wide;
        const y = (Math.floor(row * this.#stepY) + column) % this.#high;
        const at = plane + (this.#top + y) * width + this.#left + x;
        const twice = 2 * tensor[at]!;
        const across = Math.abs(twice - tensor[at - 2]! - tensor[at + 2]!);
        const down = Math.abs(twice - tensor[at - 2 * width]! - tensor[at + 2 * width]!);
        if (across > least && across <= most) {
          const near = twice - tensor[at - 1]! - tensor[at + 1]!;
          if (near >= -most && near <= most) {
            coarse += across * across;
            fine += near * near;
            edges++;
          }
        }
        if (down > least && down <= most) {
          const near = twice - tensor[at - width]! - tensor[at + width]!;
          if (near >= -most && near <= most) {
            coarse += down * down;
            fine += near * near;
            edges++;
          }
        }
      }
    }
    this.fine = fine * pixel * pixel;
    this.coarse = coarse * pixel * pixel;
    this.edges = edges;
  }

  /** Takes the pixels of another one over. */
  copyPixels({ red, green, blue }: PictureSample): void {
    this.red.set(red);
    this.green.set(green);
    this.blue.set(blue);
  }

  /** Share of the places whose colour is another than in `before`. */
  changeSince({ red, green, blue }: PictureSample): number {
    let changed = 0;
    for (let i = 0; i < sampleCells; i++) {
      const r = Math.abs(this.red[i]! - red[i]!);
      const g = Math.abs(this.green[i]! - green[i]!);
      const b = Math.abs(this.blue[i]! - blue[i]!);
      if (r > changedStep || g > changedStep || b > changedStep) changed++;
    }
    return changed / sampleCells;
  }
}

/** A difference of R, G or B, of 255, that is neither noise nor what encoders do. */
const changedStep = 20;
