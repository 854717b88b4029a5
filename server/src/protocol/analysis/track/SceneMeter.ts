import { type InputSpec, placePicture } from '../inputSpec.ts';

const columns = 24;
const rows = 14;
const cells = columns * rows;
/** Each way, of a cell: enough against aliasing, and 4,000 reads a picture. */
const samples = 2;
/** Variance below which a picture is flat and what is in it is noise; brightness 0..255, twice 5 squared. */
const flat = 50;

/**
 * Tells camera cuts from movement by how much a picture differs from the one before: 1 less the likeness of two grids
 * of brightness, in the form that SSIM has for contrast and structure (Wang et al. 2004, doi:10.1109/TIP.2003.819861,
 * equation 13 without its luminance). Brighter or darker as a whole changes nothing, a flash little; noise and things
 * that move a bit of it; unrelated pictures are at 0.7 to 1.
 */
export class SceneMeter {
  #before = new Float32Array(cells);
  #now = new Float32Array(cells);
  #isFirst = true;

  /**
   * 0..1; 0 for the first picture. `tensor`: what the Model saw, planar as `spec` says; read at once, not kept.
   * `frameWidth`, `frameHeight`: of the decoded picture, pixels.
   */
  measure(tensor: Float32Array, spec: InputSpec, frameWidth: number, frameHeight: number): number {
    this.#read(tensor, spec, frameWidth, frameHeight);
    const change = this.#isFirst ? 0 : differenceOf(this.#before, this.#now);
    this.#isFirst = false;
    [this.#before, this.#now] = [this.#now, this.#before];
    return change;
  }

  #read(tensor: Float32Array, spec: InputSpec, frameWidth: number, frameHeight: number): void {
    const { contentX, contentY, contentWidth, contentHeight } = placePicture(spec, frameWidth, frameHeight);
    const plane = spec.width * spec.height;
    const grid = this.#now;
    grid.fill(0);
    for (let v = 0; v < rows * samples; v++) {
      const y = contentY + Math.floor(((v + 0.5) * contentHeight) / (rows * samples));
      const row = Math.floor(v / samples) * columns;
      for (let u = 0; u < columns * samples; u++) {
        const x = contentX + Math.floor(((u + 0.5) * contentWidth) / (columns * samples));
        const at = y * spec.width + x;
        // Green is most of the brightness, and the middle plane in either order.
        const outer = brightness(tensor, at, spec, 0) + brightness(tensor, at + 2 * plane, spec, 2);
        const value = 0.25 * outer + 0.5 * brightness(tensor, at + plane, spec, 1);
        grid[row + Math.floor(u / samples)]! += value / (samples * samples);
      }
    }
  }
}

/** 0..255 again. */
function brightness(tensor: Float32Array, at: number, { scale, bias }: InputSpec, c: 0 | 1 | 2): number {
  return (tensor[at]! - bias[c]) / scale[c];
}

function differenceOf(a: Float32Array, b: Float32Array): number {
  let sumA = 0;
  let sumB = 0;
  for (let i = 0; i < cells; i++) {
    sumA += a[i]!;
    sumB += b[i]!;
  }
  const meanA = sumA / cells;
  const meanB = sumB / cells;
  let varianceA = 0;
  let varianceB = 0;
  let covariance = 0;
  for (let i = 0; i < cells; i++) {
    const da = a[i]! - meanA;
    const db = b[i]! - meanB;
    varianceA += da * da;
    varianceB += db * db;
    covariance += da * db;
  }
  const likeness = (2 * covariance + flat * cells) / (varianceA + varianceB + flat * cells);
  return Math.min(1, Math.max(0, 1 - likeness));
}
