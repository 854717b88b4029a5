import { describe, expect, it } from 'vitest';
import { bufferOf } from './playGStreamer.ts';

const log = (rest: string): string =>
  `0:00:00.696583534 13622 0x7f817c067640 DEBUG               basesink gstbasesink.c:3826:${rest}`;

describe('bufferOf', () => {
  it('reads the time of each buffer once, and how long it is where that is known', () => {
    const picture =
      'gst_base_sink_chain_unlocked:<pictures> got times start: 1:42:38.500000000, end: 99:99:99.999999999';
    const sound = 'gst_base_sink_chain_unlocked:<sound> got times start: 0:01:00.000000000, end: 0:01:00.250000000';
    expect(bufferOf(log(picture))).toEqual({ stream: 'pictures', ptsS: 6158.5, durationS: 0 });
    expect(bufferOf(log(sound))).toEqual({ stream: 'sound', ptsS: 60, durationS: 0.25 });
    expect(bufferOf(log(picture.replace('chain_unlocked', 'get_sync_times')))).toBeUndefined();
    expect(bufferOf(log('gst_base_sink_chain_unlocked:<sound> rendering object 0x7f816000d7e0'))).toBeUndefined();
  });
});
