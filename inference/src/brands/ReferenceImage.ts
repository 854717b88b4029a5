/** A decoded reference image: RGBA, 8 bits each, rows without gaps. */
export interface ReferenceImage {
  width: number;
  height: number;
  rgba: Uint8Array;
}

/** Pixels; x2 and y2 are beyond the last one. */
export interface PixelBox {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
}
