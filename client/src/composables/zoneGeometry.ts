import type { PicturePoint } from '@framelock/server/protocol';

/** Geometry of what a person draws on a picture. Points are in 0..1 of the picture; y goes down. */
export type { PicturePoint } from '@framelock/server/protocol';

const clamp = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value));
/** A ten thousandth of the picture is less than a pixel, and reads well where somebody reads it. */
const tidy = (value: number) => Math.round(value * 10_000) / 10_000;

/** In the picture, and on its edge where it is no further than `reachX`, `reachY` from it: nobody hits the last pixel. */
export function snapped({ x, y }: PicturePoint, reachX: number, reachY: number): PicturePoint {
  const snap = (at: number, reach: number) => (at <= reach ? 0 : at >= 1 - reach ? 1 : tidy(at));
  return { x: snap(x, reachX), y: snap(y, reachY) };
}

const directions: Record<string, PicturePoint> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};
/** A hundredth of the picture at a key press, with Shift a twentieth. */
const keyStep = 0.01;
const largeKeyStep = 0.05;

/** Where an arrow key brings a point; undefined = it is another key. */
export function stepped({ x, y }: PicturePoint, key: string, large: boolean): PicturePoint | undefined {
  const direction = directions[key];
  if (!direction) return undefined;
  const step = large ? largeKeyStep : keyStep;
  return { x: tidy(clamp(x + direction.x * step, 0, 1)), y: tidy(clamp(y + direction.y * step, 0, 1)) };
}

/** All points moved by as much of `by` as there is room for, so that the shape stays what it is. */
export function movedBy(points: readonly PicturePoint[], by: PicturePoint): PicturePoint[] {
  const room = (values: number[], wish: number) => clamp(wish, -Math.min(...values), 1 - Math.max(...values));
  const x = room(
    points.map((point) => point.x),
    by.x,
  );
  const y = room(
    points.map((point) => point.y),
    by.y,
  );
  return points.map((point) => ({ x: tidy(clamp(point.x + x, 0, 1)), y: tidy(clamp(point.y + y, 0, 1)) }));
}

export function withPointAt(points: readonly PicturePoint[], index: number, point: PicturePoint): PicturePoint[] {
  return points.map((one, i) => (i === index ? point : one));
}

/** Half way from point `index` to the next; of a zone the last one's next is the first. */
export function middleAfter(points: readonly PicturePoint[], index: number): PicturePoint {
  const [a, b] = [points[index]!, points[(index + 1) % points.length]!];
  return { x: tidy((a.x + b.x) / 2), y: tidy((a.y + b.y) / 2) };
}

export function withPointAfter(points: readonly PicturePoint[], index: number, point: PicturePoint): PicturePoint[] {
  return points.toSpliced(index + 1, 0, point);
}

/** The corner that its name stands at, as the player draws it: a zone's highest, a line's first. */
export function nameCorner(points: readonly PicturePoint[], isLine: boolean): PicturePoint {
  return isLine ? points[0]! : points.reduce((highest, point) => (point.y < highest.y ? point : highest));
}

/** To the `in` side of a line: a vector of length 1 in pixels of the shown picture. */
export function inSide(from: PicturePoint, to: PicturePoint, width: number, height: number): PicturePoint {
  const [dx, dy] = [(to.x - from.x) * width, (to.y - from.y) * height];
  const length = Math.hypot(dx, dy) || 1;
  return { x: -dy / length, y: dx / length };
}

/** Which way one goes who crosses a line in, in words. */
export function inWords(from: PicturePoint, to: PicturePoint, width: number, height: number): string {
  const { x, y } = inSide(from, to, width, height);
  const across = x > 0.38 ? 'right' : x < -0.38 ? 'left' : '';
  const along = y > 0.38 ? 'down' : y < -0.38 ? 'up' : '';
  return [along, across].filter(Boolean).join(' and ');
}

const percent = (share: number) => `${Math.round(share * 100)} %`;
export function placeWords({ x, y }: PicturePoint): string {
  return `${percent(x)} from the left, ${percent(y)} from the top`;
}

/** Whether two points are the same to somebody who looks; in pixels of the shown picture. */
export function areNear(a: PicturePoint, b: PicturePoint, width: number, height: number, reachPx: number): boolean {
  return Math.hypot((a.x - b.x) * width, (a.y - b.y) * height) <= reachPx;
}
