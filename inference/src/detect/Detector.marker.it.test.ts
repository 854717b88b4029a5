import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as constants from 'node-av/constants';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type SceneMarker, syntheticScene } from '../../models/marker/syntheticScene.ts';
import { bundledModelsDir, entryOf, readCatalogue } from '../catalogue/catalogueFile.ts';
import { PictureScaler } from '../decode/PictureScaler.ts';
import type { Picture } from '../decode/VideoDecoder.ts';
import type { DetectedObject } from '@framelock/server/protocol/analysis';
import { Detector } from './Detector.ts';

const size = { width: 1280, height: 720 };
let opened: Detector | undefined;

async function open(): Promise<Detector> {
  const record = (await readCatalogue()).find(({ id }) => id === 'marker')!;
  return Detector.create({
    modelPath: join(bundledModelsDir, record.file!),
    entry: await entryOf(record),
    executionProvider: 'cpu',
    onFault: (reason) => console.error(reason),
  });
}

beforeAll(async () => {
  opened = await open();
});
afterAll(() => opened?.close('the tests are over'));

function iou({ box }: SceneMarker, { x, y, w, h }: DetectedObject): number {
  const [x1, y1, x2, y2] = [x * size.width, y * size.height, (x + w) * size.width, (y + h) * size.height];
  const width = Math.max(0, Math.min(x2, box.x2) - Math.max(x1, box.x1));
  const height = Math.max(0, Math.min(y2, box.y2) - Math.max(y1, box.y1));
  const overlap = width * height;
  return overlap / ((x2 - x1) * (y2 - y1) + (box.x2 - box.x1) * (box.y2 - box.y1) - overlap);
}

it('finds drawn markers through the scaler, several Streams in one batch', async () => {
  const detector = opened!;
  const scenes = Array.from({ length: 6 }, (_, i) =>
    syntheticScene({ ...size, seed: 100 + i, background: 'gradient', markers: 3, diameter: [80, 240] }),
  );
  const runs = scenes.map(({ picture }) => {
    const scaler = new PictureScaler(detector.inputSpec, detector.slots.buffer, detector.slots.floatsPerSlot);
    const slot = detector.slots.acquire()!;
    const pixels = Buffer.alloc(picture.data.length + 64);
    pixels.set(picture.data);
    const format = picture.channels === 3 ? constants.AV_PIX_FMT_RGB24 : constants.AV_PIX_FMT_GRAY8;
    const frame = { data: [pixels], linesize: [size.width * picture.channels], format, ...size };
    scaler.scaleInto(slot, { frame, ...size } as unknown as Picture);
    scaler.close();
    return detector.detect({ slot, frameWidth: size.width, frameHeight: size.height });
  });
  for (const [i, { objects }] of (await Promise.all(runs)).entries()) {
    const { markers } = scenes[i]!;
    expect(objects).toHaveLength(markers.length);
    for (const marker of markers) {
      const best = objects.toSorted((a, b) => iou(marker, b) - iou(marker, a))[0]!;
      expect(iou(marker, best)).toBeGreaterThan(0.8);
      expect(best.label).toBe(marker.label);
    }
  }
  expect(detector.dump().batches).toBeLessThan(scenes.length);
});

it('the catalogue says what the marker model says of itself', async () => {
  const stated = JSON.parse(readFileSync(join(bundledModelsDir, 'marker/model.json'), 'utf8')) as {
    labels: string[];
    scoreThreshold: number;
    track?: object;
    input: { dims: unknown[] };
  };
  const record = (await readCatalogue()).find(({ id }) => id === 'marker')!;
  const { labels, scoreThreshold, track } = stated;
  // A publisher's page goes by what the model says of itself, a node by the catalogue.
  expect([record.labels, record.scoreThreshold, record.track]).toEqual([labels, scoreThreshold, track]);
  expect(stated.input.dims).toEqual(['batch', 3, record.input.height, record.input.width]);
});

it('is closed in the middle of a run, and the process goes on', async () => {
  let interrupted = 0;
  for (let round = 0; round < 12; round++) {
    const detector = await open();
    const runs = Array.from({ length: 9 }, () => {
      const slot = detector.slots.acquire()!;
      detector.slots.view(slot).fill(0.5);
      return detector.detect({ slot, frameWidth: size.width, frameHeight: size.height });
    });
    const settled = Promise.allSettled(runs);
    // The first runs alone; of those after it eight go at once, and take several times as long.
    await runs[0];
    await sleep(round);
    await detector.close('enough');
    interrupted += (await settled).filter(({ status }) => status === 'rejected').length;
  }
  expect(interrupted).toBeGreaterThan(0);
});
