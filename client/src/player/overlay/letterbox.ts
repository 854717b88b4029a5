import type { PictureRect } from './DrawnRecord.ts';

/**
 * The largest rectangle of the picture's shape in the canvas, centred, in whole pixels. Bars of less than two
 * pixels together are none: they come from the canvas' own CSS size, which was rounded before.
 */
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
  const width = wholePixels(pictureWidth * scale, canvasWidth);
  const height = wholePixels(pictureHeight * scale, canvasHeight);
  return { x: Math.floor((canvasWidth - width) / 2), y: Math.floor((canvasHeight - height) / 2), width, height };
}

function wholePixels(length: number, canvasLength: number): number {
  if (canvasLength - length < 2) return canvasLength;
  return Math.max(1, Math.round(length));
}
