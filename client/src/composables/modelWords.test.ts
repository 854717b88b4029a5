import type { AnalysisView, ModelEntry, StreamView } from '@framelock/server/protocol';
import { expect, it } from 'vitest';
import { addingShare, addingWords, modelUses } from './modelWords.ts';

const model = (id: string, isDefault = false) => ({ id, isDefault }) as ModelEntry;
const running = (modelId: string, inference: number, analysisFps: number): AnalysisView => ({
  state: 'running',
  modelId,
  analysisFps,
  stageMs: { inference },
});
const stream = (id: string, modelId: string | null, analysis: AnalysisView = { state: 'off' }) =>
  ({ id, name: `the ${id}`, modelId, analysis, state: analysis.state === 'off' ? 'idle' : 'live' }) as StreamView;

it('names the Streams of a Model, those by default too, and the figures of what runs', () => {
  const uses = modelUses(
    [model('a', true), model('b'), model('c')],
    [
      stream('one', null, running('a', 10, 15)),
      stream('two', 'a', running('a', 30, 5)),
      stream('three', 'b'),
      // Just changed: it is set to b and still runs a.
      stream('four', 'b', running('a', 12, 15)),
    ],
  );
  expect(uses.get('a')).toEqual({
    streams: [
      { id: 'one', name: 'the one', isLive: true, byDefault: true },
      { id: 'two', name: 'the two', isLive: true, byDefault: false },
    ],
    running: 3,
    inferenceMs: 12,
    analysisFps: 35,
  });
  expect(uses.get('b')!.streams.map(({ id }) => id)).toEqual(['three', 'four']);
  expect(uses.get('b')).toMatchObject({ running: 0, inferenceMs: undefined, analysisFps: 0 });
  expect(uses.get('c')!.streams).toEqual([]);
});

it('has the middle of an even number of analyses', () => {
  const streams = [stream('one', 'a', running('a', 10, 15)), stream('two', 'a', running('a', 20, 15))];
  expect(modelUses([model('a')], streams).get('a')!.inferenceMs).toBe(15);
});

it('says how far an adding is', () => {
  const downloading = { phase: 'downloading', receivedBytes: 1_000_000, totalBytes: 4_000_000 } as const;
  expect([addingWords(downloading), addingShare(downloading)]).toEqual(['1.0 MB of 4.0 MB', 0.25]);
  const unknown = { phase: 'downloading', receivedBytes: 1_000_000 } as const;
  expect([addingWords(unknown), addingShare(unknown)]).toEqual(['1.0 MB so far', undefined]);
  const verifying = { phase: 'verifying', receivedBytes: 4, totalBytes: 4 } as const;
  expect([addingWords(verifying), addingShare(verifying)]).toEqual([
    'Checking the file and trying it once…',
    undefined,
  ]);
});
