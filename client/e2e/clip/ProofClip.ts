import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { codeCells, codeStrip, encodePictureCode, type PictureTruth } from './pictureCode.ts';

/** Discs painted in order, radii as fractions of the outer one: inference/models/marker/markers.json, read as data. */
interface MarkerDesign {
  discs: { radius: number; colour: 'black' | 'white' }[];
  quietZoneRadius: number;
}

export interface ProofClipOptions {
  path: string;
  width: number;
  height: number;
  fps: number;
  frames: number;
  /** Marker's outer diameter, px. */
  diameter: number;
}

const markersFile = new URL('../../../inference/models/marker/markers.json', import.meta.url);

/**
 * Where the marker is in frame `n`: on a circle, so that every step, also across the top and bottom of the path, is as
 * long as the others: 0.4 of the diameter, more than the third at which one frame of error costs half the overlap.
 */
export function proofTruth(n: number, { width, height, diameter }: ProofClipOptions): PictureTruth {
  const top = codeStrip.bottom * height + diameter * 0.7;
  const radius = Math.min((height - top) / 2 - diameter * 0.7, width / 3);
  const step = 2 * Math.asin((0.4 * diameter) / 2 / radius);
  const cx = width / 2 + radius * Math.cos(step * n);
  const cy = (top + height) / 2 - diameter * 0.05 + radius * Math.sin(step * n);
  return { frame: n, cx: Math.round(cx * 2), cy: Math.round(cy * 2), diameter: Math.round(diameter * 2) };
}

/**
 * Writes a grey Y4M clip that Chromium's fake camera loops. Grey, so that every coloured pixel a viewer sees is overlay.
 * `truthOf`: where the marker is in each frame.
 */
export async function writeProofClip(options: ProofClipOptions, truthOf = proofTruth): Promise<void> {
  const { path, width, height, fps, frames } = options;
  const marker = await loadMarker();
  const background = drawBackground(width, height);
  const chroma = Buffer.alloc((width / 2) * (height / 2) * 2, 128);
  const out = createWriteStream(path);
  out.write(`YUV4MPEG2 W${width} H${height} F${fps}:1 Ip A1:1 C420jpeg\n`);
  for (let n = 0; n < frames; n++) {
    const luma = Buffer.from(background);
    const truth = truthOf(n, options);
    drawCode(luma, width, height, encodePictureCode(truth));
    drawMarker(luma, width, height, marker, truth.cx / 2, truth.cy / 2, truth.diameter / 4);
    out.write('FRAME\n');
    out.write(luma);
    if (!out.write(chroma)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'close');
}

async function loadMarker(): Promise<MarkerDesign> {
  const parsed = JSON.parse(await readFile(markersFile, 'utf8')) as {
    quietZoneRadius: number;
    markers: Pick<MarkerDesign, 'discs'>[];
  };
  return { discs: parsed.markers[0]!.discs, quietZoneRadius: parsed.quietZoneRadius };
}

/** A still, soft texture: enough to look like a room to the encoder, cheap to code. */
function drawBackground(width: number, height: number): Buffer {
  const luma = Buffer.alloc(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const slope = 90 + 50 * (x / width) + 25 * (y / height);
      luma[y * width + x] = slope + 14 * Math.sin(x / 37) * Math.cos(y / 23);
    }
  }
  return luma;
}

/** Fills the rows about the strip with grey, and writes the cells; `luma` may be the first plane of a whole picture. */
export function drawCode(luma: Buffer, width: number, height: number, bits: number[]): void {
  const x0 = codeStrip.left * width;
  const cell = ((codeStrip.right - codeStrip.left) * width) / codeCells;
  luma.fill(128, 0, Math.ceil((codeStrip.bottom + 0.012) * height) * width);
  for (let y = Math.round(codeStrip.top * height); y < Math.round(codeStrip.bottom * height); y++) {
    for (let i = 0; i < codeCells; i++) {
      luma.fill(bits[i] ? 235 : 20, y * width + Math.round(x0 + i * cell), y * width + Math.round(x0 + (i + 1) * cell));
    }
  }
}

/** `radius` is the outer ring's. Anti-aliased by 3 x 3 samples a pixel. */
function drawMarker(
  luma: Buffer,
  width: number,
  height: number,
  marker: MarkerDesign,
  cx: number,
  cy: number,
  radius: number,
): void {
  const reach = Math.ceil(radius * marker.quietZoneRadius) + 1;
  for (let y = Math.max(0, Math.floor(cy - reach)); y < Math.min(height, cy + reach); y++) {
    for (let x = Math.max(0, Math.floor(cx - reach)); x < Math.min(width, cx + reach); x++) {
      let sum = 0;
      for (let s = 0; s < 9; s++) {
        const dx = x + ((s % 3) + 0.5) / 3 - cx;
        const dy = y + (Math.floor(s / 3) + 0.5) / 3 - cy;
        sum += markerLuma(marker, Math.hypot(dx, dy) / radius) ?? luma[y * width + x]!;
      }
      luma[y * width + x] = sum / 9;
    }
  }
}

function markerLuma(marker: MarkerDesign, r: number): number | undefined {
  if (r > marker.quietZoneRadius) return undefined;
  let colour: 'black' | 'white' = 'white';
  for (const disc of marker.discs) if (r <= disc.radius) colour = disc.colour;
  return colour === 'white' ? 235 : 20;
}
