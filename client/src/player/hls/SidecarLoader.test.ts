import { encode } from '@msgpack/msgpack';
import { expect, it, vi } from 'vitest';
import { decodeSidecar, type Sidecar } from './decodeSidecar.ts';
import { SidecarLoader, type SidecarLoaderOptions } from './SidecarLoader.ts';

function sidecar(more: Record<string, unknown> = {}): ArrayBuffer {
  const message = encode({ k: 'frame' });
  const whole = { v: 1, pub: 'pub1', start: 9_000, end: 39_000, frames: [0, 3_000, 3_001], m: [12_000], d: [message] };
  return encode({ ...whole, complete: true, ...more }).slice().buffer;
}

function opened(fetchBytes: SidecarLoaderOptions['fetchBytes'], more: Partial<SidecarLoaderOptions> = {}) {
  const came: [string, Sidecar][] = [];
  const slept: number[] = [];
  const loader = new SidecarLoader({
    fetchBytes,
    onSidecar: (key, read) => came.push([key, read]),
    sleep: async (ms) => void slept.push(ms),
    ...more,
  });
  return { loader, came, slept };
}

it('reads a sidecar: frames as media times, messages as the data channel carries them', () => {
  const read = decodeSidecar(sidecar());
  expect(read).toMatchObject({ publicationId: 'pub1', frames: [9_000, 12_000, 15_001], complete: true });
  expect(read!.messages).toHaveLength(1);
  expect(read!.messages[0]!.mediaTime).toBe(12_000);
  expect(new Uint8Array(read!.messages[0]!.bytes)).toEqual(encode({ k: 'frame' }));
});

it('takes nothing for a sidecar that is none', () => {
  for (const bad of [
    new ArrayBuffer(0),
    new TextEncoder().encode('<html>').buffer,
    sidecar({ v: 2 }),
    sidecar({ m: [] }),
    sidecar({ frames: [0, -1] }),
    sidecar({ frames: [NaN] }),
    sidecar().slice(0, 30),
  ]) {
    expect(decodeSidecar(bad)).toBeUndefined();
  }
});

it('tries again what is not there yet, and asks once for what is wanted twice', async () => {
  let asked = 0;
  const { loader, came, slept } = opened(async () => (++asked < 3 ? undefined : sidecar()));
  loader.want('a', '/a.det');
  loader.want('a', '/a.det');
  await vi.waitFor(() => expect(came).toHaveLength(1));
  expect(asked).toBe(3);
  expect(slept).toEqual([120, 300]);
  expect(loader.counts).toEqual({ loaded: 1, missing: 0 });
});

it('gives up after its tries, at once on what is no sidecar, and counts both as missing', async () => {
  let asked = 0;
  const { loader, came } = opened(async (url) => {
    asked++;
    if (url === '/refused') throw new TypeError('no network');
    return url === '/wrong' ? new ArrayBuffer(3) : undefined;
  });
  loader.want('gone', '/gone');
  loader.want('wrong', '/wrong');
  loader.want('refused', '/refused');
  await vi.waitFor(() => expect(loader.counts.missing).toBe(3));
  expect(asked).toBe(4 + 1 + 4);
  expect(came).toEqual([]);
});

it('waits only so long for an answer, so that those that hang do not keep the others waiting', async () => {
  const hang = (signal: AbortSignal): Promise<undefined> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  const { loader, came } = opened(async (url, signal) => (url === '/hangs' ? hang(signal) : sidecar()), {
    timeoutMs: 5,
  });
  for (const key of ['a', 'b', 'c']) loader.want(key, '/hangs');
  loader.want('d', '/d');
  await vi.waitFor(() => expect(came.map(([key]) => key)).toEqual(['d']));
  expect(loader.counts).toEqual({ loaded: 1, missing: 3 });
});

it('asks anew for what was missing when its media comes again', async () => {
  let there = false;
  const { loader, came } = opened(async () => (there ? sidecar() : undefined));
  loader.want('a', '/a');
  await vi.waitFor(() => expect(loader.counts.missing).toBe(1));
  there = true;
  loader.want('a', '/a');
  await vi.waitFor(() => expect(came).toHaveLength(1));
});

it('fetches a few at a time, the newest first, and lets the longest waiting go when there are too many', async () => {
  const open: { url: string; answer(): void }[] = [];
  let most = 0;
  const { loader, came } = opened(
    (url) =>
      new Promise((resolve) => {
        open.push({ url, answer: () => resolve(sidecar()) });
        most = Math.max(most, open.length);
      }),
    { concurrency: 2 },
  );
  for (let i = 0; i < 120; i++) loader.want(`${i}`, `/${i}`);
  while (came.length < 98) {
    const next = open.shift();
    next?.answer();
    await Promise.resolve().then(() => new Promise((resolve) => setImmediate(resolve)));
  }
  expect(most).toBe(2);
  expect(came.slice(0, 4).map(([key]) => key)).toEqual(['0', '1', '119', '118']);
  expect(loader.counts).toEqual({ loaded: 98, missing: 22 });
});

it('tells nothing of what was forgotten or came after the end, and stops asking', async () => {
  const signals: AbortSignal[] = [];
  let answer!: (bytes: ArrayBuffer) => void;
  const { loader, came } = opened((_url, signal) => {
    signals.push(signal);
    return new Promise((resolve) => (answer = resolve));
  });
  loader.want('a', '/a');
  loader.forget('a');
  expect(signals[0]!.aborted).toBe(true);
  answer(sidecar());
  loader.want('a', '/a');
  await vi.waitFor(() => expect(signals).toHaveLength(2));
  loader.close();
  expect(signals[1]!.aborted).toBe(true);
  answer(sidecar());
  loader.want('b', '/b');
  await new Promise((resolve) => setImmediate(resolve));
  expect(came).toEqual([]);
  expect(signals).toHaveLength(2);
});
