import { matchDistanceHead } from './distanceHead.ts';
import type { MatchFamily } from './Family.ts';

/** NanoDet (github.com/RangiLyu/nanodet), the v1 head: strides 8, 16, 32, scores after sigmoid. Not NanoDet-Plus. */
export const matchNanodet: MatchFamily = (outputs, context) =>
  matchDistanceHead('nanodet', [8, 16, 32], outputs, context);
