import { encodeClip } from '@framelock/server/protocol/tap/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { DecodeWorker } from './DecodeWorker.ts';

const size = { width: 1280, height: 720 };
const input = { width: 640, height: 640 };

it('is closed while its thread decodes and scales, and the process goes on', async () => {
  const frames = await encodeClip({ codec: 'vp8', frames: 20, ...size, keyEvery: 20, bitrateBps: 2e6, noise: 0.3 });
  const floatsPerSlot = input.width * input.height * 3;
  let decoded = 0;
  let given = 0;
  for (let round = 0; round < 24; round++) {
    const worker = new DecodeWorker();
    let letGo = false;
    const stream = worker.openStream(
      'vp8',
      {
        onDecoded: ({ pictures }) => (decoded += pictures),
        onOverload: () => expect.unreachable('fewer than fit'),
        onKeyFrameNeeded: () => expect.unreachable('they follow one another'),
        onTargeted: () => undefined,
        onRestarted: () => expect.unreachable('it lives'),
        onFailed: (reason) => expect.unreachable(reason),
      },
      () => (letGo = true),
    );
    await stream.opened;
    const scale: [number, number, number] = [1 / 255, 1 / 255, 1 / 255];
    stream.setTarget({
      ...{ targetId: 1, floatsPerSlot, maxFps: 30 },
      spec: { ...input, resize: 'letterbox', channels: 'rgb', scale, bias: [0, 0, 0], pad: 114 },
      buffer: new SharedArrayBuffer(floatsPerSlot * Float32Array.BYTES_PER_ELEMENT),
      cell: new Int32Array(new SharedArrayBuffer(64)),
    });
    stream.giveSlot(1, 0);
    stream.makePosters(1);
    for (const [index, { key, units }] of frames.entries()) {
      const data = new Uint8Array(units[0]!);
      const timing = { rtpTimestamp: index * 3000, receivedAtMs: Date.now() };
      stream.decode({ ...timing, key, data, unitBytes: [data.length] });
      given++;
    }
    await sleep((round * 7) % 30);
    await worker.close('enough');
    expect(letGo).toBe(true);
  }
  expect(decoded).toBeGreaterThan(0);
  expect(decoded).toBeLessThan(given);
});
