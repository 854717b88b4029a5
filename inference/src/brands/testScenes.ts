import { readFileSync } from 'node:fs';
import { initWasm, Resvg } from '@resvg/resvg-wasm';

/** For tests: drawings as pictures, by another rasteriser than the one of the training. */
let ready: Promise<void> | undefined;

export interface Drawing {
  width: number;
  height: number;
  /** RGBA, opaque. */
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
