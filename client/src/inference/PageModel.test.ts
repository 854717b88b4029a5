import type { BrowserProvider, Gallery } from '@framelock/server/protocol';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { BrowserModelSpec } from './BrowserModelSpec.ts';
import type { FromModelWorker, LoadModel, ToModelWorker } from './messages.ts';
import { PageModel } from './PageModel.ts';

/** Answers as modelWorker.ts does; `providers` that work. */
class FakeWorker {
  onmessage: ((event: { data: FromModelWorker }) => void) | null = null;
  onerror: ((event: { message: string }) => void) | null = null;
  readonly told: ToModelWorker[] = [];
  terminated = false;

  postMessage(message: ToModelWorker): void {
    this.told.push(message);
    if (message.kind === 'load') queueMicrotask(() => this.#answer(message));
  }

  #answer({ providers, threads }: LoadModel): void {
    const provider = providers.find((one) => working.has(one));
    const problems = providers.slice(0, provider ? providers.indexOf(provider) : undefined).map((one) => `${one}: no`);
    if (provider) this.say({ kind: 'ready', provider, threads, problems });
    else this.say({ kind: 'failed', reason: `does not run here (${problems.join('; ')})` });
  }

  say(data: FromModelWorker): void {
    if (!this.terminated) this.onmessage?.({ data });
  }

  terminate(): void {
    this.terminated = true;
  }
}

const spec = { id: 'brands' } as BrowserModelSpec;
const gallery: Gallery = { revision: 1, modelSha256: 'a'.repeat(64), brands: [] };

let working: Set<BrowserProvider>;
let workers: FakeWorker[];
let model: PageModel | undefined;
let ports: boolean[];
let changes: (string | undefined)[];

beforeEach(() => {
  vi.useFakeTimers();
  working = new Set(['webgpu', 'wasm']);
  workers = [];
  ports = [];
  changes = [];
});
afterEach(() => {
  model?.close();
  vi.useRealTimers();
});

async function open(providers: BrowserProvider[] = ['webgpu', 'wasm']): Promise<PageModel> {
  const openWorker = () => {
    workers.push(new FakeWorker());
    return workers.at(-1) as unknown as Worker;
  };
  model = await PageModel.create({ spec, providers, threads: 2, openWorker });
  const made = model;
  made.listen({ onPort: (port) => ports.push(port !== undefined), onChange: () => changes.push(made.problem) });
  return made;
}
const last = () => workers.at(-1)!;
const providersAsked = () => workers.map(({ told }) => (told[0] as LoadModel).providers);

it('is loaded again when its device is lost, on the same provider at first, and has its gallery', async () => {
  const made = await open();
  expect(made.setGallery(gallery)).toBe(1);
  expect(made.setGallery(gallery)).toBe(1);
  last().say({ kind: 'failed', reason: 'WebGPU lost its device' });
  expect(workers[0]!.terminated).toBe(true);
  expect(made.problem).toBe('WebGPU lost its device; it is loaded again');
  await vi.advanceTimersByTimeAsync(500);
  expect(made).toMatchObject({ problem: undefined, provider: 'webgpu', restarts: 1, note: undefined });
  expect(ports).toEqual([true, false, true]);
  expect(changes).toEqual(['WebGPU lost its device; it is loaded again', undefined]);
  expect(last().told[1]).toEqual({ kind: 'gallery', gallery, version: 1 });
  expect(made.setGallery({ ...gallery, revision: 2 })).toBe(2);
});

it('goes on by WebAssembly when WebGPU fails again, says so, and comes back to it later', async () => {
  const made = await open();
  for (const ms of [500, 1_000]) {
    last().say({ kind: 'failed', reason: 'WebGPU lost its device' });
    await vi.advanceTimersByTimeAsync(ms);
  }
  expect(providersAsked()).toEqual([['webgpu', 'wasm'], ['webgpu', 'wasm'], ['wasm']]);
  expect(made).toMatchObject({ provider: 'wasm', restarts: 2, note: 'webgpu failed 2 times' });
  await vi.advanceTimersByTimeAsync(11 * 60_000);
  last().say({ kind: 'failed', reason: 'out of memory' });
  await vi.advanceTimersByTimeAsync(500);
  expect(made).toMatchObject({ provider: 'webgpu', restarts: 3 });
});

it('says why it does not run on WebGPU from the beginning on', async () => {
  working.delete('webgpu');
  expect(await open()).toMatchObject({ provider: 'wasm', note: 'webgpu: no', restarts: 0 });
  expect(await open(['wasm'])).toMatchObject({ provider: 'wasm', note: undefined });
});

it('tries on, less and less often, while it can not be loaded', async () => {
  const made = await open(['wasm']);
  working.clear();
  last().onerror!({ message: 'killed' });
  expect(made.problem).toBe('killed; it is loaded again');
  await vi.advanceTimersByTimeAsync(500 + 1_000 + 2_000 + 4_000);
  expect(workers).toHaveLength(5);
  expect(made.problem).toMatch(/^does not run here .*; it is loaded again$/);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(workers.length).toBeLessThanOrEqual(8);
  working.add('wasm');
  await vi.advanceTimersByTimeAsync(30_000);
  expect(made).toMatchObject({ problem: undefined, restarts: 1 });
});

it('is loaded again when a frame is not answered; what its worker says afterwards does not count', async () => {
  const made = await open(['wasm']);
  const [first] = workers;
  made.stalled();
  made.stalled();
  first!.terminated = false;
  first!.say({ kind: 'failed', reason: 'late' });
  await vi.advanceTimersByTimeAsync(500);
  expect(workers).toHaveLength(2);
  expect(made).toMatchObject({ problem: undefined, restarts: 1 });
});

it('can not be made where it does not run, and is not loaded again once closed', async () => {
  working.clear();
  await expect(open()).rejects.toThrow('does not run here');
  expect(last().terminated).toBe(true);
  working.add('wasm');
  const made = await open();
  last().say({ kind: 'failed', reason: 'gone' });
  made.close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(workers).toHaveLength(2);
});
