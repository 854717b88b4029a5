import { defaultTrackParameters } from '@framelock/server/protocol/analysis';
import { describe, expect, it } from 'vitest';
import { families } from '../detect/families/families.ts';
import { catalogueRecordSchema } from './catalogueEntry.ts';
import { entryOf, readCatalogue } from './catalogueFile.ts';
import { idFromFileName } from './ownModel.ts';

describe('the committed catalogue', () => {
  it('is valid, and whoever downloads can verify', async () => {
    const records = await readCatalogue();
    expect(records.map(({ id }) => id)).toContain('marker');
    for (const record of records) {
      const entry = await entryOf(record);
      expect(entry.labels.length).toBeGreaterThan(0);
      expect(families[record.family]).toBeDefined();
      expect(record.licence).not.toMatch(/AGPL/i);
      if (record.file === undefined) {
        expect(record.url).toMatch(/^https:/);
        expect(record.sha256).toBeDefined();
        expect(record.sizeBytes).toBeDefined();
      }
    }
  });

  it('states inputs as papers do; the Detector gets scale and bias', async () => {
    const records = await readCatalogue();
    const { input } = await entryOf(records.find(({ id }) => id === 'picodet-xs')!);
    const white = input.scale.map((scale, c) => 255 * scale + input.bias[c]!);
    const imagenet = [0.485, 0.456, 0.406].map((mean, c) => (1 - mean) / [0.229, 0.224, 0.225][c]!);
    white.forEach((value, c) => expect(value).toBeCloseTo(imagenet[c]!, 4));
    const yolox = await entryOf(records.find(({ id }) => id === 'yolox-nano')!);
    expect(yolox.input).toMatchObject({ scale: [1, 1, 1], channels: 'bgr', resize: 'letterboxTopLeft' });
    expect(yolox.input.bias.every((bias) => bias === 0)).toBe(true);
    expect(yolox.labels).toHaveLength(80);
  });

  it('takes no labels file outside its folder and no plain http', () => {
    const record = { id: 'x', name: 'x', family: 'yolox', licence: 'MIT', labels: ['a'] };
    const input = { width: 416, height: 416, resize: 'letterbox', channels: 'rgb' };
    const problemOf = (change: object) => catalogueRecordSchema.safeParse({ ...record, input, ...change }).success;
    expect(problemOf({})).toBe(true);
    expect(problemOf({ labels: '../../../etc/passwd' })).toBe(false);
    expect(problemOf({ labels: '../secret.txt' })).toBe(false);
    expect(problemOf({ url: 'http://example.com/x.onnx' })).toBe(false);
    expect(problemOf({ sha256: 'ABC' })).toBe(false);
    expect(problemOf({ id: '../x' })).toBe(false);
  });

  it('says how objects are followed where it wants to, the rest by default', async () => {
    const [record] = await readCatalogue();
    const { track } = await entryOf(catalogueRecordSchema.parse({ ...record, track: { keepSeconds: 4 } }));
    expect(track).toEqual({ ...defaultTrackParameters, keepSeconds: 4 });
    expect(catalogueRecordSchema.safeParse({ ...record, track: { keepSecond: 4 } }).success).toBe(false);
    expect(record!.track).toBeUndefined();
  });
});

it('makes an id of any file name', () => {
  expect(idFromFileName('/a/b/yolo v8 (best).onnx')).toBe('yolo-v8-best');
  expect(idFromFileName('..onnx')).toBe('model');
  expect(idFromFileName('ä.ONNX')).toBe('model');
  expect(idFromFileName(`${'x'.repeat(100)}.onnx`)).toHaveLength(64);
});
