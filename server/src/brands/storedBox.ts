import type { PictureBox } from '../protocol/index.ts';

/** A PictureBox as it is kept. `marked`: a person drew it, so that it stays; else a model found it and finds it anew. */
export interface StoredBox extends PictureBox {
  marked?: true;
}

/** What stands where nobody marked a box and no model has found one yet. */
export const wholePicture: PictureBox = { x: 0, y: 0, w: 1, h: 1 };

export function storedBox({ x, y, w, h }: PictureBox, marked: boolean): StoredBox {
  return { x, y, w, h, ...(marked ? { marked: true as const } : {}) };
}

/** The box that a person drew; what a model found is not told to the next one, which may know better. */
export function markedBox(stored: unknown): PictureBox | undefined {
  return (stored as StoredBox).marked === true ? pictureBoxOf(stored) : undefined;
}

export function pictureBoxOf(stored: unknown): PictureBox {
  return storedBox(stored as StoredBox, false);
}
