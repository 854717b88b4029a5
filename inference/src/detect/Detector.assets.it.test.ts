import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as constants from 'node-av/constants';
import { afterAll, describe, expect, it } from 'vitest';
import type { CatalogueEntry } from '../catalogue/catalogueEntry.ts';
import { entryOf, readCatalogue, readLabels, sha256Of } from '../catalogue/catalogueFile.ts';
import { PictureScaler } from '../decode/PictureScaler.ts';
import type { Picture } from '../decode/VideoDecoder.ts';
import { type Expectation, type ExpectedBox, parseExpectations } from './assetExpectations.ts';
import { Detector } from './Detector.ts';
import { InferenceThread } from './InferenceThread.ts';

const assets = process.env.FRAMELOCK_ASSETS ?? join(import.meta.dirname, '../../../../shared/assets');
const sources = join(assets, 'SOURCES.md');
const present = existsSync(sources);
if (!present) console.log(`no test assets at ${assets} (FRAMELOCK_ASSETS): real models are not tested here`);

/** SOURCES.md: other resizers shift boxes by about 8 px (large ones by 3 %) and scores by 0.08. */
const tolerancePx = 8;
const toleranceShare = 0.03;

/**
 * In 320 px the people of the crowd are 14 px wide: there swscale's area, bilinear and bicubic all agree within 0.06
 * with one another and lie up to 0.12 from the expectations, which came from another resizer; the boxes lie right.
 */
const toleranceScoreOf = ({ model, file }: Expectation): number =>
  /_320/.test(model) && file.startsWith('pedestrians') ? 0.15 : 0.08;
/** Boxes below may come and go with the resizer. */
const certainScoreOf = (expectation: Expectation): number => 0.4 + toleranceScoreOf(expectation);

/** One picture as planes in memory: video as decoders give it, images without chroma loss. */
function readPicture({ file, frame, width, height }: Expectation): Picture {
  const path = join(assets, frame === undefined ? 'images' : 'videos', file);
  const select = frame === undefined ? [] : ['-vf', `select=eq(n\\,${frame})`];
  const format = frame === undefined ? 'gbrp' : 'yuv420p';
  const args = ['-v', 'error', '-i', path, ...select, '-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', format, '-'];
  const bytes = execFileSync('ffmpeg', args, { maxBuffer: 64 << 20 });
  const chroma = frame === undefined ? [width, height] : [Math.ceil(width / 2), Math.ceil(height / 2)];
  const sizes = [[width, height], chroma, chroma] as [number, number][];
  let at = 0;
  const data = sizes.map(([w, h]) => {
    // swscale reads a little past a plane's end.
    const plane = Buffer.alloc(w * h + 64);
    bytes.copy(plane, 0, at, (at += w * h));
    return plane;
  });
  const pixelFormat = frame === undefined ? constants.AV_PIX_FMT_GBRP : constants.AV_PIX_FMT_YUV420P;
  const decoded = { data, linesize: sizes.map(([w]) => w), format: pixelFormat, width, height };
  return { frame: decoded, width, height } as unknown as Picture;
}

const modelPath = (model: string): string => {
  const path = join(assets, 'models', model);
  return existsSync(path) ? path : join(assets, 'models/agpl', model);
};

const detectors = new Map<string, Promise<Detector>>();
afterAll(async () => {
  await Promise.all([...detectors.values()].map(async (detector) => (await detector).close('the tests are over')));
});

function detectorOf(model: string): Promise<Detector> {
  let detector = detectors.get(model);
  if (!detector) detectors.set(model, (detector = open(model)));
  return detector;
}

async function open(model: string): Promise<Detector> {
  const path = modelPath(model);
  const onFault = (reason: string): void => console.error(model, reason);
  const sha256 = await sha256Of(path);
  const record = (await readCatalogue()).find((candidate) => candidate.sha256 === sha256);
  const entry = record ? await entryOf(record) : await recognised(path);
  return Detector.create({ modelPath: path, entry, executionProvider: 'cpu', slotCount: 2, onFault });
}

/** As a user's own model: nothing is known but the file. */
async function recognised(path: string): Promise<CatalogueEntry> {
  const options = { modelPath: path, entry: undefined, executionProvider: 'cpu', intraOpNumThreads: 1 } as const;
  const thread = await InferenceThread.create({ ...options, onFault: () => {} });
  await thread.close('inspected');
  const entry = { id: 'own', name: 'own', task: 'detect', licence: 'unknown', bundled: false } as const;
  return { ...entry, ...thread.facts };
}

function fits(found: ExpectedBox, wanted: ExpectedBox, expectation: Expectation): boolean {
  const { width, height } = expectation;
  const limits = [width, height, width, height];
  const clipped = wanted.corners.map((corner, i) => Math.min(limits[i]!, Math.max(0, corner)));
  const [x1, y1, x2, y2] = clipped as ExpectedBox['corners'];
  const allowedPx = Math.max(tolerancePx, toleranceShare * Math.max(x2 - x1, y2 - y1));
  return (
    found.label === wanted.label &&
    Math.abs(found.score - wanted.score) <= toleranceScoreOf(expectation) &&
    found.corners.every((corner, i) => Math.abs(corner - clipped[i]!) <= allowedPx)
  );
}

describe.skipIf(!present)('Detector on the test assets', async () => {
  const expectations = present ? parseExpectations(readFileSync(sources, 'utf8')) : [];
  const coco = await readLabels('labels/coco.txt');

  it('finds the expectations', () => {
    expect(expectations.length).toBeGreaterThan(30);
  });

  // No family here reads YuNet's faces yet.
  const readable = expectations
    .filter(({ model }) => !model.startsWith('yunet'))
    .map((expectation) => ({ ...expectation, at: expectation.frame ?? 'still' }));
  it.for(readable)('$model on $file @ $at', async (expectation) => {
    const detector = await detectorOf(expectation.model);
    const { width, height } = expectation;
    const scaler = new PictureScaler(detector.inputSpec, detector.slots.buffer, detector.slots.floatsPerSlot);
    const slot = detector.slots.acquire()!;
    scaler.scaleInto(slot, readPicture(expectation));
    scaler.close();
    const { objects } = await detector.detect({ slot, frameWidth: width, frameHeight: height });
    const found = objects.map(({ label, score, x, y, w, h }): ExpectedBox => {
      const corners: ExpectedBox['corners'] = [x * width, y * height, (x + w) * width, (y + h) * height];
      return { label: detector.labels[label] ?? coco[label]!, score, corners };
    });
    const certainScore = certainScoreOf(expectation);
    const certain = expectation.boxes.filter(({ score }) => score >= certainScore);
    const missing = certain.filter((wanted) => !found.some((box) => fits(box, wanted, expectation)));
    expect(missing, `found ${JSON.stringify(found.slice(0, 12))}`).toEqual([]);
    for (const label of new Set(found.map((box) => box.label))) {
      const surplus = found.filter((box) => box.label === label && box.score >= certainScore).length;
      expect(surplus, `certain ${label}s`).toBeLessThanOrEqual(expectation.counts[label] ?? 0);
    }
  });
});
