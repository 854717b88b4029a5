import type { Marker, MarkerSet, RingName } from './markerSet.ts';

/** Brightness (0 black .. 1 white) as a function of the distance from the centre in outer radii. */
export type RadialProfile = (radius: number) => number;

function band([inner, outer]: [number, number]): RadialProfile {
  return (radius) => (radius >= inner && radius < outer ? 1 : 0);
}

/** What all markers share, with both code bands black: paper outside, white ring. */
export function commonProfile(set: MarkerSet): RadialProfile {
  const white = band(set.radii.whiteRing);
  return (radius) => (radius >= 1 ? 1 : white(radius));
}

export function bandProfile(set: MarkerSet, name: RingName): RadialProfile {
  return band(set.radii[name]);
}

export function markerProfile(set: MarkerSet, marker: Marker): RadialProfile {
  return (radius) => {
    let level = 1;
    for (const disc of marker.discs) if (radius < disc.radius) level = disc.colour === 'white' ? 1 : 0;
    return level;
  };
}

/** A profile after a two-dimensional Gaussian blur of the picture, sigma in outer radii (31 x 31 points), from a table. */
export function blurred(profile: RadialProfile, sigma: number): RadialProfile {
  const half = 15;
  const step = (3 * sigma) / half;
  const exact = (radius: number) => {
    let sum = 0;
    let weightSum = 0;
    for (let i = -half; i <= half; i++) {
      for (let j = -half; j <= half; j++) {
        const dx = i * step;
        const dy = j * step;
        const weight = Math.exp(-(dx * dx + dy * dy) / (2 * sigma * sigma));
        sum += weight * profile(Math.hypot(radius + dx, dy));
        weightSum += weight;
      }
    }
    return sum / weightSum;
  };
  // Beyond 1.6 outer radii no template reaches.
  const perRadius = 400;
  const table = Array.from({ length: 1.6 * perRadius + 2 }, (_, at) => exact(at / perRadius));
  return (radius) => {
    const at = Math.min(Math.abs(radius) * perRadius, table.length - 1.001);
    const below = Math.floor(at);
    return table[below]! + (at - below) * (table[below + 1]! - table[below]!);
  };
}

export function derivative(profile: RadialProfile): RadialProfile {
  const step = 0.005;
  return (radius) => (profile(radius + step) - profile(radius - step)) / (2 * step);
}

/**
 * A square correlation kernel for the given marker diameter, pixels: pixel-integrated, zero mean over the disc that reaches
 * `reach` outer radii, zero outside it; its product with
 * a patch, divided by the patch's standard deviation, is the correlation coefficient.
 */
export function correlationKernel(
  profile: RadialProfile,
  options: { size: number; centreX: number; centreY: number; diameter: number; reach: number },
): Float64Array {
  const { size, centreX, centreY, diameter, reach } = options;
  const subSamples = 8;
  const kernel = new Float64Array(size * size);
  const mask = new Float64Array(size * size);
  for (let at = 0; at < kernel.length; at++) {
    for (let sub = 0; sub < subSamples * subSamples; sub++) {
      const x = (at % size) + ((sub % subSamples) + 0.5) / subSamples - centreX;
      const y = Math.floor(at / size) + (Math.floor(sub / subSamples) + 0.5) / subSamples - centreY;
      const radius = Math.hypot(x, y) / (diameter / 2);
      if (radius > reach) continue;
      mask[at]! += 1;
      kernel[at]! += profile(radius);
    }
  }
  const mean = kernel.reduce((sum, value) => sum + value, 0) / mask.reduce((sum, value) => sum + value, 0);
  for (let at = 0; at < kernel.length; at++) kernel[at]! -= mean * mask[at]!;
  const norm =
    Math.hypot(...kernel) * Math.sqrt(mask.reduce((sum, value) => sum + value, 0) / (subSamples * subSamples));
  return kernel.map((value) => value / norm);
}

/** Points in marker units on rings, x and y; `weight` sums to 1. Every second ring is turned by half a step. */
export interface PolarGrid {
  x: number[];
  y: number[];
  weight: number[];
}

