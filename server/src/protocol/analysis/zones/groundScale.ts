import type { Point } from './polygon.ts';

/** A point on the ground: where it is seen (0..1 of the picture) and where it lies (metres, any origin, axes at right angles). */
export interface GroundPoint extends Point {
  xMetres: number;
  yMetres: number;
}

/** Row by row: (x, y, 1) of the picture to the ground's homogeneous metres; their third value grows towards the camera. */
export type Homography = readonly [number, number, number, number, number, number, number, number, number];

/** Nearer to the horizon than this, by the homogeneous third value of the furthest of the four points, nothing is measured. */
const horizonShare = 0.2;

/**
 * The projective map through four pairs of points; undefined where three of four lie on a line, here or there, or where
 * the map would put the horizon between them. Hartley and Zisserman, Multiple View Geometry, 4.1, solved exactly.
 */
export function solveHomography(points: readonly GroundPoint[]): Homography | undefined {
  if (points.length !== 4) return undefined;
  // About the middle, which is never on the horizon, and in like sizes, so that the pivots mean something.
  const mean = (of: (point: GroundPoint) => number): number => points.reduce((sum, point) => sum + of(point) / 4, 0);
  const [x0, y0] = [mean(({ x }) => x), mean(({ y }) => y)];
  const [xMetres0, yMetres0] = [mean(({ xMetres }) => xMetres), mean(({ yMetres }) => yMetres)];
  const size = (of: (point: GroundPoint) => number): number => Math.max(...points.map(of));
  const spread = size(({ x, y }) => Math.hypot(x - x0, y - y0));
  const metres = size(({ xMetres, yMetres }) => Math.hypot(xMetres - xMetres0, yMetres - yMetres0));
  if (!(spread > 0 && metres > 0)) return undefined;
  const rows = points.flatMap((point) => {
    const [x, y] = [(point.x - x0) / spread, (point.y - y0) / spread];
    const [u, v] = [(point.xMetres - xMetres0) / metres, (point.yMetres - yMetres0) / metres];
    return [
      [x, y, 1, 0, 0, 0, -x * u, -y * u, u],
      [0, 0, 0, x, y, 1, -x * v, -y * v, v],
    ];
  });
  const h = solveLinear(rows);
  if (!h) return undefined;
  const [a, b, c, d, e, f, g, i] = h as [number, number, number, number, number, number, number, number];
  const determinant = a * (e - f * i) - b * (d - f * g) + c * (d * i - e * g);
  if (!(Math.abs(determinant) > 1e-6)) return undefined;
  const row = (one: number, two: number, three: number): [number, number, number] => {
    return [one / spread, two / spread, three - (one * x0 + two * y0) / spread];
  };
  const third = row(g, i, 1);
  const backAtMetres = (at: [number, number, number], origin: number): [number, number, number] => {
    const one = (index: 0 | 1 | 2): number => at[index] * metres + third[index] * origin;
    return [one(0), one(1), one(2)];
  };
  const map: Homography = [...backAtMetres(row(a, b, c), xMetres0), ...backAtMetres(row(d, e, f), yMetres0), ...third];
  return points.every((point) => depthOf(map, point.x, point.y) > 1e-3) ? map : undefined;
}

const depthOf = (h: Homography, x: number, y: number): number => h[6] * x + h[7] * y + h[8];

/** Gauss with partial pivoting; each row has its right side last. Changes `rows`. */
function solveLinear(rows: number[][]): number[] | undefined {
  const size = rows.length;
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let i = column + 1; i < size; i++) {
      if (Math.abs(rows[i]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = i;
    }
    if (!(Math.abs(rows[pivot]![column]!) > 1e-9)) return undefined;
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    const head = rows[column]!;
    for (const row of rows) {
      if (row === head) continue;
      const factor = row[column]! / head[column]!;
      if (factor !== 0) for (let j = column; j <= size; j++) row[j]! -= factor * head[j]!;
    }
  }
  return rows.map((row, i) => row[size]! / row[i]!);
}

/** Turns places in the picture into metres. */
export class GroundScale {
  /** Of the place that `locate` was last asked for. */
  xMetres = 0;
  yMetres = 0;
  readonly #homography: Homography;
  readonly #least: number;

  /** Refuses (RangeError) four points of which no map can be made. */
  static ofGround(points: readonly GroundPoint[]): GroundScale {
    const homography = solveHomography(points);
    if (!homography) throw new RangeError('the four points on the ground make no plane');
    return new GroundScale(homography, horizonShare * Math.min(...points.map(({ x, y }) => depthOf(homography, x, y))));
  }

  /** The picture is as wide as this everywhere, seen at a right angle. `heightOfWidth`: its height by its width. */
  static ofWidth(metresPerWidth: number, heightOfWidth: number): GroundScale {
    return new GroundScale([metresPerWidth, 0, 0, 0, metresPerWidth * heightOfWidth, 0, 0, 0, 1], 0);
  }

  private constructor(homography: Homography, least: number) {
    this.#homography = homography;
    this.#least = least;
  }

  /** x, y in 0..1 of the picture. False at and beyond the horizon. */
  locate(x: number, y: number): boolean {
    const h = this.#homography;
    const depth = depthOf(h, x, y);
    if (!(depth > this.#least)) return false;
    this.xMetres = (h[0] * x + h[1] * y + h[2]) / depth;
    this.yMetres = (h[3] * x + h[4] * y + h[5]) / depth;
    return true;
  }
}
