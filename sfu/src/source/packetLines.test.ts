import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readFramecrcLine } from './packetLines.ts';
import { PacketWatch } from './PacketWatch.ts';

const header = ['#tb 0: 1/15360', '#media_type 0: video', '#codec_id 0: h264', '#dimensions 0: 640x360', '#sar 0: 1/1'];

/** Feeds packets given as [dts, pts, key]. */
function watchOf(packets: [number, number, boolean][]): PacketWatch {
  const watch = new PacketWatch();
  for (const line of header) watch.take(line);
  for (const [dts, pts, key] of packets) watch.take(`0, ${dts}, ${pts}, 512, 4000, 0x1234abcd${key ? '' : ', F=0x0'}`);
  return watch;
}

describe('framecrc lines', () => {
  test('of FFmpeg 5 and with side data', () => {
    expect(readFramecrcLine('0,      -1024,          0,      512,     8910, 0xe7c4eec7')).toEqual({
      packet: { stream: 0, dts: -1024, pts: 0, bytes: 8910, key: true },
    });
    expect(readFramecrcLine('0, 0, 512, 512, 2949, 0x1554cc84, F=0x0, S=1, 1')).toMatchObject({
      packet: { key: false },
    });
    expect(readFramecrcLine('1, NOPTS, NOPTS, 0, 10, 0x00000000, F=0x5, S=1, 10')).toEqual({
      packet: { stream: 1, dts: undefined, pts: undefined, bytes: 10, key: true },
    });
  });

  test('headers make up a stream', () => {
    const watch = watchOf([[0, 0, true]]);
    expect(watch.stream('video')).toEqual({
      kind: 'video',
      codec: 'h264',
      tickSeconds: 1 / 15360,
      width: 640,
      height: 360,
    });
    expect(watch.packets('video')).toBe(1);
    expect(watch.stream('audio')).toBeUndefined();
  });

  test('any text is a line or nothing, and never throws', () => {
    const text = fc.oneof(
      fc.string(),
      fc.array(fc.oneof(fc.integer(), fc.string())).map((all) => all.join(', ')),
      fc.string().map((tail) => `#tb ${tail}`),
    );
    fc.assert(
      fc.property(text, (line) => {
        const packet = new PacketWatch().take(line);
        expect(packet === undefined || (packet.bytes >= 0 && packet.stream >= 0)).toBe(true);
      }),
      { seed: 1, numRuns: 1000 },
    );
  });
});

describe('PacketWatch', () => {
  test('sees B-frames by the order of pictures, whatever the decoding delay', () => {
    const plain = Array.from({ length: 20 }, (_, i): [number, number, boolean] => [i * 512 - 1024, i * 512, i === 0]);
    expect(watchOf(plain).reorders).toBe(false);
    expect(
      watchOf([
        [-512, 0, true],
        [0, 1536, false],
        [512, 512, false],
      ]).reorders,
    ).toBe(true);
  });

  test('takes a file that begins again for what it is', () => {
    expect(
      watchOf([
        [0, 0, true],
        [30_720, 30_720, false],
        [512, 512, true],
      ]).reorders,
    ).toBe(false);
  });

  test('property: sorted pictures never count as B-frames, and the longest time without a key frame is found', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 15_360 }), fc.boolean()), { minLength: 1 }), (steps) => {
        let pts = 0;
        let sinceKey = 0;
        let longest = 0;
        const packets = steps.map(([step, isKey], i): [number, number, boolean] => {
          pts += step;
          sinceKey = i === 0 ? 0 : sinceKey + step;
          longest = Math.max(longest, sinceKey);
          if (isKey) sinceKey = 0;
          return [pts, pts, isKey];
        });
        const watch = watchOf(packets);
        expect(watch.reorders).toBe(false);
        expect(watch.longestKeyGapSeconds).toBeCloseTo(longest / 15_360, 5);
      }),
      { seed: 1 },
    );
  });
});
