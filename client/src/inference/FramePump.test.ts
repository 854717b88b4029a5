import { decode } from '@msgpack/msgpack';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FramePump } from './FramePump.ts';
import type { FrameReport, FrameResult, FrameToAnalyse } from './messages.ts';

/** As much of a VideoFrame as passes through here. */
class FakeFrame {
  readonly format = 'I420';
  readonly visibleRect = { width: 4, height: 2 };
  readonly [key: string]: unknown;
  readonly displayWidth = 4;
  readonly displayHeight = 2;
  readonly colorSpace = { toJSON: () => ({}) };
  readonly timestamp: number;

  constructor(_pixels: unknown, { timestamp }: { timestamp: number }) {
    this.timestamp = timestamp;
    open.add(this);
  }
  clone(): FakeFrame {
    return new FakeFrame(undefined, this);
  }
  allocationSize(): number {
    return 12;
  }
  copyTo(): Promise<void> {
    return Promise.resolve();
  }
  close(): void {
    open.delete(this);
  }
}

/** Answers at once, or when it is told to. */
class FakePort {
  onmessage: ((event: { data: FrameResult }) => void) | null = null;
  readonly got: FrameToAnalyse[] = [];
  answers = true;
  galleryVersion = 1;
  closed = false;

  postMessage(order: FrameToAnalyse): void {
    this.got.push(order);
    order.frame.close();
    if (this.answers) setTimeout(() => this.answer(order.id), 20);
  }
  answer(id: number): void {
    const object = { label: 0, score: 0.9, x: 0.1, y: 0.1, w: 0.1, h: 0.1 };
    const { galleryVersion } = this;
    const data = { id, objects: [object], trackIds: [1], galleryVersion, preparedMs: 1, ranMs: 19 };
    if (!this.closed) this.onmessage?.({ data });
  }
  close(): void {
    this.closed = true;
  }
}

const open = new Set<FakeFrame>();
const [gapMs, rtpBegin] = [33, 4_000_000_000];
const rtpOf = (timestampUs: number): number => (rtpBegin + Math.round(timestampUs / 1000) * 90) >>> 0;

let pump: FramePump;
let camera: ReadableStreamDefaultController<VideoFrame>;
let written: number[];
let published: { rtp: number; revision: number }[];
let report: FrameReport;
let stalls: number;
let stamp: (timestampUs: number) => number | undefined;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('VideoFrame', FakeFrame);
  open.clear();
  [written, published, stalls] = [[], [], 0];
  stamp = rtpOf;
  pump = new FramePump({
    onDetections: (bytes) => {
      const { rtp, model } = decode(bytes) as { rtp: number; model: number };
      published.push({ rtp, revision: model });
    },
    onReport: (one) => (report = one),
    onStalled: () => stalls++,
  });
  const sink = new WritableStream<VideoFrame>({
    write: (frame) => {
      written.push(frame.timestamp);
      const { timestamp } = frame;
      frame.close();
      setTimeout(() => pump.encoded(1, stamp(timestamp)), 3);
    },
  });
  pump.begin({ kind: 'begin', frames: newCamera(), sink });
  pump.openConnection(1);
  pump.setPublication({ id: 'p', revision: 7, galleryVersion: 1, connection: 1 });
});
afterEach(() => {
  pump.release();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function newCamera(): ReadableStream<VideoFrame> {
  return new ReadableStream<VideoFrame>({ start: (controller) => void (camera = controller) });
}

let clockUs = 1_000_000;
/** Timestamps of what the camera captured. */
async function capture(frames: number): Promise<number[]> {
  const captured: number[] = [];
  for (let i = 0; i < frames; i++) {
    clockUs += gapMs * 1000;
    captured.push(clockUs);
    camera.enqueue(new FakeFrame(undefined, { timestamp: clockUs }) as unknown as VideoFrame);
    await vi.advanceTimersByTimeAsync(gapMs);
  }
  return captured;
}
function attach(): FakePort {
  const port = new FakePort();
  pump.setModel(port as unknown as MessagePort);
  return port;
}

describe('frames on their way', () => {
  it('are all sent, and results go out under the timestamps of their own frames', async () => {
    attach();
    const captured = await capture(90);
    expect(written.filter((one) => captured.includes(one))).toEqual(captured);
    const pilots = written.filter((one) => !captured.includes(one));
    expect(pilots.length).toBeGreaterThanOrEqual(3);
    expect(pilots.length).toBeLessThanOrEqual(5);
    expect(published.length).toBeGreaterThan(60);
    const own = new Set(captured.map(rtpOf));
    expect(published.every(({ rtp, revision }) => own.has(rtp) && revision === 7)).toBe(true);
    expect(report).toMatchObject({ timing: 'known', width: 4, height: 2 });
    expect(open.size).toBe(0);
  });

  it.each([
    ['has no timestamps', () => undefined],
    ['has timestamps of nothing', (us: number) => (us * 7919) >>> 0],
  ])('are sent as fast as ever where the encoder %s; nothing is published, and that is counted', async (_how, to) => {
    stamp = to;
    attach();
    const captured = await capture(400);
    expect(written.filter((one) => captured.includes(one))).toEqual(captured);
    expect(published).toEqual([]);
    expect(report.timing).toBe('unknown');
    expect(report.dropped!['noTimestamp']).toBeGreaterThan(300);
  });

  it('go on without a model, which is counted, and with the next one', async () => {
    const first = attach();
    await capture(60);
    first.answers = false;
    await capture(5);
    pump.setModel(undefined);
    const captured = await capture(10);
    expect(written.filter((one) => captured.includes(one))).toEqual(captured);
    const before = published.length;
    const next = attach();
    await capture(30);
    expect(published.length).toBeGreaterThan(before + 20);
    expect(next.got[0]!.isNewScene).toBe(true);
    expect(next.got[1]!.isNewScene).toBe(false);
    expect(report.dropped!['model']).toBe(11);
    expect(report.dropped!['sampler']).toBeGreaterThanOrEqual(4);
    expect(open.size).toBe(0);
  });

  it('are not kept while the model is busy: a camera has few buffers', async () => {
    const port = attach();
    await capture(5);
    port.answers = false;
    const captured = await capture(20);
    expect(written.filter((one) => captured.includes(one))).toEqual(captured);
    expect(open.size).toBe(0);
  });

  it('say when the model does not answer any more', async () => {
    const port = attach();
    port.answers = false;
    await capture(10);
    await vi.advanceTimersByTimeAsync(29_000);
    expect(stalls).toBe(0);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(stalls).toBe(1);
  });

  it('carry no names of another gallery than viewers were told', async () => {
    const port = attach();
    await capture(40);
    port.galleryVersion = 2;
    const before = published.length;
    await capture(10);
    expect(published.length - before).toBeLessThanOrEqual(2);
    expect(report.dropped!['gallery']).toBeUndefined();
    pump.setGallery(2, 8);
    await capture(30);
    expect(report.dropped!['gallery']).toBeGreaterThanOrEqual(8);
    expect(published.at(-1)!.revision).toBe(8);
  });

  it('are proven anew for another camera', async () => {
    attach();
    await capture(40);
    const before = published.length;
    clockUs = 500_000;
    void pump.take(newCamera());
    const captured = await capture(40);
    expect(written.filter((one) => captured.includes(one))).toEqual(captured);
    expect(report.dropped!['doubts']).toBe(1);
    expect(published.length).toBeGreaterThan(before + 10);
    expect(published.slice(before + 1).every(({ rtp }) => captured.map(rtpOf).includes(rtp))).toBe(true);
  });
});
