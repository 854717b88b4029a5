/** In one unit both ways (0..1 of the picture, or picture widths); x to the right, y down. */
export interface Point {
  x: number;
  y: number;
}

/** Twice the area of a, b, c: positive where c lies to the right of somebody who looks from a to b, 0 on that line. */
export function turn(a: Point, b: Point, c: Point): number {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

/** Whether p, which lies on the line through a and b, lies between them, ends included. */
function isBetween(a: Point, b: Point, p: Point): boolean {
  return (
    Math.min(a.x, b.x) <= p.x && p.x <= Math.max(a.x, b.x) && Math.min(a.y, b.y) <= p.y && p.y <= Math.max(a.y, b.y)
  );
}

/** Whether the closed segments ab and cd have a point in common. */
export function segmentsMeet(a: Point, b: Point, c: Point, d: Point): boolean {
  const [abc, abd] = [turn(a, b, c), turn(a, b, d)];
  const [cda, cdb] = [turn(c, d, a), turn(c, d, b)];
  if (abc * abd < 0 && cda * cdb < 0) return true;
  return (
    (abc === 0 && isBetween(a, b, c)) ||
    (abd === 0 && isBetween(a, b, d)) ||
    (cda === 0 && isBetween(c, d, a)) ||
    (cdb === 0 && isBetween(c, d, b))
  );
}

/** Whether no two edges of the closed polygon meet, except neighbours in their common corner; no edge has length 0. */
export function isSimplePolygon(points: readonly Point[]): boolean {
  const count = points.length;
  if (count < 3) return false;
  for (let i = 0; i < count; i++) {
    const [a, b, c] = [points[i]!, points[(i + 1) % count]!, points[(i + 2) % count]!];
    if (a.x === b.x && a.y === b.y) return false;
    // Neighbours meet in b; they meet in more where one goes back over the other.
    const backwards = turn(a, b, c) === 0 && (b.x - a.x) * (c.x - b.x) + (b.y - a.y) * (c.y - b.y) < 0;
    if (backwards) return false;
    for (let j = i + 2; j < count; j++) {
      const isNeighbour = i === 0 && j === count - 1;
      if (!isNeighbour && segmentsMeet(a, b, points[j]!, points[(j + 1) % count]!)) return false;
    }
  }
  return true;
}

/** Of a simple polygon, whichever way round it is. */
export function polygonArea(points: readonly Point[]): number {
  let twice = 0;
  for (let i = 0; i < points.length; i++) {
    const [a, b] = [points[i]!, points[(i + 1) % points.length]!];
    twice += a.x * b.y - b.x * a.y;
  }
  return Math.abs(twice) / 2;
}

export function squaredDistanceToSegment(x: number, y: number, a: Point, b: Point): number {
  const dx = b.x - a.x;
  const dy = b.y - a.y;
  const along = Math.max(0, Math.min(1, ((x - a.x) * dx + (y - a.y) * dy) / (dx * dx + dy * dy)));
  const offX = a.x + along * dx - x;
  const offY = a.y + along * dy - y;
  return offX * offX + offY * offY;
}

/** At which part 0..1 of the way from (fromX, fromY) to (toX, toY) the segment ab is crossed; NaN where it is not. */
export function crossingOf(fromX: number, fromY: number, toX: number, toY: number, a: Point, b: Point): number {
  const dx = b.x - a.x;
  const dy = b.y - a.y;
  const sideFrom = dx * (fromY - a.y) - dy * (fromX - a.x);
  const sideTo = dx * (toY - a.y) - dy * (toX - a.x);
  // A point on the line counts as to the right of it: touching and going on crosses once, touching and going back not.
  if (sideFrom < 0 === sideTo < 0) return NaN;
  const wayX = toX - fromX;
  const wayY = toY - fromY;
  const sideA = wayX * (a.y - fromY) - wayY * (a.x - fromX);
  const sideB = wayX * (b.y - fromY) - wayY * (b.x - fromX);
  if (sideA < 0 ? sideB < 0 : sideA > 0 && sideB > 0) return NaN;
  return sideFrom / (sideFrom - sideTo);
}

/** A point's edge of the picture is this near, 0..1 of it: people do not draw to the last pixel. */
const edgeSnap = 0.006;

const snapped = (at: number): number => (at <= edgeSnap ? 0 : at >= 1 - edgeSnap ? 1 : at);
const isOnEdge = (a: Point, b: Point): boolean =>
  (a.x === b.x && (a.x === 0 || a.x === 1)) || (a.y === b.y && (a.y === 0 || a.y === 1));

/**
 * A simple polygon for many questions, in picture widths: `heightOfWidth` = the picture's height by its width. Sides on the
 * edge of the picture are no border, since nothing is seen to cross them.
 */
export class PolygonShape {
  readonly #points: Point[];
  /** `#borders[i]`: the edge from point i to the next can be crossed. */
  readonly #borders: boolean[];
  readonly #left: number;
  readonly #right: number;
  readonly #top: number;
  readonly #bottom: number;
  /** Area by length of border: no point of a polygon is further from its border than twice this, some are further than this. */
  readonly breadth: number;

  constructor(points: readonly Point[], heightOfWidth: number) {
    const flat = points.map(({ x, y }) => ({ x: snapped(x), y: snapped(y) }));
    this.#borders = flat.map((point, i) => !isOnEdge(point, flat[(i + 1) % flat.length]!));
    this.#points = flat.map(({ x, y }) => ({ x, y: y * heightOfWidth }));
    const xs = this.#points.map(({ x }) => x);
    const ys = this.#points.map(({ y }) => y);
    [this.#left, this.#right] = [Math.min(...xs), Math.max(...xs)];
    [this.#top, this.#bottom] = [Math.min(...ys), Math.max(...ys)];
    let border = 0;
    this.#points.forEach((a, i) => {
      const b = this.#points[(i + 1) % flat.length]!;
      border += Math.hypot(b.x - a.x, b.y - a.y);
    });
    this.breadth = polygonArea(this.#points) / border;
  }

  /** Crossing number, half open: of two polygons with a common side exactly one has a point of it. */
  contains(x: number, y: number): boolean {
    if (x < this.#left || x > this.#right || y < this.#top || y > this.#bottom) return false;
    const points = this.#points;
    let inside = false;
    let a = points[points.length - 1]!;
    for (const b of points) {
      if (a.y > y !== b.y > y && x < ((b.x - a.x) * (y - a.y)) / (b.y - a.y) + a.x) inside = !inside;
      a = b;
    }
    return inside;
  }

  /** From the border, inside or outside, as the crow flies; Infinity where all sides are edges of the picture. */
  distanceTo(x: number, y: number): number {
    let nearest = Infinity;
    for (let i = 0; i < this.#points.length; i++) {
      if (!this.#borders[i]) continue;
      const next = this.#points[i + 1] ?? this.#points[0]!;
      nearest = Math.min(nearest, squaredDistanceToSegment(x, y, this.#points[i]!, next));
    }
    return Math.sqrt(nearest);
  }

  /** At which part 0..1 of that way the border is crossed for the last time; 1 where it is not. */
  lastCrossing(fromX: number, fromY: number, toX: number, toY: number): number {
    let last = NaN;
    for (let i = 0; i < this.#points.length; i++) {
      const next = this.#points[i + 1] ?? this.#points[0]!;
      const at = crossingOf(fromX, fromY, toX, toY, this.#points[i]!, next);
      if (!(at <= last)) last = Number.isNaN(at) ? last : at;
    }
    return Number.isNaN(last) ? 1 : last;
  }
}
