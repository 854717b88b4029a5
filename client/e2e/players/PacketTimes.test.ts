import { describe, expect, it } from 'vitest';
import { PacketTimes } from './PacketTimes.ts';
import { FramecrcReader } from './FramecrcReader.ts';

const frameS = 1 / 30;

function fed(times: number[], arrives: (n: number) => number = (n) => n * 10): PacketTimes {
  const packets = new PacketTimes();
  times.forEach((ptsS, n) => packets.add({ stream: 'video', ptsS, durationS: frameS }, arrives(n)));
  return packets;
}

const steady = Array.from({ length: 300 }, (_, n) => 100 + n * frameS);

describe('PacketTimes', () => {
  it('has nothing to say of a steady stream that comes faster than it is played', () => {
    const { gaps, jumps, leastAheadS } = fed(steady);
    expect({ gaps, jumps }).toEqual({ gaps: [], jumps: [] });
    expect(leastAheadS).toBeGreaterThan(0);
  });

  it('finds one frame that is missing, one that came twice, and a leap', () => {
    expect(fed(steady.toSpliced(100, 1)).gaps).toHaveLength(1);
    expect(fed(steady.toSpliced(100, 0, steady[99]!)).jumps).toHaveLength(1);
    expect(fed(steady.map((at, n) => (n < 100 ? at : at + 5))).jumps).toHaveLength(1);
    expect(fed(steady.map((at, n) => (n < 100 ? at : at - 5))).jumps).toHaveLength(1);
  });

  it('tells for how long a player would have had nothing to play', () => {
    const late = fed(steady, (n) => (n < 150 ? n * 10 : n * 10 + 9_000));
    expect(late.leastAheadS).toBeCloseTo(5 - (1.5 + 9 - 0.5), 1);
  });
});

describe('FramecrcReader', () => {
  it('reads packets with the time base of their stream', () => {
    const reader = new FramecrcReader();
    const lines = [
      '#software: Lavf59.27.100',
      '#tb 0: 1/90000',
      '#media_type 0: video',
      '#tb 1: 1/48000',
      '#media_type 1: audio',
      '0,      90000,      90000,     3000,    11873, 0x0d81c47b',
      '1,      48000,      48000,     1024,      171, 0x6d1c4d3b',
      'x',
    ];
    expect(lines.map((line) => reader.line(line)).filter(Boolean)).toEqual([
      { stream: 'video', ptsS: 1, durationS: 3000 / 90_000 },
      { stream: 'audio', ptsS: 1, durationS: 1024 / 48_000 },
    ]);
  });
});
