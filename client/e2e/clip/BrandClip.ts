import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Sprite } from './drawSprites.ts';
import { drawCode } from './ProofClip.ts';
import { encodePictureCode } from './pictureCode.ts';

/** One of the things with a mark on it. */
export interface ClipThing {
  name: string;
  sprite: Sprite;
  /** Intervals of frames, the second beyond the last one. */
  shown: readonly (readonly [from: number, to: number])[];
  /** Top left corner of the sprite in frame `n`, px; even. */
  place(n: number): readonly [x: number, y: number];
}

export interface BrandClipOptions {
  path: string;
  width: number;
  height: number;
  fps: number;
  frames: number;
  things: readonly ClipThing[];
}

/** Corners of a mark's ink, as fractions of the picture. */
export interface MarkTruth {
  name: string;
  box: readonly [x1: number, y1: number, x2: number, y2: number];
}

const assets = process.env.FRAMELOCK_ASSETS ?? new URL('../../../../shared/assets', import.meta.url).pathname;
/** Somebody before a webcam; never a training input of the brand model (inference/training/paths.py). */
export const webcamClip = join(assets, 'videos/webcam_person_book_480p.mkv');

/** Which marks are where in frame `n`. */
export function marksOf(n: number, { width, height, things }: BrandClipOptions): MarkTruth[] {
  return things
    .filter(({ shown }) => shown.some(([from, to]) => n >= from && n < to))
    .map(({ name, sprite: { ink }, place }) => {
      const [x, y] = place(n);
      const box = [(x + ink.x1) / width, (y + ink.y1) / height, (x + ink.x2) / width, (y + ink.y2) / height] as const;
      return { name, box };
    });
}

/** Seconds on screen in one round of the clip. */
export function secondsShown({ shown }: ClipThing, fps: number): number {
  return shown.reduce((sum, [from, to]) => sum + to - from, 0) / fps;
}

/** Writes a Y4M clip that Chromium's fake camera loops: things move over a webcam's picture, each frame has its number. */
export async function writeBrandClip(options: BrandClipOptions): Promise<void> {
  const { path, width, height, fps, frames, things } = options;
  const backgrounds = existsSync(webcamClip) ? await decodeWebcam(width, height, fps) : drawRoom(width, height);
  const sprites = things.map(({ sprite }) => toPlanes(sprite));
  const out = createWriteStream(path);
  out.write(`YUV4MPEG2 W${width} H${height} F${fps}:1 Ip A1:1 C420jpeg\n`);
  for (let n = 0; n < frames; n++) {
    const picture = Buffer.from(backgrounds[backAndForth(n, backgrounds.length)]!);
    for (const [i, { shown, place }] of things.entries())
      if (shown.some(([from, to]) => n >= from && n < to)) lay(sprites[i]!, picture, width, height, place(n));
    drawCode(picture, width, height, encodePictureCode({ frame: n, cx: 0, cy: 0, diameter: 0 }));
    // Grey behind the strip, also in colour.
    const rows = Math.ceil(height * 0.07) >> 1;
    const chroma = width * height;
    picture.fill(128, chroma, chroma + (rows * width) / 2);
    picture.fill(128, chroma * 1.25, chroma * 1.25 + (rows * width) / 2);
    out.write('FRAME\n');
    if (!out.write(picture)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'close');
}

/** A short clip forwards and backwards has no jump. */
function backAndForth(n: number, count: number): number {
  const at = n % Math.max(1, 2 * count - 2);
  return at < count ? at : 2 * count - 2 - at;
}

/** Frames as yuv420p, the middle of the picture. */
async function decodeWebcam(width: number, height: number, fps: number): Promise<Buffer[]> {
  const filter = `scale=${width}:-2:out_range=tv,crop=${width}:${height},fps=${fps}`;
  const output = ['-vf', filter, '-pix_fmt', 'yuv420p', '-f', 'rawvideo', 'pipe:1'];
  const child = spawn(process.env.FFMPEG_BIN || 'ffmpeg', ['-v', 'error', '-nostdin', '-i', webcamClip, ...output], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(child, 'close');
  const all = Buffer.concat(chunks);
  const size = width * height * 1.5;
  const frames = Array.from({ length: Math.floor(all.length / size) }, (_, i) =>
    all.subarray(i * size, (i + 1) * size),
  );
  if (frames.length === 0) throw new Error(`${webcamClip} could not be decoded`);
  return frames;
}

/** A soft, still room with somebody's outline, for where the webcam clip is not at hand. */
function drawRoom(width: number, height: number): Buffer[] {
  const picture = Buffer.alloc(width * height * 1.5, 128);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [dx, dy] = [(x / width - 0.5) / 0.14, (y / height - 0.5) / 0.28];
      const [sx, sy] = [(x / width - 0.5) / 0.34, (y / height - 1.1) / 0.42];
      const body = dx * dx + dy * dy < 1 ? 150 : sx * sx + sy * sy < 1 ? 70 : 0;
      const wall = 120 + 45 * (x / width) + 20 * (y / height) + 8 * Math.sin(x / 37) * Math.cos(y / 23);
      picture[y * width + x] = body || wall;
    }
  }
  return [picture];
}

interface Planes {
  width: number;
  height: number;
  /** Y at full size, then U and V at half, with the alpha of each (0..1). */
  planes: { pixels: Float32Array; alpha: Float32Array; shift: 0 | 1 }[];
}

/** BT.601, limited range. */
function toPlanes({ width, height, rgba }: Sprite): Planes {
  const weights = [
    [0.257, 0.504, 0.098, 16],
    [-0.148, -0.291, 0.439, 128],
    [0.439, -0.368, -0.071, 128],
  ] as const;
  const planes = weights.map(([r, g, b, offset], plane) => {
    const shift = plane === 0 ? 0 : 1;
    const [w, h] = [width >> shift, height >> shift];
    const pixels = new Float32Array(w * h);
    const alpha = new Float32Array(w * h);
    for (let y = 0; y < h << shift; y++) {
      for (let x = 0; x < w << shift; x++) {
        const at = (y * width + x) * 4;
        const to = (y >> shift) * w + (x >> shift);
        const cover = rgba[at + 3]! / 255;
        pixels[to]! += cover * (offset + r * rgba[at]! + g * rgba[at + 1]! + b * rgba[at + 2]!);
        alpha[to]! += cover;
      }
    }
    for (let i = 0; i < alpha.length; i++) {
      if (alpha[i]! > 0) pixels[i]! /= alpha[i]!;
      alpha[i]! /= shift === 0 ? 1 : 4;
    }
    return { pixels, alpha, shift } as const;
  });
  return { width, height, planes: [...planes] };
}

/** `place` is even and all of the sprite lies within the picture. */
function lay(sprite: Planes, picture: Buffer, width: number, height: number, [left, top]: readonly [number, number]) {
  let start = 0;
  for (const { pixels, alpha, shift } of sprite.planes) {
    const [w, h] = [sprite.width >> shift, sprite.height >> shift];
    const stride = width >> shift;
    for (let y = 0; y < h; y++) {
      const row = start + ((top >> shift) + y) * stride + (left >> shift);
      for (let x = 0; x < w; x++) {
        const cover = alpha[y * w + x]!;
        if (cover > 0) picture[row + x] = pixels[y * w + x]! * cover + picture[row + x]! * (1 - cover);
      }
    }
    start += stride * (height >> shift);
  }
}
