import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Metrics } from '../Metrics.ts';
import type { InferenceNode } from '../nodes/NodeRegistry.ts';
import { type Gallery, Refusal } from '../protocol/index.ts';
import { GalleryPush } from './GalleryPush.ts';

let revision: number;
let told: number[];
let answer: () => Promise<object>;
let push: GalleryPush;

beforeEach(() => {
  vi.useFakeTimers();
  revision = 1;
  told = [];
  answer = () => Promise.resolve({});
  const request = (_: string, gallery: Gallery) => {
    told.push(gallery.revision);
    return answer();
  };
  push = new GalleryPush({
    node: { id: 'node', open: true, request } as unknown as InferenceNode,
    gallery: () => ({ revision, modelSha256: 'a'.repeat(64), brands: [] }),
    metrics: new Metrics(),
    logger: pino({ level: 'silent' }),
  });
});
afterEach(() => {
  push.close();
  vi.useRealTimers();
});

describe('GalleryPush', () => {
  it('tells the first change at once, and of many after it only the newest', async () => {
    await push.run();
    expect(told).toEqual([1]);
    for (let i = 0; i < 20; i++) {
      revision++;
      await push.run();
      await vi.advanceTimersByTimeAsync(10);
    }
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told).toEqual([1, 21]);
  });

  it('tells again what changed while the node took the one before', async () => {
    answer = () => new Promise((resolve) => setTimeout(() => resolve({}), 600));
    void push.run();
    revision = 2;
    await vi.advanceTimersByTimeAsync(601);
    expect(told).toEqual([1, 2]);
  });

  it('sends what failed again, and what is refused not until it changes', async () => {
    answer = () => Promise.reject(new Error('not now'));
    await push.run();
    await vi.advanceTimersByTimeAsync(600);
    expect(told).toEqual([1, 1]);
    for (const code of ['badRequest', 'conflict'] as const) {
      answer = () => Promise.reject(new Refusal(code, 'never'));
      revision++;
      await vi.advanceTimersByTimeAsync(1_000);
      await push.run();
      await vi.advanceTimersByTimeAsync(10_000);
      await push.run();
      expect(told.filter((one) => one === revision)).toHaveLength(1);
    }
  });

  it('says nothing after its end', async () => {
    answer = () => Promise.reject(new Error('not now'));
    await push.run();
    push.close();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(told).toEqual([1]);
  });
});
