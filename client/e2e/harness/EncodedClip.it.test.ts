import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { join } from 'node:path';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { EncodedClip } from './EncodedClip.ts';
import { openClip } from './openClip.ts';
import { splitAnnexB } from './packetizeH264.ts';

describe('EncodedClip', () => {
  let folder: string;
  let clip: EncodedClip;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'framelock-encoded-'));
    const raw = await openClip({ width: 320, height: 180, frames: 60, diameter: 40 });
    const layers = [
      { width: 320, height: 180, bitrateBps: 800_000 },
      { width: 160, height: 90, bitrateBps: 200_000 },
    ];
    clip = await EncodedClip.create({ path: raw.path, fps: raw.fps, layers }, folder);
    await raw.close();
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('has one access unit per frame in each layer, key frames in both at the same frames, parameter sets in each', () => {
    for (const { accessUnits } of clip.layers) {
      expect(accessUnits).toHaveLength(60);
      expect(accessUnits.flatMap(({ keyFrame }, i) => (keyFrame ? [i] : []))).toEqual([0, 30]);
      for (const { bytes, keyFrame } of accessUnits) {
        const types = splitAnnexB(bytes).map((unit) => unit[0]! & 0x1f);
        expect(types).not.toContain(9);
        if (keyFrame) expect(types).toEqual(expect.arrayContaining([7, 8, 5]));
      }
    }
  });

  it('has Opus packets of 20 ms, without the headers', () => {
    expect(clip.opus.length).toBeGreaterThanOrEqual(500);
    expect(clip.opus.length).toBeLessThan(505);
    expect(clip.opus.every((packet) => packet.length > 2)).toBe(true);
  });

  it('is read again by another process', async () => {
    const again = await EncodedClip.read(clip.folder);
    expect(again.layers.map((layer) => layer.accessUnits.length)).toEqual([60, 60]);
    expect(again.opus).toHaveLength(clip.opus.length);
  });
});
