import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decideMedia, type VideoLook } from './decideMedia.ts';
import { findSps } from './h264Sps.ts';

/** SPS of x264: constrained baseline 640x360. */
const baseline = Buffer.from('6742c01eda0280bfe5c04400000300040000030 0f03c58ba80'.replace(/ /g, ''), 'hex');
const annexB = (nal: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0, 0, 0, 1]), nal, Buffer.from([0, 0, 1, 0x68, 0xce])]);

const look = (change: Partial<VideoLook> = {}): VideoLook => ({
  codec: 'h264',
  width: 640,
  height: 360,
  reorders: false,
  longestKeyGapSeconds: 1,
  sps: findSps(annexB(baseline)),
  ...change,
});
const sps = look().sps!;

describe('findSps', () => {
  test('in Annex B and in an AVCDecoderConfigurationRecord', () => {
    const expected = {
      profileIdc: 66,
      constraints: 0xc0,
      levelIdc: 30,
      chromaFormat: 1,
      bitDepth: 8,
      interlaced: false,
      width: 640,
      height: 360,
    };
    expect(findSps(annexB(baseline))).toEqual(expected);
    const head = Buffer.from([1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, baseline.length]);
    expect(findSps(Buffer.concat([head, baseline, Buffer.from([1, 0, 4])]))).toEqual(expected);
  });

  test('takes any bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    const prefix = fc.constantFrom(
      [0, 0, 1, 0x67],
      [0, 0, 0, 1, 0x67, 100, 0, 31],
      [1, 100, 0, 31, 255, 225, 0, 90, 0x67],
      [],
    );
    fc.assert(
      fc.property(prefix, bytes, (head, rest) => {
        const found = findSps(Buffer.from([...head, ...rest]));
        expect(found === undefined || Number.isInteger(found.profileIdc)).toBe(true);
      }),
      { seed: 1, numRuns: 1000 },
    );
  });
});

describe('decideMedia', () => {
  const video = (change?: Partial<VideoLook>) => decideMedia({ video: look(change), audio: undefined }).video;

  test.each([66, 77, 100])('copies H264 of profile %i', (profileIdc) => {
    expect(video({ sps: { ...sps, profileIdc } })).toMatchObject({ codec: 'h264', how: 'copied' });
  });

  test.each<[string, Partial<VideoLook>, RegExp]>([
    ['B-frames', { reorders: true }, /B-frames/],
    ['HEVC', { codec: 'hevc' }, /HEVC/],
    ['MJPEG', { codec: 'mjpeg' }, /mjpeg/],
    ['10 bits', { sps: { ...sps, profileIdc: 110, bitDepth: 10 } }, /10 bits/],
    ['4:2:2', { sps: { ...sps, profileIdc: 122, chromaFormat: 2 } }, /4:2:2/],
    ['an odd profile', { sps: { ...sps, profileIdc: 88 } }, /profile \(88\)/],
    ['fields', { sps: { ...sps, interlaced: true } }, /interlaced/],
    ['rare key frames', { longestKeyGapSeconds: 12.4 }, /12 s apart/],
    ['no SPS', { sps: undefined }, /SPS/],
  ])('transcodes %s', (_, change, why) => {
    expect(video(change)).toMatchObject({
      how: 'transcoded',
      why: expect.stringMatching(why),
    });
  });

  test('Opus is copied, other sound is not; what an earlier attempt learnt counts', () => {
    expect(decideMedia({ video: undefined, audio: { codec: 'opus', sampleRate: 48_000 } })).toEqual({
      video: undefined,
      audio: { codec: 'opus', how: 'copied' },
    });
    expect(decideMedia({ video: undefined, audio: { codec: 'aac', sampleRate: 48_000 } }).audio).toMatchObject({
      how: 'transcoded',
    });
    expect(decideMedia({ video: look(), audio: undefined }, 'so it was').video).toMatchObject({
      how: 'transcoded',
      why: 'so it was',
    });
  });
});
