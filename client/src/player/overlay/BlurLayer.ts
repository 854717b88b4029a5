import type { DrawnBox, PictureRect } from './DrawnRecord.ts';

/** So many patches are left of what is blurred, along its longer side: nothing to be recognised by. */
const patches = 8;
/** Round about a box, of its size: the ends of hair and letters stick out. */
const margin = 0.08;

/** Makes what is in boxes unrecognisable, on the canvas that already shows the picture. For eyes: the video itself stays. */
export class BlurLayer {
  readonly #small = document.createElement('canvas');
  readonly #context = this.#small.getContext('2d', { alpha: false })!;

  constructor() {
    Object.assign(this.#small, { width: patches, height: patches });
  }

  /** `image` is the picture of `rect`, `width` x `height` pixels. */
  draw(
    context: CanvasRenderingContext2D,
    image: CanvasImageSource,
    { rect, width, height }: { rect: PictureRect; width: number; height: number },
    boxes: readonly DrawnBox[],
    labels: ReadonlySet<string>,
  ): void {
    for (const box of boxes) {
      if (!labels.has(box.label)) continue;
      const x = Math.max(0, box.x - box.w * margin);
      const y = Math.max(0, box.y - box.h * margin);
      const w = Math.min(1, box.x + box.w * (1 + margin)) - x;
      const h = Math.min(1, box.y + box.h * (1 + margin)) - y;
      if (w <= 0 || h <= 0) continue;
      const longer = Math.max(w * width, h * height);
      const across = Math.max(1, Math.round((patches * w * width) / longer));
      const down = Math.max(1, Math.round((patches * h * height) / longer));
      this.#context.drawImage(image, x * width, y * height, w * width, h * height, 0, 0, across, down);
      const [left, top] = [rect.x + x * rect.width, rect.y + y * rect.height];
      context.drawImage(this.#small, 0, 0, across, down, left, top, w * rect.width, h * rect.height);
    }
  }
}
