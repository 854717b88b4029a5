import { describe, expect, it } from 'vitest';
import { defaultPublishSettings, preferredCodec, readPublishQuery, toRemember, widthOf } from './publishSettings.ts';

describe('readPublishQuery', () => {
  it('reads what the public contract names', () => {
    const query = {
      autostart: '1',
      codec: 'VP9',
      width: '640',
      height: '360',
      fps: '25',
      svc: 'L3T3_KEY',
      bitrate: '900000',
    };
    expect(readPublishQuery(query)).toEqual({
      autostart: true,
      codec: 'vp9',
      width: 640,
      height: 360,
      frameRate: 25,
      svc: 'L3T3_KEY',
      maxBitrateBps: 900_000,
    });
  });

  it('leaves out what it does not understand', () => {
    const query = { autostart: '0', codec: 'theora', width: '-1', fps: 'fast', svc: 'many', bitrate: '1' };
    expect(readPublishQuery(query)).toEqual({ autostart: false });
    expect(readPublishQuery({ autostart: ['1', '0'], codec: null })).toEqual({ autostart: true });
  });
});

it('remembers what a person chose, and not what the URL asked for', () => {
  const asked = { computeHere: true, height: 360 };
  const next = { ...defaultPublishSettings, ...asked, frameRate: 15 };
  expect(toRemember(next, defaultPublishSettings, asked)).toEqual({ ...defaultPublishSettings, frameRate: 15 });
  const chosen = { ...next, height: 480 };
  expect(toRemember(chosen, defaultPublishSettings, asked)).toMatchObject({ height: 480, computeHere: false });
});

describe('widthOf', () => {
  it('is 16:9 and even', () => {
    expect([360, 480, 720, 1080].map(widthOf)).toEqual([640, 854, 1280, 1920]);
  });
});

it('begins with H264 where the browser encodes it smoothly, in software too, and else with VP8', () => {
  const able = { supported: true, smooth: true, powerEfficient: false };
  expect(preferredCodec({ h264: able, vp8: able })).toBe('h264');
  expect(preferredCodec({ h264: { ...able, powerEfficient: true } })).toBe('h264');
  expect(preferredCodec({ h264: { ...able, smooth: false }, vp8: able })).toBe('vp8');
  expect(preferredCodec({ h264: { ...able, supported: false }, vp9: able, av1: able })).toBe('vp8');
  expect(preferredCodec({})).toBe('vp8');
});
