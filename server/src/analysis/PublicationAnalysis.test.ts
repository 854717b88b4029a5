import { pino } from 'pino';
import { expect, it } from 'vitest';
import type { InferenceNode, SfuNode } from '../nodes/NodeRegistry.ts';
import { type ModelDescription, Refusal } from '../protocol/index.ts';
import { PublicationAnalysis } from './PublicationAnalysis.ts';

type Params = Record<string, unknown>;

/** A node's control connection, as far as an analysis asks. */
function fakeNode(answers: Record<string, (params: Params) => unknown>) {
  const calls: string[] = [];
  const request = async (method: string, params: Params): Promise<unknown> => {
    calls.push(method);
    return answers[method]?.(params) ?? {};
  };
  return { id: 'node', open: true, assigned: 0, clockOffsetMs: 0, request, requestIfOpen: request, calls };
}

function description(revision: unknown): ModelDescription {
  const sizes = { inputWidth: 1, inputHeight: 1 };
  return { revision: revision as number, modelId: 'm', name: 'm', labels: ['a'], executionProvider: 'cpu', ...sizes };
}

it('begins anew when a change of model was not answered in time, since the node may have made it', async () => {
  const local = { ip: '127.0.0.1', port: 1 };
  const sfu = fakeNode({ openTap: () => ({ local, rtpParameters: {}, type: 'simple', feedUrl: 'ws://x' }) });
  const node = fakeNode({
    openTap: () => ({ local }),
    startAnalysis: ({ firstRevision }) => ({ description: description(firstRevision) }),
    setModel: () => {
      throw new Refusal('timeout', 'no answer');
    },
  });
  const revisions: number[] = [];
  let running = Promise.withResolvers<void>();
  const analysis = PublicationAnalysis.create({
    ...{ publicationId: 'p1', streamId: 's1', modelId: null, firstRevision: 1, logger: pino({ level: 'silent' }) },
    sfu: sfu as unknown as SfuNode,
    pickNode: () => node as unknown as InferenceNode,
    onView: ({ state }) => state === 'running' && running.resolve(),
    zones: () => ({ zones: [], lines: [], scale: null }),
    onZonesLive: () => undefined,
    onDescription: ({ revision }) => revisions.push(revision),
    onAttempt: () => undefined,
  });
  await running.promise;
  await new Promise((resolve) => setImmediate(resolve));
  running = Promise.withResolvers();
  await expect(analysis.setModel('other')).rejects.toMatchObject({ code: 'timeout' });
  await running.promise;
  expect(node.calls).toEqual(['openTap', 'startAnalysis', 'setModel', 'stopAnalysis', 'openTap', 'startAnalysis']);
  // 2 may be the one that nobody described.
  expect(revisions).toEqual([1, 3]);
  analysis.close('the test ends');
});
