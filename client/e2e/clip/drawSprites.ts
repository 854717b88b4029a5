import type { Browser } from 'playwright-core';
import type { Mark } from './brandMarks.ts';

/** A mark on what bears it, as a picture with straight alpha. */
export interface Sprite {
  width: number;
  height: number;
  rgba: Uint8Array;
  /** The box around the mark itself, px; x2 and y2 lie beyond it. */
  ink: { x1: number; y1: number; x2: number; y2: number };
}

export interface SpriteOptions {
  mark: Mark;
  /** `card`: in its own colour on white paper. `phone`: white on a lit screen. `lid`: light on a dark laptop's lid. */
  on: 'card' | 'phone' | 'lid';
  /** Side of the field that the path is drawn on, px. */
  size: number;
}

/** Drawn by the browser: another rasteriser than the one that the model was trained with. */
export async function drawSprites(browser: Browser, wanted: readonly SpriteOptions[]): Promise<Sprite[]> {
  const page = await browser.newPage();
  try {
    const drawn = await page.evaluate(drawInPage, wanted);
    return drawn.map(({ base64, ...rest }) => ({ ...rest, rgba: new Uint8Array(Buffer.from(base64, 'base64')) }));
  } finally {
    await page.close();
  }
}

/** A PNG of a mark in its own colour on white, as somebody has it who adds a brand. */
export async function drawReferencePng(browser: Browser, mark: Mark, side = 320): Promise<Buffer> {
  const page = await browser.newPage();
  try {
    const url = await page.evaluate(
      ([{ path, colour }, pixels]) => {
        const canvas = Object.assign(document.createElement('canvas'), { width: pixels, height: pixels });
        const context = canvas.getContext('2d')!;
        context.fillStyle = '#ffffff';
        context.fillRect(0, 0, pixels, pixels);
        context.translate(pixels * 0.1, pixels * 0.1);
        context.scale((pixels * 0.8) / 24, (pixels * 0.8) / 24);
        context.fillStyle = colour;
        context.fill(new Path2D(path));
        return canvas.toDataURL('image/png');
      },
      [mark, side] as const,
    );
    return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
  } finally {
    await page.close();
  }
}

/** Runs in the page, where nothing of this module is. */
function drawInPage(wanted: readonly SpriteOptions[]) {
  return wanted.map(({ mark: { path, colour }, on, size }) => {
    const even = (value: number) => 2 * Math.round(value / 2);
    const width = even(size * { card: 1.4, phone: 1.5, lid: 1.9 }[on]);
    const height = even(size * { card: 1.4, phone: 2.4, lid: 1.5 }[on]);
    const open = () => {
      const canvas = Object.assign(document.createElement('canvas'), { width, height });
      return canvas.getContext('2d', { willReadFrequently: true })!;
    };
    const drawMark = (context: CanvasRenderingContext2D, fill: string) => {
      context.save();
      context.translate((width - size) / 2, (height - size) / 2);
      context.scale(size / 24, size / 24);
      context.fillStyle = fill;
      context.fill(new Path2D(path));
      context.restore();
    };
    const block = (context: CanvasRenderingContext2D, inset: number, radius: number, fill: string | CanvasGradient) => {
      context.beginPath();
      context.roundRect(inset, inset, width - 2 * inset, height - 2 * inset, radius);
      context.fillStyle = fill;
      context.fill();
    };
    const context = open();
    if (on === 'phone') {
      const screen = context.createLinearGradient(0, 0, 0, height);
      screen.addColorStop(0, '#24405e');
      screen.addColorStop(1, '#101c2b');
      block(context, 0, size * 0.2, '#15181c');
      block(context, size * 0.06, size * 0.15, screen);
    } else if (on === 'card') block(context, 0, size * 0.06, '#f6f4ef');
    else block(context, 0, size * 0.1, '#3b4048');
    drawMark(context, on === 'card' ? colour : '#f7f9fb');

    const alone = open();
    drawMark(alone, '#000');
    const alpha = alone.getImageData(0, 0, width, height).data;
    const ink = { x1: width, y1: height, x2: 0, y2: 0 };
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (alpha[(y * width + x) * 4 + 3]! < 128) continue;
        ink.x1 = Math.min(ink.x1, x);
        ink.y1 = Math.min(ink.y1, y);
        ink.x2 = Math.max(ink.x2, x + 1);
        ink.y2 = Math.max(ink.y2, y + 1);
      }
    }
    let binary = '';
    for (const byte of context.getImageData(0, 0, width, height).data) binary += String.fromCharCode(byte);
    return { width, height, ink, base64: btoa(binary) };
  });
}
