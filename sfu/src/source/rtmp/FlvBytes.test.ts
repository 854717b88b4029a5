import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { FlvBytes, type FlvQueueLimits, type TimedMedia } from './FlvBytes.ts';

const config: TimedMedia = media('config', 0, 5);
const limits: FlvQueueLimits = { bytes: 200_000, waitMs: 60_000 };

function media(part: TimedMedia['part'], timestampMs: number, bytes = 1_000): TimedMedia {
  const type = part === 'sound' ? 'audio' : 'video';
  return { type, part, timestampMs, payload: Buffer.alloc(bytes, part), compositionMs: 0 };
}

interface Tag {
  type: number;
  timestampMs: number;
  payload: string;
}

function parse(flv: Buffer): Tag[] {
  expect(flv.toString('latin1', 0, 3)).toBe('FLV');
  const tags: Tag[] = [];
  for (let at = 13; at < flv.length;) {
    const length = flv.readUIntBE(at + 1, 3);
    const timestampMs = flv.readUIntBE(at + 4, 3) + flv[at + 7]! * 0x1000000;
    tags.push({ type: flv[at]!, timestampMs, payload: flv.toString('latin1', at + 11, at + 11 + Math.min(length, 6)) });
    expect(flv.readUInt32BE(at + 11 + length)).toBe(11 + length);
    at += 15 + length;
  }
  return tags;
}

function openFlv(onDropped: (tags: number) => void = () => {}, hasVideo = true): FlvBytes {
  return new FlvBytes({ script: undefined, has: { audio: true, video: hasVideo }, limits, onDropped });
}

async function readAll(flv: FlvBytes): Promise<Tag[]> {
  flv.finish();
  return parse(Buffer.concat(await flv.toArray()));
}

describe('FlvBytes', () => {
  it('begins with the sequence headers and a key frame, at 0', async () => {
    const flv = openFlv();
    flv.add(config);
    for (const one of [media('inter', 70_000), media('key', 70_040), media('sound', 70_035), media('inter', 70_080)]) {
      flv.add(one);
    }
    expect(await readAll(flv)).toEqual([
      { type: 9, timestampMs: 0, payload: 'config'.slice(0, 5) },
      { type: 9, timestampMs: 0, payload: 'keykey' },
      { type: 8, timestampMs: 0, payload: 'sounds' },
      { type: 9, timestampMs: 40, payload: 'interi' },
    ]);
  });

  it('goes on over the wrap of the publisher’s clock', async () => {
    const flv = openFlv();
    flv.add(media('key', 0xfffffff0));
    flv.add(media('inter', 0x10));
    expect((await readAll(flv)).map(({ timestampMs }) => timestampMs)).toEqual([0, 32]);
  });

  it('sound alone needs no key frame', async () => {
    const flv = openFlv(undefined, false);
    flv.add(media('sound', 9));
    expect(await readAll(flv)).toHaveLength(1);
  });

  it('never holds more than its limit when nobody reads; then goes on with sequence headers and a key frame', async () => {
    const dropped = vi.fn();
    const flv = openFlv(dropped);
    flv.add(config);
    flv.read(0); // a reader that took what one read gives, and then hangs
    for (let index = 0; index < 1_000; index++) {
      flv.add(media(index % 50 === 0 ? 'key' : 'inter', index * 40));
      expect(flv.queuedBytes).toBeLessThanOrEqual(limits.bytes + 1_100);
    }
    const tags = await readAll(flv);
    const lost = dropped.mock.calls.reduce((sum, [count]) => sum + (count as number), 0);
    expect(lost).toBeGreaterThan(500);
    const gap = tags.findIndex(({ timestampMs }, index) => timestampMs - (tags[index - 1]?.timestampMs ?? 0) > 40);
    const resumed = tags.slice(gap, gap + 3);
    expect(resumed.map(({ payload }) => payload)).toEqual(['confi', 'keykey', 'interi']);
    expect(resumed[0]!.timestampMs).toBe(resumed[1]!.timestampMs);
    // Every tag was written or counted, the repeated sequence headers aside.
    expect(tags.filter(({ payload }) => payload !== 'confi').length + lost).toBeGreaterThanOrEqual(1_000);
  });

  it('drops what waited too long', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const dropped = vi.fn();
      const flv = new FlvBytes({
        script: undefined,
        has: { audio: true, video: true },
        limits: { bytes: 1e6, waitMs: 3_000 },
        onDropped: dropped,
      });
      flv.add(media('key', 0));
      flv.add(media('inter', 40));
      vi.advanceTimersByTime(3_001);
      flv.add(media('inter', 80));
      expect(dropped.mock.calls).toEqual([[2], [1]]);
      expect(flv.queuedBytes).toBe(0);
      flv.add(media('key', 120));
      expect(flv.queuedBytes).toBeGreaterThan(1_000);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is well-formed FLV that begins each run with a key frame, whatever comes and whoever reads', async () => {
    const part = fc.constantFrom<TimedMedia['part']>('config', 'key', 'inter', 'inter', 'sound');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(part, fc.nat(0xffffffff), fc.integer({ min: 1, max: 60_000 }), fc.boolean()), {
          maxLength: 40,
        }),
        async (steps) => {
          const flv = openFlv();
          const bytes: Buffer[] = [];
          for (const [one, timestampMs, length, read] of steps) {
            flv.add(media(one, timestampMs, length));
            expect(flv.queuedBytes).toBeLessThanOrEqual(limits.bytes + 61_000);
            const some = read ? (flv.read() as Buffer | null) : null;
            if (some) bytes.push(some);
          }
          flv.finish();
          bytes.push(...((await flv.toArray()) as Buffer[]));
          const pictures = parse(Buffer.concat(bytes)).filter(({ payload }) => !payload.startsWith('c'));
          if (pictures[0]) expect(pictures[0].payload).toMatch(/^k/);
        },
      ),
      { seed: 3301, numRuns: 300 },
    );
  });
});
