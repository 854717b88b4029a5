import type { OutputFamily } from '@framelock/server/protocol';
import type { CatalogueInput } from '../../catalogue/catalogueEntry.ts';
import { matchBrands } from './brands.ts';
import { matchDetr } from './detr.ts';
import type { MatchFamily } from './Family.ts';
import { matchMarker } from './marker.ts';
import { matchNanodet } from './nanodet.ts';
import { matchPicodet } from './picodet.ts';
import { matchYolox } from './yolox.ts';
import { matchYoloE2e } from './yoloE2e.ts';
import { matchYolov8 } from './yolov8.ts';

interface OutputFamilyFacts {
  match: MatchFamily;
  /** How models of this family are usually fed; for models that no catalogue describes. */
  input: Omit<CatalogueInput, 'width' | 'height'>;
  /** 1 = finished detections. */
  nmsIou: number;
}

type Pixels = Pick<CatalogueInput, 'channels' | 'mean' | 'std' | 'pad'>;
const unitRgb: Pixels = { channels: 'rgb', mean: [0, 0, 0], std: [255, 255, 255], pad: 114 };
const plainBgr: Pixels = { channels: 'bgr', mean: [0, 0, 0], std: [1, 1, 1], pad: 114 };

/** In the order in which an unknown model is tried: the most telling outputs first. */
export const families: Record<OutputFamily, OutputFamilyFacts> = {
  brands: { match: matchBrands, input: { resize: 'letterbox', ...unitRgb }, nmsIou: 0.45 },
  marker: { match: matchMarker, input: { resize: 'letterbox', ...unitRgb }, nmsIou: 1 },
  detr: { match: matchDetr, input: { resize: 'stretch', ...unitRgb }, nmsIou: 1 },
  picodet: {
    match: matchPicodet,
    input: {
      resize: 'stretch',
      channels: 'rgb',
      mean: [123.675, 116.28, 103.53],
      std: [58.395, 57.12, 57.375],
      pad: 114,
    },
    nmsIou: 0.6,
  },
  nanodet: {
    match: matchNanodet,
    input: {
      resize: 'letterbox',
      channels: 'bgr',
      mean: [103.53, 116.28, 123.675],
      std: [57.375, 57.12, 58.395],
      pad: 0,
    },
    nmsIou: 0.6,
  },
  yolox: { match: matchYolox, input: { resize: 'letterboxTopLeft', ...plainBgr }, nmsIou: 0.45 },
  yolov8: { match: matchYolov8, input: { resize: 'letterbox', ...unitRgb }, nmsIou: 0.45 },
  'yolo-e2e': { match: matchYoloE2e, input: { resize: 'letterbox', ...unitRgb }, nmsIou: 1 },
};
