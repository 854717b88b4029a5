import { drawMarker, markerBox, type MarkerBox, type MarkerPlacement, type Picture } from './drawMarker.ts';
import { markerSet } from './markerSet.ts';

/** Backgrounds, from friendly to hostile; the last four hold things that look like markers or crowd them out. */
export const backgrounds = [
  'plain',
  'gradient',
  'noise',
  'clouds',
  'stripes',
  'checkerboard',
  'text',
  'circles',
] as const;
export type Background = (typeof backgrounds)[number];

export interface SceneMarker {
  label: number;
  box: MarkerBox;
  diameter: number;
}

export interface SceneOptions {
  seed: number;
  width: number;
  height: number;
  background: Background;
  markers: number;
  /** Range of diameters, picture pixels. */
  diameter: [number, number];
  maxTilt?: number;
  /** Share of full scale between ink and paper, and Gaussian noise, blur: see `spoilPicture`. */
  contrast?: number;
  noise?: number;
  blur?: number;
  /** Markers keep their paper inside the picture unless this says they may touch the edge. */
  atEdge?: boolean;
}

export interface Scene {
  picture: Picture;
  markers: SceneMarker[];
}

export type Random = () => number;

/** Mulberry32: a small seeded generator, uniform in 0..1. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function gaussian(random: Random): number {
  return Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
}

function fillRect(picture: Picture, x: number, y: number, width: number, height: number, level: number): void {
  for (let row = Math.max(0, Math.floor(y)); row < Math.min(picture.height, y + height); row++) {
    picture.data.fill(
      level,
      row * picture.width + Math.max(0, Math.floor(x)),
      row * picture.width + Math.min(picture.width, Math.floor(x + width)),
    );
  }
}

type Painter = (picture: Picture, random: Random) => void;

function perPixel(level: (x: number, y: number) => number): Painter {
  return (picture) => {
    for (let at = 0; at < picture.data.length; at++)
      picture.data[at] = Math.max(0, Math.min(255, level(at % picture.width, Math.floor(at / picture.width))));
  };
}

const painters: Record<Background, Painter> = {
  plain: (picture, random) => picture.data.fill(Math.floor(random() * 256)),
  gradient: (picture, random) => {
    const [from, to, angle] = [random() * 255, random() * 255, random() * 6.28];
    const [cos, sin] = [Math.cos(angle) / picture.width, Math.sin(angle) / picture.width];
    perPixel((x, y) => from + (to - from) * (0.5 + (x - picture.width / 2) * cos + (y - picture.height / 2) * sin))(
      picture,
      random,
    );
  },
  noise: (picture, random) => perPixel(() => 128 + 50 * gaussian(random))(picture, random),
  clouds: (picture, random) => {
    const waves = Array.from({ length: 24 }, (_, at) => ({
      fx: (gaussian(random) * (at + 1)) / 90,
      fy: (gaussian(random) * (at + 1)) / 90,
      phase: random() * 6.28,
      size: 90 / Math.sqrt(at + 1),
    }));
    perPixel((x, y) =>
      waves.reduce((sum, wave) => sum + wave.size * Math.sin(wave.fx * x + wave.fy * y + wave.phase) * 0.4, 128),
    )(picture, random);
  },
  stripes: (picture, random) => {
    const [period, angle, low, high] = [6 + random() * 60, random() * 6.28, random() * 100, 155 + random() * 100];
    perPixel((x, y) => (Math.floor((x * Math.cos(angle) + y * Math.sin(angle)) / period + 1e4) % 2 ? low : high))(
      picture,
      random,
    );
  },
  checkerboard: (picture, random) => {
    const [period, low, high] = [5 + random() * 60, random() * 100, 155 + random() * 100];
    perPixel((x, y) => ((Math.floor(x / period) + Math.floor(y / period)) % 2 ? low : high))(picture, random);
  },
  // Strokes on lines, as a page of print has them.
  text: (picture, random) => {
    picture.data.fill(235);
    const size = 8 + random() * 24;
    for (let y = size; y < picture.height; y += size * 1.6) {
      for (let x = size; x < picture.width; x += size * (random() < 0.15 ? 1.6 : 0.75)) {
        for (let stroke = 0; stroke < 3; stroke++) {
          if (random() < 0.5) fillRect(picture, x + random() * size * 0.5, y, size * 0.12 + 1, size, 30);
          else fillRect(picture, x, y + random() * size * 0.9, size * 0.6, size * 0.12 + 1, 30);
        }
      }
    }
  },
  // Discs, rings and wrong targets in all sizes: none of them a marker.
  circles: (picture, random) => {
    picture.data.fill(150 + Math.floor(random() * 100));
    for (let count = 0; count < 60; count++) {
      const rings = 1 + Math.floor(random() * 3);
      const radii = Array.from({ length: rings }, () => 0.15 + 0.8 * random()).sort((a, b) => b - a);
      radii[0] = 1;
      const discs = radii.map((radius, at) => ({ radius, colour: at % 2 ? ('white' as const) : ('black' as const) }));
      const placement = {
        centreX: random() * picture.width,
        centreY: random() * picture.height,
        diameter: 10 + random() ** 2 * 200,
        quietZoneRadius: 0,
      };
      drawMarker(picture, { name: 'circle', codeRing: 'black', codeDisc: 'black', discs }, placement);
    }
  },
};

/** Separable Gaussian blur, in place. */
export function blurPicture(picture: Picture, sigma: number): void {
  const half = Math.ceil(sigma * 3);
  const kernel = Array.from({ length: 2 * half + 1 }, (_, at) => Math.exp(-((at - half) ** 2) / (2 * sigma * sigma)));
  const total = kernel.reduce((sum, value) => sum + value, 0);
  for (const [step, length, lines, lineStep] of [
    [1, picture.width, picture.height, picture.width],
    [picture.width, picture.height, picture.width, 1],
  ] as const) {
    const line = new Float64Array(length);
    for (let at = 0; at < lines; at++) {
      for (let i = 0; i < length; i++) line[i] = picture.data[at * lineStep + i * step]!;
      for (let i = 0; i < length; i++) {
        let sum = 0;
        for (let k = -half; k <= half; k++) sum += kernel[k + half]! * line[Math.max(0, Math.min(length - 1, i + k))]!;
        picture.data[at * lineStep + i * step] = Math.round(sum / total);
      }
    }
  }
}