export function polarGrid(options: { rings: number; angles: number; reach: number }): PolarGrid {
  const grid: PolarGrid = { x: [], y: [], weight: [] };
  for (let ring = 0; ring < options.rings; ring++) {
    const radius = ((ring + 0.5) / options.rings) * options.reach;
    for (let spoke = 0; spoke < options.angles; spoke++) {
      const angle = ((spoke + (ring % 2) / 2) / options.angles) * 2 * Math.PI;
      grid.x.push(radius * Math.cos(angle));
      grid.y.push(radius * Math.sin(angle));
      // Between equal rings and equal area: the code's small disc still counts, and so does the long outer edge.
      grid.weight.push(Math.sqrt(radius));
    }
  }
  const sum = grid.weight.reduce((total, weight) => total + weight, 0);
  grid.weight = grid.weight.map((weight) => weight / sum);
  return grid;
}

/** Solves the symmetric positive system a x = b for many right-hand sides, by Gauss-Jordan with pivoting. */
function solve(a: number[][], b: number[][]): number[][] {
  const size = a.length;
  const rows = a.map((row, i) => [...row, ...(b[i] as number[])]);
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let row = column + 1; row < size; row++) {
      if (Math.abs(rows[row]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = row;
    }
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    const scale = rows[column]![column]!;
    rows[column] = rows[column]!.map((value) => value / scale);
    for (let row = 0; row < size; row++) {
      if (row === column) continue;
      const factor = rows[row]![column]!;
      rows[row] = rows[row]!.map((value, i) => value - factor * rows[column]![i]!);
    }
  }
  return rows.map((row) => row.slice(size));
}

/** What `fitMatrix` gives per marker, in this order; motions are in units of their limits. */
export const fitColumns = ['mean', 'gain', 'shiftX', 'shiftY', 'scale', 'stretch', 'shear'] as const;

/** The most that one step may move a frame: outer radii for shifts, shares of the size for the others. */
export const motionLimits = [0.25, 0.25, 0.2, 0.15, 0.15] as const;

/**
 * The weighted least-squares solver of the picture model at the grid's points, as a [points, fitColumns] matrix to multiply
 * samples with. Gauss-Newton alignment (Lucas and Kanade 1981, Baker and Matthews 2004) with the marker's unknown code and
 * brightness as linear nuisance terms: samples = offset + gain * common + codes + gain * gradient . motion. The offset and
 * the codes are solved for and thrown away; the first column is the plain weighted mean.
 */
export function fitMatrix(set: MarkerSet, grid: PolarGrid, sigma: number): number[] {
  const common = blurred(commonProfile(set), sigma);
  const slope = derivative(common);
  const codeRing = blurred(bandProfile(set, 'codeRing'), sigma);
  const codeDisc = blurred(bandProfile(set, 'codeDisc'), sigma);
  const design = grid.x.map((x, at) => {
    const y = grid.y[at]!;
    const radius = Math.hypot(x, y);
    const gradient = slope(radius);
    const cos = x / radius;
    const sin = y / radius;
    const stretch = radius * gradient;
    return [
      1,
      common(radius),
      codeRing(radius),
      codeDisc(radius),
      gradient * cos,
      gradient * sin,
      stretch,
      stretch * (cos * cos - sin * sin),
      stretch * 2 * cos * sin,
    ];
  });
  const columns = design[0]!.length;
  const normal = Array.from({ length: columns }, (_, i) =>
    Array.from({ length: columns }, (_, j) =>
      design.reduce((sum, row, at) => sum + grid.weight[at]! * row[i]! * row[j]!, 0),
    ),
  );
  const right = Array.from({ length: columns }, (_, i) => design.map((row, at) => grid.weight[at]! * row[i]!));
  const solved = solve(normal, right);
  const [, gain, , , ...motions] = solved as [number[], number[], number[], number[], ...number[][]];
  const scaled = motions.map((row, motion) => row.map((value) => value / motionLimits[motion]!));
  return design.flatMap((_, at) => [grid.weight[at]!, gain[at]!, ...scaled.map((row) => row[at]!)]);
}

/** Per marker the weighted, zero-mean, unit-norm template at the grid's points: [points, markers]. */
export function scoreMatrix(set: MarkerSet, grid: PolarGrid, sigma: number): number[] {
  const templates = set.markers.map((marker) => {
    const profile = blurred(markerProfile(set, marker), sigma);
    const values = grid.x.map((x, at) => profile(Math.hypot(x, grid.y[at]!)));
    const mean = values.reduce((sum, value, at) => sum + grid.weight[at]! * value, 0);
    const deviation = Math.sqrt(values.reduce((sum, value, at) => sum + grid.weight[at]! * (value - mean) ** 2, 0));
    return values.map((value, at) => (grid.weight[at]! * (value - mean)) / deviation);
  });
  return grid.x.flatMap((_, at) => templates.map((template) => template[at]!));
}
