import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SfuNode } from '../nodes/NodeRegistry.ts';
import { Refusal, type SourceSpec } from '../protocol/index.ts';
import type { LiveStream } from '../streams/LiveStream.ts';
import { StreamSource } from './StreamSource.ts';

interface Asked {
  method: string;
  publicationId: string;
}

/** A LiveStream and a node with nothing behind them; times are fake. */
function stage(spec: SourceSpec = { type: 'test' }, refuse?: Refusal) {
  const asked: Asked[] = [];
  const state = { sfu: true, taken: false, adopted: [] as string[] };
  const node = {
    id: 'sfu-1',
    request: (method: string, { publicationId }: { publicationId: string }) => {
      asked.push({ method, publicationId });
      if (refuse) return Promise.reject(refuse);
      return Promise.resolve({ state: 'connecting' });
    },
    requestIfOpen: (method: string, { publicationId }: { publicationId: string }) => {
      asked.push({ method, publicationId });
      return Promise.resolve();
    },
  } as unknown as SfuNode;
  const live = {
    id: 'stream',
    join: () => undefined,
    leave: vi.fn(),
    sfu: () => {
      if (!state.sfu) throw new Refusal('unavailable', 'no sfu node answers');
      return node;
    },
    publishedByAnother: () => state.taken,
    claimPublisher: () => Promise.reject(new Refusal('conflict', 'taken')),
    adopt: (_peer: unknown, _sfu: unknown, { publicationId }: { publicationId: string }) =>
      state.adopted.push(publicationId),
    publicationClosed: () => undefined,
  } as unknown as LiveStream;
  const onFinished = vi.fn();
  const source = StreamSource.create({
    live,
    spec,
    streamKey: 'key',
    allowPrivateAddresses: true,
    logger: pino({ level: 'silent' }),
    gate: (task) => task(),
    onAttempt: () => undefined,
    onFinished,
    onClosed: () => undefined,
  });
  const opened = () => asked.filter(({ method }) => method === 'openSource');
  const publicationId = () => opened().at(-1)!.publicationId;
  const end = async (reason: 'finished' | 'failed', message = 'it ended') => {
    source.ended({ publicationId: publicationId(), streamId: 'stream', reason, message });
    await vi.advanceTimersByTimeAsync(0);
  };
  const start = () => source.started({ publicationId: publicationId(), streamId: 'stream', producers: [] });
  return { source, state, asked, opened, publicationId, start, end, live, node, onFinished };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('StreamSource', () => {
  it('tries again after 0.5 s, doubling up to 15 s, and anew after 30 s of running', async () => {
    const { source, opened, start, end } = stage();
    await vi.advanceTimersByTimeAsync(0);
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 8; attempt++) {
      expect(opened()).toHaveLength(attempt);
      await end('failed');
      expect(source.view).toMatchObject({ state: 'retrying', restarts: attempt, lastError: 'it ended' });
      const waitMs = new Date(source.view.retryAt!).getTime() - Date.now();
      waits.push(waitMs);
      await vi.advanceTimersByTimeAsync(waitMs - 1);
      expect(opened()).toHaveLength(attempt);
      await vi.advanceTimersByTimeAsync(1);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    await start();
    expect(source.view.lastError).toBe('it ended');
    await vi.advanceTimersByTimeAsync(30_001);
    expect(source.view.lastError).toBeUndefined();
    await end('failed', 'again');
    expect(new Date(source.view.retryAt!).getTime() - Date.now()).toBe(500);
    await source.stop();
  });

  it('closes on the sfu what the sfu did not end itself, and nothing else', async () => {
    const { source, asked, opened, end, node } = stage();
    await vi.advanceTimersByTimeAsync(0);
    await end('failed');
    await vi.advanceTimersByTimeAsync(500);
    expect(asked.map(({ method }) => method)).toEqual(['openSource', 'openSource']);
    source.sfuLost(node);
    await vi.advanceTimersByTimeAsync(0);
    expect(asked.at(-1)).toEqual({ method: 'closeSource', publicationId: opened()[1]!.publicationId });
    await vi.advanceTimersByTimeAsync(1_000);
    await source.stop();
    expect(asked.at(-1)).toEqual({ method: 'closeSource', publicationId: opened()[2]!.publicationId });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(opened()).toHaveLength(3);
  });

  it('lets the next RTMP publisher in at once when one left, and waits when none ever sent anything', async () => {
    const { source, opened, start, end } = stage({ type: 'rtmp' });
    await vi.advanceTimersByTimeAsync(0);
    await start();
    await end('finished', 'the publisher left');
    expect(opened()).toHaveLength(2);
    expect(source.view).toMatchObject({ state: 'connecting', restarts: 1 });
    expect(source.view.lastError).toBeUndefined();
    await end('finished', 'the publisher left');
    expect(source.view.state).toBe('retrying');
    await source.stop();
  });

  it('is finished when a file that does not loop ends, and runs no more', async () => {
    const { source, opened, start, end, onFinished, live } = stage({ type: 'file', url: 'a.mp4', loop: false });
    await vi.advanceTimersByTimeAsync(0);
    await start();
    await end('finished');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(source.view).toEqual({ type: 'file', url: 'a.mp4', state: 'finished', restarts: 1 });
    expect(opened()).toHaveLength(1);
    expect(onFinished).toHaveBeenCalledOnce();
    expect(live.leave).toHaveBeenCalledOnce();
  });

  it('a looping file that ended is tried again', async () => {
    const { source, opened, end } = stage({ type: 'file', url: 'a.mp4', loop: true });
    await vi.advanceTimersByTimeAsync(0);
    await end('finished');
    await vi.advanceTimersByTimeAsync(500);
    expect(opened()).toHaveLength(2);
    await source.stop();
  });

  it('waits while somebody else publishes, and says so', async () => {
    const { source, state, opened, start } = stage({ type: 'rtmp' });
    await vi.advanceTimersByTimeAsync(0);
    state.taken = true;
    await start();
    await vi.advanceTimersByTimeAsync(0);
    expect(state.adopted).toEqual([]);
    expect(source.view.state).toBe('retrying');
    expect(source.view.lastError).toContain('somebody else publishes this Stream');
    await vi.advanceTimersByTimeAsync(500);
    expect(opened()).toHaveLength(2); // a listener waits on, whoever publishes
    await source.stop();

    const pulling = stage({ type: 'rtsp', url: 'rtsp://camera.example/1' });
    pulling.state.taken = true;
    await vi.advanceTimersByTimeAsync(0);
    await pulling.end('failed');
    await vi.advanceTimersByTimeAsync(500);
    expect(pulling.opened()).toHaveLength(1); // while a camera is not even called
    await pulling.source.stop();
  });

  it('ends its attempt when its Publication does, unless the sfu tells the reason first', async () => {
    const { source, publicationId, start, asked } = stage();
    await vi.advanceTimersByTimeAsync(0);
    await start();
    source.emit('publicationEnded', { publicationId: 'another', reason: 'x' });
    source.emit('publicationEnded', { publicationId: publicationId(), reason: 'workerDied' });
    await vi.advanceTimersByTimeAsync(1_999);
    expect(source.view.state).toBe('connecting');
    await vi.advanceTimersByTimeAsync(1);
    expect(source.view.lastError).toBe('its Publication ended (workerDied)');
    expect(asked.at(-1)!.method).toBe('closeSource');
    await source.stop();
  });

  it('does not wait out its pause once a node is there', async () => {
    const { source, state, opened, node } = stage();
    await vi.advanceTimersByTimeAsync(0);
    state.sfu = false;
    source.sfuLost(node);
    await vi.advanceTimersByTimeAsync(8_000);
    expect(source.view).toMatchObject({ state: 'retrying', lastError: 'no sfu node answers', restarts: 1 });
    state.sfu = true;
    source.nodeOpened();
    await vi.advanceTimersByTimeAsync(0);
    expect(opened()).toHaveLength(2);
    await source.stop();
  });

  it('shows neither names nor passwords of its URL', async () => {
    const url = 'rtsp://me:secret@camera.example/1?token=t0ken';
    const { source, end } = stage({ type: 'rtsp', url });
    await vi.advanceTimersByTimeAsync(0);
    await end('failed', `${url}: 401, and again with me:secret@camera.example`);
    expect(JSON.stringify(source.view)).not.toMatch(/secret|t0ken/);
    expect(source.view.url).toBe('rtsp://camera.example/1?token=…');
    await source.stop();
  });

  it('tells who set it that it was refused, and closes what may have begun all the same', async () => {
    const { source, asked } = stage({ type: 'test' }, new Refusal('timeout', 'no answer'));
    await expect(source.accepted).rejects.toMatchObject({ code: 'timeout' });
    await vi.advanceTimersByTimeAsync(0);
    expect(asked.map(({ method }) => method)).toEqual(['openSource', 'closeSource']);
    await source.stop();
  });

  it('stops when it is told so in the middle of opening, and leaves nothing', async () => {
    const { source, asked } = stage();
    const stopped = source.stop();
    await vi.advanceTimersByTimeAsync(0);
    await stopped;
    expect(asked.map(({ method }) => method)).toEqual(['openSource', 'closeSource']);
    expect(source.closed).toBe(true);
  });
});
