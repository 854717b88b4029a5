import type { StreamView } from '@framelock/server/protocol';
import { ref, watch, type Ref } from 'vue';
import { pushFigure } from './figureHistory.ts';
import { ingestFigures } from './ingestFigures.ts';

/** At one answer in two seconds, two minutes. */
export const ingestHistoryLimit = 60;

export interface IngestHistory extends Record<string, number[]> {
  bitrate: number[];
  fps: number[];
  keyFrames: number[];
  loss: number[];
  jitter: number[];
}

/** The last minutes of what the server received, one value for each answer; begins anew with each Publication. */
export function useIngestHistory(stream: Readonly<Ref<StreamView | undefined>>): Ref<IngestHistory> {
  const history = ref(emptyHistory());
  let publicationId: string | undefined;
  watch(stream, (view) => {
    if (view?.publication?.id !== publicationId) history.value = emptyHistory();
    publicationId = view?.publication?.id;
    const figures = view && ingestFigures(view);
    if (!figures) return;
    const add = (name: keyof IngestHistory, value: number | null | undefined) =>
      typeof value === 'number' ? pushFigure(history.value[name]!, value, ingestHistoryLimit) : history.value[name]!;
    history.value = {
      bitrate: add('bitrate', figures.videoBitrateBps),
      fps: add('fps', figures.fps),
      keyFrames: add('keyFrames', figures.keyFrameIntervalMs),
      loss: add('loss', figures.lossFraction),
      jitter: add('jitter', figures.jitterMs),
    };
  });
  return history;
}

function emptyHistory(): IngestHistory {
  return { bitrate: [], fps: [], keyFrames: [], loss: [], jitter: [] };
}
