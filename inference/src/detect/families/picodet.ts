import { matchDistanceHead } from './distanceHead.ts';
import type { MatchFamily } from './Family.ts';

/** PP-PicoDet (arXiv 2111.00902), exported without its NMS: strides 8, 16, 32, 64, scores after sigmoid. */
export const matchPicodet: MatchFamily = (outputs, context) =>
  matchDistanceHead('picodet', [8, 16, 32, 64], outputs, context);
