import { describe, expect, it } from 'vitest';
import { posterSize } from './usePosterUpload.ts';

describe('posterSize', () => {
  it('shrinks to 640 pixels of width and never enlarges', () => {
    expect(posterSize(1280, 720)).toEqual({ width: 640, height: 360 });
    expect(posterSize(320, 240)).toEqual({ width: 320, height: 240 });
    expect(posterSize(1080, 1920)).toEqual({ width: 640, height: 1138 });
    expect(posterSize(4000, 1)).toEqual({ width: 640, height: 1 });
  });
});