function placeMarkers(options: SceneOptions, random: Random): MarkerPlacement[] {
  const placed: MarkerPlacement[] = [];
  for (let attempt = 0; placed.length < options.markers && attempt < 400; attempt++) {
    const [least, most] = options.diameter;
    const diameter = least * (most / least) ** random();
    const margin = (diameter / 2) * (options.atEdge ? 1.02 : markerSet.quietZoneRadius);
    if (2 * margin > Math.min(options.width, options.height)) continue;
    const centreX = margin + random() * (options.width - 2 * margin);
    const centreY = margin + random() * (options.height - 2 * margin);
    const isFree = placed.every(
      (other) => Math.hypot(other.centreX - centreX, other.centreY - centreY) > ((other.diameter + diameter) / 2) * 1.5,
    );
    if (!isFree) continue;
    const contrast = options.contrast ?? 1;
    const black = Math.round(random() * 255 * (1 - contrast));
    const tilt = (options.maxTilt ?? 0) * Math.sqrt(random());
    placed.push({
      centreX,
      centreY,
      diameter,
      quietZoneRadius: markerSet.quietZoneRadius,
      black,
      white: Math.round(black + 255 * contrast),
      tilt,
      tiltAxis: random() * Math.PI,
    });
  }
  return placed;
}

/** A grey picture with markers on a background, and the truth about them. Same options, same picture. */
export function syntheticScene(options: SceneOptions): Scene {
  const random = seededRandom(options.seed);
  const picture: Picture = {
    data: new Uint8Array(options.width * options.height),
    width: options.width,
    height: options.height,
    channels: 1,
  };
  painters[options.background](picture, random);
  const markers = placeMarkers(options, random).map((placement) => {
    const label = Math.floor(random() * markerSet.markers.length);
    drawMarker(picture, markerSet.markers[label]!, placement);
    return { label, box: markerBox(placement), diameter: placement.diameter };
  });
  if (options.blur) blurPicture(picture, options.blur);
  if (options.noise) {
    for (let at = 0; at < picture.data.length; at++)
      picture.data[at] = Math.max(0, Math.min(255, Math.round(picture.data[at]! + options.noise * gaussian(random))));
  }
  return { picture, markers };
}
