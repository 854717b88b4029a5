import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Refusal } from '@framelock/server/protocol';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { labelsFromMetadata, readModelMetadata } from './modelFormat.ts';
import { emptyYolov8Model, encodeModel } from './testModels.ts';

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'framelock-format-'))));
afterAll(() => rmSync(folder, { recursive: true }));

async function read(bytes: Uint8Array): Promise<Map<string, string>> {
  const path = join(folder, 'model.onnx');
  writeFileSync(path, bytes);
  return readModelMetadata(path);
}

it('reads the metadata behind the graph', async () => {
  const metadata = await read(encodeModel(emptyYolov8Model(2)));
  expect(metadata.get('license')).toBe('MIT');
  expect(labelsFromMetadata(metadata.get('names'))).toEqual(['cup', "bird's nest"]);
});

it('ends on any bytes with an answer or a Refusal', async () => {
  const model = encodeModel(emptyYolov8Model(2));
  const damaged = fc.array(fc.tuple(fc.nat(model.length - 1), fc.nat(255)), { maxLength: 8 }).map((changes) => {
    const bytes = model.slice();
    for (const [at, byte] of changes) bytes[at] = byte;
    return bytes;
  });
  const answers = async (bytes: Uint8Array): Promise<boolean> => {
    try {
      return (await read(bytes)) instanceof Map;
    } catch (error) {
      return error instanceof Refusal;
    }
  };
  const any = fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged);
  await fc.assert(fc.asyncProperty(any, answers), { seed: 7, numRuns: 300 });
});

it('takes no labels with gaps', () => {
  expect(labelsFromMetadata("{0: 'a', 2: 'b'}")).toBeUndefined();
  expect(labelsFromMetadata('nonsense')).toBeUndefined();
  expect(labelsFromMetadata(undefined)).toBeUndefined();
});
