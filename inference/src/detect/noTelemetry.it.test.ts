import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { emptyYolov8Model, encodeModel } from './testModels.ts';

const folder = mkdtempSync(join(tmpdir(), 'framelock-telemetry-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('a process that runs models leaves nothing of ONNX Runtime in its home folder', async () => {
  const home = mkdtempSync(join(folder, 'home-'));
  const model = join(folder, 'own.onnx');
  writeFileSync(model, encodeModel(emptyYolov8Model(2)));
  const inspect = new URL('../catalogue/inspectModelFile.ts', import.meta.url);
  const script = join(folder, 'inspect.mjs');
  writeFileSync(
    script,
    `import { inspectModelFile } from ${JSON.stringify(inspect.href)};
    console.log((await inspectModelFile(${JSON.stringify(model)})).family);`,
  );
  // An environment of its own: with CI in it ONNX Runtime tells nobody anyway.
  const environment = { PATH: process.env.PATH, HOME: home };
  const { stdout } = await promisify(execFile)(process.execPath, [script], { env: environment });
  expect(stdout).toBe('yolov8\n');
  expect(readdirSync(home)).toEqual([]);
});
