import type { MatchFamily } from './Family.ts';
import { matchRows } from './rows.ts';

/** YOLOv10, YOLO26 and other end-to-end exports: one output of finished rows, best first, no NMS needed. */
export const matchYoloE2e: MatchFamily = (outputs, context) =>
  matchRows('yolo-e2e', outputs.length === 1 ? outputs[0] : undefined, outputs, context);
