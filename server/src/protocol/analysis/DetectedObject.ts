/** One box of one Frame: x, y = top left corner; x, y, w, h in 0..1 of the decoded picture, clipped to it. */
export interface DetectedObject {
  /** Index in the Model's labels. */
  label: number;
  score: number;
  x: number;
  y: number;
  w: number;
  h: number;
  /** L2-normalised, where the Model gives one. */
  embedding?: Float32Array;
}
