import type { Marker } from './markerSet.ts';

/** Interleaved 8-bit pixels, row by row: 1 channel = grey, 3 = RGB, 4 = RGBA (alpha is set to 255 where drawn). */
export interface Picture {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  channels: 1 | 3 | 4;
}

/** Where and how. Coordinates in pixels, pixel i covers [i, i + 1). */
export interface MarkerPlacement {
  centreX: number;
  centreY: number;
  /** Of the outer black circle. */
  diameter: number;
  /** Width of the white disc below, as a fraction of the outer radius; 0 draws none. */
  quietZoneRadius: number;
  /** Grey levels of ink and paper, 0..255. */
  black?: number;
  white?: number;
  /** Out-of-plane tilt and the picture direction of its axis (orthographic: the circle becomes an ellipse), radians. */
  tilt?: number;
  tiltAxis?: number;
}

export interface MarkerBox {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
}

/** Maps offsets from the centre in pixels to marker units (1 = outer radius). */
function inverseShape(placement: MarkerPlacement): [xx: number, xy: number, yy: number] {
  const radius = placement.diameter / 2;
  const axis = placement.tiltAxis ?? 0;
  const shrink = Math.cos(placement.tilt ?? 0);
  const cos = Math.cos(axis);
  const sin = Math.sin(axis);
  // Length along the axis stays, length across it is divided by the shrink.
  const along = 1 / radius;
  const across = 1 / (radius * shrink);
  return [along * cos * cos + across * sin * sin, (along - across) * cos * sin, along * sin * sin + across * cos * cos];
}

/** The true detection box: the bounding rectangle of the (tilted) outer circle, pixels. */
export function markerBox(placement: MarkerPlacement): MarkerBox {
  const radius = placement.diameter / 2;
  const axis = placement.tiltAxis ?? 0;
  const shrink = Math.cos(placement.tilt ?? 0);
  const halfWidth = radius * Math.hypot(Math.cos(axis), shrink * Math.sin(axis));
  const halfHeight = radius * Math.hypot(Math.sin(axis), shrink * Math.cos(axis));
  const { centreX, centreY } = placement;
  return { x1: centreX - halfWidth, y1: centreY - halfHeight, x2: centreX + halfWidth, y2: centreY + halfHeight };
}

/** Sub-samples per pixel and axis: 4 x 4 gives 17 grey levels on an edge. */
const subSamples = 4;

/** Draws a marker at sub-pixel position and size, anti-aliased, over what the picture holds. Pure but for `picture.data`. */
export function drawMarker(picture: Picture, marker: Marker, placement: MarkerPlacement): void {
  const [xx, xy, yy] = inverseShape(placement);
  const black = placement.black ?? 0;
  const white = placement.white ?? 255;
  const discs = [{ radius: placement.quietZoneRadius, colour: 'white' }, ...marker.discs].map((disc) => ({
    radius2: disc.radius * disc.radius,
    level: disc.colour === 'black' ? black : white,
  }));
  const reach = Math.max(placement.quietZoneRadius, 1) * (placement.diameter / 2);
  const firstX = Math.max(0, Math.floor(placement.centreX - reach));
  const lastX = Math.min(picture.width - 1, Math.ceil(placement.centreX + reach));
  const firstY = Math.max(0, Math.floor(placement.centreY - reach));
  const lastY = Math.min(picture.height - 1, Math.ceil(placement.centreY + reach));
  const share = 1 / (subSamples * subSamples);
  for (let y = firstY; y <= lastY; y++) {
    for (let x = firstX; x <= lastX; x++) {
      let covered = 0;
      let level = 0;
      for (let sub = 0; sub < subSamples * subSamples; sub++) {
        const dx = x + ((sub % subSamples) + 0.5) / subSamples - placement.centreX;
        const dy = y + (Math.floor(sub / subSamples) + 0.5) / subSamples - placement.centreY;
        const u = xx * dx + xy * dy;
        const v = xy * dx + yy * dy;
        const r2 = u * u + v * v;
        let painted = -1;
        for (const disc of discs) if (r2 < disc.radius2) painted = disc.level;
        if (painted < 0) continue;
        covered += share;
        level += share * painted;
      }
      if (covered === 0) continue;
      const at = (y * picture.width + x) * picture.channels;
      for (let channel = 0; channel < Math.min(3, picture.channels); channel++) {
        picture.data[at + channel] = Math.round(level + (1 - covered) * (picture.data[at + channel] ?? 0));
      }
      if (picture.channels === 4) picture.data[at + 3] = 255;
    }
  }
}
