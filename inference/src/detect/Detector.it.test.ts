import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Refusal } from '@framelock/server/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CatalogueEntry } from '../catalogue/catalogueEntry.ts';
import { inspectModelFile } from '../catalogue/inspectModelFile.ts';
import { Detector, type DetectorOptions } from './Detector.ts';
import { executionProvidersToTry } from './executionProviders.ts';
import { emptyYolov8Model, encodeModel, falselyDynamicModel, meanModel, testSize } from './testModels.ts';

const unit: [number, number, number] = [1 / 255, 1 / 255, 1 / 255];
const entry: CatalogueEntry = {
  id: 'mean',
  name: 'mean',
  task: 'detect',
  family: 'marker',
  licence: 'none',
  bundled: false,
  labels: ['thing'],
  input: { ...testSize, resize: 'stretch', channels: 'rgb', scale: unit, bias: [0, 0, 0], pad: 114 },
  scoreThreshold: 0.01,
  nmsIou: 1,
};

let folder: string;
let dynamicPath: string;
let fixedPath: string;
const write = (name: string, bytes: Uint8Array | string): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'framelock-detector-'));
  dynamicPath = write('dynamic.onnx', encodeModel(meanModel('batch')));
  fixedPath = write('fixed.onnx', encodeModel(meanModel(1)));
});
afterAll(() => rmSync(folder, { recursive: true }));

const opened: Detector[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((detector) => detector.close('the test is over')));
});

async function open(modelPath: string, options: Partial<DetectorOptions> = {}): Promise<Detector> {
  const defaults = { modelPath, entry, executionProvider: 'cpu', onFault: () => {} } as const;
  const detector = await Detector.create({ ...defaults, ...options });
  opened.push(detector);
  return detector;
}

/** A picture of one value; the model answers with it as the score. */
function detect(detector: Detector, value: number) {
  const slot = detector.slots.acquire()!;
  detector.slots.view(slot).fill(value);
  return detector.detect({ slot, frameWidth: 1280, frameHeight: 720 });
}

describe('Detector', () => {
  it('runs a picture and frees its slot', async () => {
    const detector = await open(dynamicPath);
    const { objects, startedAtMs, finishedAtMs } = await detect(detector, 0.5);
    expect(objects).toEqual([{ label: 0, score: expect.closeTo(0.5, 5) as number, x: 0.25, y: 0.25, w: 0.5, h: 0.5 }]);
    expect(finishedAtMs).toBeGreaterThanOrEqual(startedAtMs);
    expect(Math.abs(Date.now() - finishedAtMs)).toBeLessThan(60_000);
    expect(detector.slots.used).toBe(0);
    expect((await detect(detector, 0)).objects).toEqual([]);
  });

  it.each(['dynamic', 'fixed'])('gives each of many pictures its own answer (%s batch)', async (kind) => {
    const detector = await open(kind === 'dynamic' ? dynamicPath : fixedPath, { slotCount: 12, parallelSessions: 2 });
    const values = Array.from({ length: 12 }, (_, i) => 0.05 * (i + 1));
    for (let round = 0; round < 5; round++) {
      const results = await Promise.all(values.map((value) => detect(detector, value)));
      results.forEach(({ objects }, i) => expect(objects[0]!.score).toBeCloseTo(values[i]!, 4));
    }
    const { batches, pictures, maxBatch, lanes } = detector.dump();
    expect(pictures).toBe(60);
    // The first goes alone, then 8 and 3; slots that do not lie together are copied to a batch.
    if (kind === 'dynamic') expect({ batches, maxBatch, lanes }).toEqual({ batches: 15, maxBatch: 8, lanes: 1 });
    else expect({ batches, maxBatch, lanes }).toEqual({ batches: 60, maxBatch: 1, lanes: 2 });
  });

  it('batches slots that do not lie together', async () => {
    const detector = await open(dynamicPath, { slotCount: 6 });
    const slots = [0, 1, 2, 3, 4, 5].map(() => detector.slots.acquire()!);
    for (const slot of slots) detector.slots.view(slot).fill(0.1 * (slot + 1));
    const run = (slot: number) => detector.detect({ slot, frameWidth: 640, frameHeight: 360 });
    const results = await Promise.all([5, 3, 0, 4].map(run));
    expect(results.map(({ objects }) => Math.round(objects[0]!.score * 10))).toEqual([6, 4, 1, 5]);
  });

  it('does not believe a dynamic batch that does not work', async () => {
    const detector = await open(write('falsely.onnx', encodeModel(falselyDynamicModel())));
    expect(detector.dump().maxBatch).toBe(1);
    const results = await Promise.all([0.25, 0.5].map((value) => detect(detector, value)));
    expect(results.map(({ objects }) => objects[0]!.score)).toEqual([0.25, 0.5]);
  });

  it('rejects what was in flight when the model fails, tells why, and comes back by itself', async () => {
    const faults: string[] = [];
    const detector = await open(dynamicPath, { onFault: (reason) => faults.push(reason) });
    const failing = detect(detector, 5);
    const waiting = detect(detector, 0.5);
    await expect(failing).rejects.toMatchObject({ code: 'unavailable' } satisfies Partial<Refusal>);
    await expect(waiting).rejects.toMatchObject({ code: 'unavailable' } satisfies Partial<Refusal>);
    expect(faults).toEqual([expect.stringContaining('the model failed')]);
    expect(detector.problem).toContain('the model failed');
    expect(detector.slots.used).toBe(0);
    await expect.poll(() => detector.problem, { timeout: 20_000 }).toBeUndefined();
    expect((await detect(detector, 0.5)).objects).toHaveLength(1);
    expect(detector.dump().restarts).toBe(1);
  });

  it('closes once, rejecting what is in flight, and refuses what comes later', async () => {
    const detector = await open(dynamicPath);
    const running = detect(detector, 0.5);
    const waiting = detect(detector, 0.5);
    const settled = Promise.allSettled([running, waiting]);
    await Promise.all([detector.close('enough'), detector.close('again')]);
    for (const { status } of await settled) expect(status).toBe('rejected');
    await expect(detect(detector, 0.5)).rejects.toMatchObject({ code: 'unavailable' });
    expect(detector.slots.used).toBe(0);
    expect(detector.closed).toBe(true);
  });

  it('falls back to the CPU and keeps the reason', async () => {
    expect(executionProvidersToTry('auto')).toEqual(['cuda', 'cpu']);
    const detector = await open(dynamicPath, { executionProvider: 'tensorrt' });
    const { executionProvider, passedOver } = detector.dump();
    if (executionProvider === 'cpu') expect(passedOver.join()).toMatch(/^tensorrt: .+,cuda: .+/);
    expect((await detect(detector, 0.5)).objects).toHaveLength(1);
  });
});

