import type { PicturePoint, ZoneSettings } from '@framelock/server/protocol';

interface Placed {
  label: string;
  x: number;
  y: number;
  w: number;
  h: number;
}

/**
 * Names of the zones that an object is in now, by the same point of its box and the same filter as the server's
 * (`ZoneWatch`), which alone counts.
 */
export function zonesOf(object: Placed, settings: ZoneSettings | undefined): string[] {
  if (!settings) return [];
  return settings.zones
    .filter(({ labels }) => !labels || labels.includes(object.label))
    .filter(({ polygon, anchor }) => isInside(polygon, anchorOf(object, anchor)))
    .map(({ name }) => name);
}

function anchorOf({ x, y, w, h }: Placed, anchor: 'bottom' | 'centre'): PicturePoint {
  return { x: x + w / 2, y: anchor === 'bottom' ? y + h : y + h / 2 };
}

/** Even-odd rule: a ray to the right crosses the sides an odd number of times. */
export function isInside(polygon: readonly PicturePoint[], { x, y }: PicturePoint): boolean {
  let inside = false;
  let before = polygon.at(-1);
  for (const point of polygon) {
    if (before && point.y > y !== before.y > y) {
      const crossing = point.x + ((y - point.y) / (before.y - point.y)) * (before.x - point.x);
      if (x < crossing) inside = !inside;
    }
    before = point;
  }
  return inside;
}
