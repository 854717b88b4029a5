import type { ModelAdding, ModelEntry, StreamView } from '@framelock/server/protocol';
import { formatBytes } from './formatFigures.ts';

export interface ModelUse {
  /** Streams that are set to this Model, or to the default where it is that. */
  streams: { id: string; name: string; isLive: boolean; byDefault: boolean }[];
  /** Of the analyses that run it at this moment. */
  running: number;
  /** Median over them of their own medians, ms a Frame; undefined where none runs. */
  inferenceMs: number | undefined;
  /** Frames analysed a second, all of them together. */
  analysisFps: number;
}

/** What a Model is used for, by its id. Every Model of the list has an entry. */
export function modelUses(models: readonly ModelEntry[], streams: readonly StreamView[]): Map<string, ModelUse> {
  const defaultId = models.find(({ isDefault }) => isDefault)?.id;
  const uses = new Map<string, ModelUse>();
  for (const { id } of models) {
    const set = streams.filter(({ modelId }) => (modelId ?? defaultId) === id);
    const running = streams
      .map(({ analysis }) => analysis)
      .filter((one) => one.state === 'running' && one.modelId === id);
    uses.set(id, {
      streams: set.map((one) => ({
        id: one.id,
        name: one.name,
        isLive: one.state === 'live',
        byDefault: one.modelId === null,
      })),
      running: running.length,
      inferenceMs: median(running.flatMap(({ stageMs }) => stageMs?.inference ?? [])),
      analysisFps: running.reduce((sum, { analysisFps }) => sum + (analysisFps ?? 0), 0),
    });
  }
  return uses;
}

function median(values: number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle];
  return sorted.length === 0 ? undefined : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** 0..1 of the file; undefined where its size is not known, or nothing is left to come. */
export function addingShare({ phase, receivedBytes, totalBytes }: ModelAdding): number | undefined {
  if (phase === 'verifying' || totalBytes === undefined) return undefined;
  return Math.min(1, receivedBytes / totalBytes);
}

export function addingWords({ phase, receivedBytes, totalBytes }: ModelAdding): string {
  if (phase === 'verifying') return 'Checking the file and trying it once…';
  if (totalBytes === undefined) return `${formatBytes(receivedBytes)} so far`;
  return `${formatBytes(receivedBytes)} of ${formatBytes(totalBytes)}`;
}

const familyNames: Record<ModelEntry['family'], string> = {
  brands: 'Brands',
  marker: 'Markers',
  yolox: 'YOLOX',
  nanodet: 'NanoDet',
  picodet: 'PicoDet',
  yolov8: 'YOLOv8',
  'yolo-e2e': 'YOLO end to end',
  detr: 'DETR',
};

export function familyName(family: ModelEntry['family']): string {
  return familyNames[family];
}
