import { maxBrandImageBytes, type PictureBox } from '@framelock/server/protocol';
import type { BrandPicture } from '../api/brands.ts';
import { cropAround } from './boxEditor.ts';

/** What a mark should be at least, for its shape to be told from others' (pixels of the video). */
const goodSidePx = 24;

/** The part of a picture that shows the mark, as a PNG that the server takes. */
export async function markPicture(canvas: HTMLCanvasElement, box: PictureBox): Promise<BrandPicture> {
  const crop = cropAround(box, canvas.width, canvas.height);
  let scale = 1;
  for (;;) {
    const [width, height] = [Math.max(1, Math.round(crop.width * scale)), Math.max(1, Math.round(crop.height * scale))];
    const part = Object.assign(document.createElement('canvas'), { width, height });
    const context = part.getContext('2d', { alpha: false });
    if (!context) throw new Error('this browser gives no 2D canvas');
    context.imageSmoothingQuality = 'high';
    context.drawImage(canvas, crop.x, crop.y, crop.width, crop.height, 0, 0, width, height);
    const file = await new Promise<Blob | null>((resolve) => part.toBlob(resolve, 'image/png'));
    if (!file) throw new Error('the picture could not be made a PNG');
    if (file.size <= maxBrandImageBytes) return { file, name: 'marked.png', box: crop.box };
    scale /= 2;
  }
}

/** `120 × 88 px`, and what is wrong with it. */
export function markSizeWords(box: PictureBox, width: number, height: number): { text: string; small: boolean } {
  const [w, h] = [Math.round(box.w * width), Math.round(box.h * height)];
  const small = Math.max(w, h) < goodSidePx;
  return { text: `${w} × ${h} px${small ? ': too small to be told from others for sure' : ''}`, small };
}
