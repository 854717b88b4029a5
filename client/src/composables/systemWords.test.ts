import type { NodeFigures, SystemView } from '@framelock/server/protocol';
import { expect, it } from 'vitest';
import { databaseWords, dropRows, formatCores, fullness, inWords, processRows, queueRows } from './systemWords.ts';

const figures = (more: Partial<NodeFigures>): NodeFigures => ({
  processes: [],
  queues: [],
  dropped: {},
  faults: {},
  ...more,
});
const view = {
  server: figures({ processes: [{ name: 'server', cores: 0.1, rssBytes: 1e8 }], dropped: { 'history spool': 1 } }),
  nodes: [
    {
      id: 'inference-1',
      figures: figures({
        processes: [{ name: 'inference', cores: 1.2, rssBytes: 2e8 }],
        queues: [{ name: 'decode', length: 3, limit: 30 }],
        dropped: { sampler: 900, depacketise: 2, decode: 0, publish: 5 },
      }),
    },
    { id: 'sfu-1', figures: figures({ processes: [{ name: 'worker 0', cores: 0, rssBytes: 1 }] }) },
    { id: 'old', figures: null },
  ],
} as unknown as SystemView;

it('lists processes and queues of all nodes by names for people', () => {
  expect(processRows(view).map(({ name, node }) => [name, node])).toEqual([
    ['Server', 'server'],
    ['Inference', 'inference-1'],
    ['Media worker 1', 'sfu-1'],
  ]);
  expect(queueRows(view)).toEqual([
    { key: 'inference-1 decode', name: 'Frames to decode', node: 'inference-1', length: 3, limit: 30 },
  ]);
});

it('lists what was lost, the most first, and what was passed over by design last', () => {
  expect(dropRows(view).map(({ name, count }) => [name, count])).toEqual([
    ['Detections not sent', 5],
    ['Frames with packets missing', 2],
    ['History spool', 1],
    ['Frames passed over for newer ones', 900],
  ]);
});

it('has words for what it does not know', () => {
  expect(inWords('spoolBytes')).toBe('Spool bytes');
  expect(inWords('rows_written')).toBe('Rows written');
});

it('tells fullness, cores and the database', () => {
  expect([fullness({ length: 3, limit: 30 }), fullness({ length: 3, limit: null })]).toEqual([0.1, undefined]);
  expect([formatCores(0.254), formatCores(null)]).toEqual(['25 %', '–']);
  expect(databaseWords({ engine: 'postgres', answers: true, pingMs: 1.2 })).toBe('PostgreSQL, answers in 1.2 ms');
  expect(databaseWords({ engine: 'pglite', answers: false, pingMs: null })).toMatch('does not answer');
});
