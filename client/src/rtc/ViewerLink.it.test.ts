import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  Refusal,
  RpcCallee,
  signalingContract,
  type PublicationView,
  type RequestHandlers,
  type SignalingContract,
} from '@framelock/server/protocol';
import { afterEach, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { installWrtc } from '../cli/installWrtc.ts';
import { ViewerLink, type ViewerLinkOptions } from './ViewerLink.ts';

type Callee = RpcCallee<SignalingContract>;
type Answers = {
  [M in 'join' | 'createTransport' | 'consume' | 'closeConsumer']?: (callee: Callee, params: never) => object;
};

const vp8 = { mimeType: 'video/VP8', clockRate: 90_000, parameters: {}, rtcpFeedback: [] };
const iceParameters = { usernameFragment: 'abcd', password: 'abcdefghijklmnopqrstuvwx', iceLite: true };
const fingerprint = { algorithm: 'sha-256', value: Array(32).fill('AB').join(':') };
const transport = {
  ...{ id: 't1', iceParameters, iceCandidates: [] },
  dtlsParameters: { role: 'auto', fingerprints: [fingerprint] },
  sctpParameters: { port: 5000, OS: 1024, MIS: 1024, maxMessageSize: 262_144 },
};
const rtpParameters = {
  ...{ mid: '0', headerExtensions: [], rtcp: { cname: 'x', reducedSize: true } },
  codecs: [{ ...vp8, payloadType: 101 }],
  encodings: [{ ssrc: 1234 }],
};
const consumed = { consumer: { id: 'c1', producerId: 'v1', kind: 'video', rtpParameters }, type: 'simple' };

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

function publication(id: string, ...producerIds: string[]): PublicationView {
  const producers = producerIds.map((producerId) => {
    return { id: producerId, kind: 'video' as const, mimeType: 'video/VP8', paused: false };
  });
  return { id, startedAt: '2026-01-01T00:00:00Z', producers, publishedBy: 'browser' };
}

function joined(view: PublicationView | null): object {
  return {
    ...{ peerId: 'me', streamName: 'any', iceServers: [], serverTimeMs: 0, viewers: 1 },
    routerRtpCapabilities: { codecs: [{ ...vp8, kind: 'video', preferredPayloadType: 101 }], headerExtensions: [] },
    ...{ publication: view, analysis: { state: 'off' }, modelDescription: null },
  };
}

/** A viewer of a server that answers as told, with the order of its words in the test's hand. */
async function watching(answers: Answers, onVideo: ViewerLinkOptions['onVideo'] = () => undefined) {
  installWrtc();
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  closing.push(() => server.close());
  await once(server, 'listening');
  let callee!: Callee;
  const asked: string[] = [];
  server.on('connection', (socket) => {
    const common: Record<string, object> = {
      ...{ createTransport: { transport }, consume: consumed, ping: { serverTimeMs: 0 } },
      ...{ connectTransport: {}, resumeConsumer: {}, setPreferredLayers: {}, closeConsumer: {} },
    };
    const handlers = Object.fromEntries(
      Object.keys(signalingContract.requests).map((method) => [
        method,
        (params: never) => {
          asked.push(method);
          if (method === 'consumeDetections') throw new Refusal('notFound', 'there are none here');
          return answers[method as keyof Answers]?.(callee, params) ?? common[method];
        },
      ]),
    );
    callee = new RpcCallee(signalingContract, {
      send: (text) => socket.send(text),
      handlers: handlers as unknown as RequestHandlers<SignalingContract>,
    });
    socket.on('message', (data) => void callee.receive((data as Buffer).toString()));
  });
  const told: unknown[] = [];
  const link = await ViewerLink.create({
    streamId: 's1',
    signalingUrl: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    onPublication: (view) => told.push(view?.id ?? null),
    onVideo: (...video) => {
      told.push(`video ${video[0].id}`);
      return onVideo(...video);
    },
    onAudio: () => undefined,
    onDetections: () => undefined,
    onAnalysis: ({ state }) => told.push(state),
    onModelDescription: ({ name }) => told.push(name),
    onViewers: (count) => told.push(count),
  });
  closing.unshift(() => link.close('the test ends'));
  return { link, callee, told, asked };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const description = (name: string) => {
  const sizes = { inputWidth: 320, inputHeight: 320 };
  return { ...{ revision: 1, modelId: 'm', name, labels: ['a'], executionProvider: 'cpu' as const }, ...sizes };
};

it('takes what join answered first, and the events that overtook it after', async () => {
  const { told } = await watching({
    join: (callee) => {
      callee.emit('publicationStarted', { publication: publication('p1') });
      callee.emit('viewers', { count: 2 });
      return joined(null);
    },
  });
  expect(told).toEqual([null, 1, 'off', 'p1', 2]);
});

it('takes no analysis and no labels of another Publication', async () => {
  const { callee, told } = await watching({ join: () => joined(publication('p2')) });
  told.length = 0;
  for (const publicationId of ['p1', 'p2']) {
    callee.emit('analysis', { publicationId, analysis: { state: publicationId === 'p1' ? 'failed' : 'running' } });
    callee.emit('modelDescription', { publicationId, description: description(publicationId) });
  }
  await until('the second is told', () => told.includes('p2'));
  expect(told).toEqual(['running', 'p2']);
});

it.each([
  ['its Consumer', (callee: Callee) => callee.emit('consumerClosed', { consumerId: 'c1', reason: 'x' })],
  ['its Producer', (callee: Callee) => callee.emit('publicationChanged', { publication: publication('p1') })],
])('keeps no Consumer when %s ended before the answer was taken', async (_what, end) => {
  const { link, callee, told, asked } = await watching({
    join: () => joined(publication('p1', 'v1')),
    consume: (callee) => {
      end(callee);
      return consumed;
    },
  });
  await until('the video was asked for', () => asked.includes('consume'));
  callee.emit('viewers', { count: 7 });
  await until('all was taken', () => told.includes(7));
  // Longer than setting up a Consumer takes.
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(link.dump().consumers).toEqual([]);
  expect(told).not.toContain('video c1');
  expect(link.closed).toBe(false);
});

it('asks again for a transport that was refused', async () => {
  let refusals = 0;
  const { callee, told, asked } = await watching({
    join: () => joined(publication('p1', 'v1')),
    createTransport: () => {
      if (refusals++ === 0) throw new Refusal('notFound', 'not yet');
      return { transport };
    },
  });
  await until('it was refused', () => asked.includes('createTransport'));
  callee.emit('viewers', { count: 7 });
  await until('that was taken', () => told.includes(7));
  callee.emit('publicationChanged', { publication: publication('p1', 'v1') });
  await until('the video is there', () => told.includes('video c1'));
});

it('gives the layer before back to the sfu once another is shown, and one that is not wanted any more', async () => {
  const layers = ['large', 'middle', 'small'].map((id, order) => {
    const layer = { rid: String(order), order, timeline: { state: 'checking' as const } };
    return { ...publication('p1', id).producers[0]!, layer };
  });
  const closed: string[] = [];
  const shown: ((isShown: boolean) => void)[] = [];
  const { link, told } = await watching(
    {
      join: () => joined({ ...publication('p1'), producers: layers }),
      consume: (_callee, { producerId }: { producerId: string }) => {
        const index = layers.findIndex(({ id }) => id === producerId);
        const own = { ...rtpParameters, mid: String(index), encodings: [{ ssrc: 1000 + index }] };
        return { consumer: { id: `of-${producerId}`, producerId, kind: 'video', rtpParameters: own }, type: 'simple' };
      },
      closeConsumer: (_callee, { consumerId }: { consumerId: string }) => {
        closed.push(consumerId);
        return {};
      },
    },
    ({ producerId }) => (producerId === 'large' ? undefined : new Promise<boolean>((resolve) => shown.push(resolve))),
  );
  await until('the first layer is there', () => told.includes('video of-large'));
  link.setSpatialLayer(0);
  await until('the next one is there', () => told.includes('video of-small'));
  expect(closed).toEqual([]);
  shown[0]!(true);
  await until('the one before is given back', () => closed.length > 0);
  expect(closed).toEqual(['of-large']);
  // Chosen, and not wanted any more before it is shown.
  link.setSpatialLayer(1);
  await until('the middle one is there', () => told.includes('video of-middle'));
  link.setSpatialLayer(0);
  await until('it is given back', () => closed.length > 1);
  expect(closed).toEqual(['of-large', 'of-middle']);
  expect(link.dump().consumers).toEqual([{ id: 'of-small', producerId: 'small', kind: 'video' }]);
  expect(link.closed).toBe(false);
});
