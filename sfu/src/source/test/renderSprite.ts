import { readFileSync } from 'node:fs';
import { initWasm, Resvg } from '@resvg/resvg-wasm';

let ready: Promise<void> | undefined;

/** SVG -> PNG. For drawing the sprites anew and for their test: nothing that runs needs it. */
export async function renderSprite(svg: string): Promise<Uint8Array> {
  ready ??= initWasm(readFileSync(new URL(import.meta.resolve('@resvg/resvg-wasm/index_bg.wasm'))));
  await ready;
  return new Resvg(svg, { font: { loadSystemFonts: false } }).render().asPng();
}
