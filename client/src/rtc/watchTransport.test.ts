import type { Transport } from 'mediasoup-client/types';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchTransport } from './watchTransport.ts';

type State = Transport['connectionState'];

function watched(
  answer: () => Promise<{ iceParameters: Record<string, unknown> }> = async () => ({ iceParameters: {} }),
) {
  const lost: string[] = [];
  const asked: string[] = [];
  let restarts = 0;
  let enter: (state: State) => void = () => undefined;
  const stop = watchTransport(
    {
      id: 't',
      restartIce: async () => void restarts++,
      on: (_event, listener) => (enter = listener),
    },
    { request: (_method, { transportId }) => (asked.push(transportId), answer()) },
    (reason) => lost.push(reason),
  );
  return { lost, asked, stop, enter: (state: State) => enter(state), restarts: () => restarts };
}

describe('watchTransport', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('leaves a path alone that comes back by itself', async () => {
    const { enter, asked, lost } = watched();
    enter('disconnected');
    await vi.advanceTimersByTimeAsync(1_900);
    enter('connected');
    await vi.advanceTimersByTimeAsync(60_000);
    expect([asked, lost]).toEqual([[], []]);
  });

  it('restarts ICE, and again for the next time', async () => {
    const { enter, asked, lost, restarts } = watched();
    for (let time = 0; time < 2; time++) {
      enter('disconnected');
      await vi.advanceTimersByTimeAsync(2_000);
      enter('connecting');
      enter('connected');
      await vi.advanceTimersByTimeAsync(60_000);
    }
    expect([asked, restarts(), lost]).toEqual([['t', 't'], 2, []]);
  });

  it('restarts once and at once where ICE failed, then gives the path up', async () => {
    const { enter, asked, lost } = watched();
    enter('failed');
    enter('connecting');
    enter('failed');
    await vi.advanceTimersByTimeAsync(2_900);
    expect([asked, lost]).toEqual([['t'], []]);
    await vi.advanceTimersByTimeAsync(200);
    expect(lost).toEqual(['the media path was lost']);
  });

  it('gives up at once when the sfu refuses, and says nothing once stopped', async () => {
    const refused = watched(() => Promise.reject(new Error('gone')));
    refused.enter('failed');
    await vi.advanceTimersByTimeAsync(0);
    expect(refused.lost).toEqual(['the media path was lost']);
    const stopped = watched();
    stopped.enter('disconnected');
    stopped.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([stopped.asked, stopped.lost]).toEqual([[], []]);
  });
});
