/** Where things are in the picture, px; corners are even, for 4:2:0. */
export const scene = { width: 1280, height: 720 };
/** The clock on the wall: top left corner and size. */
export const clock = { left: 1010, top: 46, size: 176 };
/** The clock on the desk: its face, and where each pair of digits begins on it. */
export const panel = { left: 476, top: 622, width: 328, height: 64, pairsAt: [20, 94, 168, 250] as const };
/** One row of the strip of digits: two of them. */
export const pair = { width: 58, height: 48 };
