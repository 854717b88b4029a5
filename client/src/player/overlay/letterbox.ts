import type { PictureRect } from './DrawnRecord.ts';

/** The largest rectangle of the picture's shape in the canvas, centred, in whole pixels. */
export function letterbox(
  canvasWidth: number,
  canvasHeight: number,
  pictureWidth: number,
  pictureHeight: number,
): PictureRect {
  if (!(pictureWidth > 0 && pictureHeight > 0 && canvasWidth > 0 && canvasHeight > 0)) {
    return { x: 0, y: 0, width: 0, height: 0 };
  }
  const scale = Math.min(canvasWidth / pictureWidth, canvasHeight / pictureHeight);
  const width = Math.max(1, Math.min(canvasWidth, Math.round(pictureWidth * scale)));
  const height = Math.max(1, Math.min(canvasHeight, Math.round(pictureHeight * scale)));
  return { x: Math.floor((canvasWidth - width) / 2), y: Math.floor((canvasHeight - height) / 2), width, height };
}
