import { readFileSync } from 'node:fs';
import { initWasm, Resvg } from '@resvg/resvg-wasm';

/** For tests: drawings as pictures, by another rasteriser than the one of the training. */
let ready: Promise<void> | undefined;

export interface Drawing {
  width: number;
  height: number;
  /** RGBA. */
  rgba: Uint8Array;
  png: Uint8Array;
}

export async function drawSvg(width: number, height: number, content: string): Promise<Drawing> {
  ready ??= initWasm(readFileSync(new URL(import.meta.resolve('@resvg/resvg-wasm/index_bg.wasm'))));
  await ready;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${content}</svg>`;
  const image = new Resvg(svg, { font: { loadSystemFonts: false } }).render();
  return { width, height, rgba: image.pixels, png: image.asPng() };
}

/** Walls and things without any mark on them. */
export const rooms = [
  '<rect width="100%" height="100%" fill="#d8dee4"/><rect y="520" width="1280" height="200" fill="#a98460"/>',
  '<rect width="100%" height="100%" fill="#39424c"/><rect x="820" y="90" width="330" height="260" fill="#52616f"/><rect y="560" width="1280" height="160" fill="#23282e"/>',
  '<rect width="100%" height="100%" fill="#8fa58f"/><rect x="60" y="40" width="240" height="680" fill="#6d4f3b"/><rect x="1000" width="180" height="720" fill="#b9c6b4"/>',
] as const;

/** A path of a 24 x 24 field, `size` px wide and high, its top left corner at (x, y). */
export function markAt(path: string, x: number, y: number, size: number, colour: string): string {
  return `<path transform="translate(${x} ${y}) scale(${size / 24})" fill="${colour}" d="${path}"/>`;
}

/** Where the ink of a path is on its field of 24 x 24, as fractions of the field. */
export async function inkOf(path: string): Promise<{ x1: number; y1: number; x2: number; y2: number }> {
  const side = 240;
  const { rgba } = await drawSvg(side, side, markAt(path, 0, 0, side, '#000'));
  const ink = { x1: 1, y1: 1, x2: 0, y2: 0 };
  for (let i = 0; i < side * side; i++) {
    if (rgba[i * 4 + 3]! < 128) continue;
    const [x, y] = [i % side, Math.floor(i / side)];
    ink.x1 = Math.min(ink.x1, x / side);
    ink.y1 = Math.min(ink.y1, y / side);
    ink.x2 = Math.max(ink.x2, (x + 1) / side);
    ink.y2 = Math.max(ink.y2, (y + 1) / side);
  }
  return ink;
}