describe('models that do not fit are refused with the mismatch', () => {
  const refusal = (bytes: Uint8Array | string, given?: CatalogueEntry) =>
    inspectModelFile(write('bad.onnx', bytes), given).then(
      () => 'accepted',
      (error: Refusal) => `${error.code}: ${error.message}`,
    );
  const good = () => encodeModel(meanModel('batch'));

  it.each([
    ['empty', () => '', 'unsupported: the file is empty'],
    ['text', () => 'hello', 'unsupported: the file is no ONNX model (not a ModelProto message at byte 0)'],
    ['a web page', () => '<!doctype html>', 'unsupported: the file is a web page and not a model'],
    ['a git-lfs pointer', () => 'version https://git-lfs.github.com/spec/v1\n', /git-lfs pointer/],
    ['truncated', () => good().subarray(0, 300), /unsupported: the file is cut: it has 300 bytes of at least \d+/],
    ['a flipped byte inside', () => good().map((b, i) => (i === 60 ? b ^ 0xff : b)), /^unsupported: /],
  ])('%s', async (_, bytes, expected) => {
    const found = await refusal(bytes());
    if (typeof expected === 'string') expect(found).toBe(expected);
    else expect(found).toMatch(expected);
  });

  it('another family, other labels, another size', async () => {
    expect(await refusal(good(), { ...entry, family: 'yolox' })).toBe(
      "unsupported: output 'detections' is [1,1,6], but yolox with 1 label needs [1,11,6]",
    );
    expect(await refusal(encodeModel(emptyYolov8Model(2)), { ...entry, family: 'yolov8' })).toBe(
      "unsupported: output 'output0' is [1,6,11], but yolov8 with 1 label needs [1,5,11]",
    );
    expect(await refusal(good(), { ...entry, input: { ...entry.input, width: 64 } })).toBe(
      "unsupported: input 'images' is [batch,3,16,32], but its entry says 64x16",
    );
    const detector = Detector.create({
      modelPath: fixedPath,
      entry: { ...entry, family: 'nanodet' },
      executionProvider: 'cpu',
      onFault: () => {},
    });
    await expect(detector).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('recognises a user model by its outputs and reads the labels in it', async () => {
    const facts = await inspectModelFile(write('own.onnx', encodeModel(emptyYolov8Model(2))));
    expect(facts).toMatchObject({ family: 'yolov8', labels: ['cup', "bird's nest"], dynamicBatch: false });
    expect(facts.input).toMatchObject({ width: 32, height: 16, resize: 'letterbox', channels: 'rgb' });
  });
});
