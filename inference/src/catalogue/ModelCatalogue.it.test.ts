import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DetectorPool } from '../detect/DetectorPool.ts';
import { emptyYolov8Model, encodeModel } from '../detect/testModels.ts';
import { ModelCatalogue } from './ModelCatalogue.ts';

const model = encodeModel(emptyYolov8Model(2));
let folder: string;
let modelsDir: string;
let ownPath: string;
let server: Server;
let origin: string;

beforeAll(async () => {
  server = createServer((_, response) => response.end(model));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'framelock-catalogue-'));
  modelsDir = join(folder, 'data', 'models');
  ownPath = join(folder, 'my cups.onnx');
  writeFileSync(ownPath, model);
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('ModelCatalogue', () => {
  it('has the bundled brand model as default, and says what is not here and how to get it', async () => {
    const catalogue = await ModelCatalogue.create({ modelsDir });
    expect(catalogue.defaultModelId).toBe('brands');
    expect(catalogue.entries().find(({ isDefault }) => isDefault)?.id).toBe('brands');
    expect(() => catalogue.resolve('yolox-nano')).toThrow('not on this node yet: pnpm models add yolox-nano');
    expect(() => catalogue.resolve('nosuch')).toThrow('there is no model nosuch');
    await expect(catalogue.add('nosuch')).rejects.toMatchObject({ code: 'notFound' });
  });

  it('takes MODEL as a path, recognised by what is in it', async () => {
    const catalogue = await ModelCatalogue.create({ modelsDir, model: ownPath });
    expect(catalogue.defaultModelProblem).toBeUndefined();
    expect(catalogue.resolve()).toMatchObject({
      id: 'my-cups',
      family: 'yolov8',
      path: ownPath,
      labels: ['cup', "bird's nest"],
    });
    const entry = catalogue.entries().find(({ isDefault }) => isDefault);
    expect(entry).toMatchObject({ id: 'my-cups', licence: 'MIT (as the file says)', available: true, bundled: false });
  });

  it('reads a side file beside the model', async () => {
    const input = { width: 32, height: 16, resize: 'stretch', channels: 'bgr', std: [255, 255, 255] };
    const side = { id: 'any', name: 'Cups', family: 'yolov8', licence: 'mine', labels: ['a', 'b'], input };
    writeFileSync(ownPath.replace('.onnx', '.json'), JSON.stringify(side));
    const catalogue = await ModelCatalogue.create({ modelsDir, model: ownPath });
    expect(catalogue.resolve()).toMatchObject({ id: 'my-cups', name: 'Cups', labels: ['a', 'b'] });
    expect(catalogue.resolve().input).toMatchObject({ resize: 'stretch', channels: 'bgr' });
    writeFileSync(ownPath.replace('.onnx', '.json'), JSON.stringify({ ...side, labels: ['a'] }));
    const wrong = await ModelCatalogue.create({ modelsDir, model: ownPath });
    expect(wrong.defaultModelProblem).toContain('yolov8 with 1 label needs [1,5,11]');
  });

  it.each([
    ['a missing file', '/nowhere/x.onnx', /there is no file \/nowhere\/x\.onnx/],
    ['an unknown id', 'nosuch', /no such id in the catalogue/],
  ])('goes on without a default model for %s', async (_, given, problem) => {
    const catalogue = await ModelCatalogue.create({ modelsDir, model: given });
    expect(catalogue.defaultModelProblem).toMatch(problem);
    expect(() => catalogue.resolve()).toThrow(problem);
    expect(catalogue.entries().some(({ isDefault }) => isDefault)).toBe(false);
  });

  it('adds by URL and by path, atomically, and finds both again', async () => {
    const catalogue = await ModelCatalogue.create({ modelsDir });
    const byUrl = await catalogue.addOwn({ url: `${origin}/nets/cups%20v2.onnx` }, { reach: 'loopback' });
    expect(byUrl).toMatchObject({ id: 'cups-v2', labels: 2, available: true });
    const byPath = await catalogue.addOwn({ path: ownPath }, { id: 'cups' });
    expect(byPath.id).toBe('cups-v2'); // the same file has its place already
    writeFileSync(ownPath, encodeModel({ ...emptyYolov8Model(2), metadata: {} }));
    expect(await catalogue.addOwn({ path: ownPath }, { id: 'cups' })).toMatchObject({ id: 'cups', labels: 2 });
    await expect(catalogue.addOwn({ path: ownPath }, { id: 'yolox-nano' })).resolves.toMatchObject({ id: 'cups' });
    const again = await ModelCatalogue.create({ modelsDir, model: 'cups' });
    expect(again.resolve()).toMatchObject({ id: 'cups', labels: ['class 0', 'class 1'] });
    expect(readdirSync(modelsDir).sort()).toEqual(['cups-v2.json', 'cups-v2.onnx', 'cups.json', 'cups.onnx']);
  });

  it('leaves nothing behind of what it refuses', async () => {
    const catalogue = await ModelCatalogue.create({ modelsDir });
    writeFileSync(ownPath, model.subarray(0, 200));
    await expect(catalogue.addOwn({ path: ownPath })).rejects.toMatchObject({ code: 'unsupported' });
    await expect(catalogue.addOwn({ path: join(folder, 'none.onnx') })).rejects.toMatchObject({ code: 'notFound' });
    await expect(catalogue.addOwn({ url: `${origin}/x.onnx` })).rejects.toMatchObject({ code: 'forbidden' });
    await expect(catalogue.addOwn({ path: ownPath }, { id: '../up' })).rejects.toMatchObject({ code: 'badRequest' });
    expect(readdirSync(modelsDir)).toEqual([]);
  });

  it('tells how far the adding of a model is, and why it failed', async () => {
    const bytes = 1_000_000; // less than the catalogue says, so that its limit lets it through
    let waiting: ServerResponse | undefined;
    const asked: string[] = [];
    const mirror = createServer(({ url }, response) => {
      asked.push(url!);
      response.writeHead(200, { 'content-length': bytes }).write(Buffer.alloc(bytes / 4));
      waiting = response;
    });
    await new Promise<void>((listening) => mirror.listen(0, '127.0.0.1', listening));
    const address = `http://127.0.0.1:${(mirror.address() as AddressInfo).port}`;
    const catalogue = await ModelCatalogue.create({ modelsDir, mirror: `${address}/models/` });
    const entry = () => catalogue.entries().find(({ id }) => id === 'yolox-nano')!;
    expect(entry()).toMatchObject({ sizeBytes: 3_659_407, adding: undefined, addProblem: undefined });
    const added = catalogue.add('yolox-nano');
    await expect.poll(() => entry().adding?.receivedBytes).toBe(bytes / 4);
    expect(entry().adding).toEqual({ phase: 'downloading', receivedBytes: bytes / 4, totalBytes: bytes });
    expect(catalogue.add('yolox-nano')).toBe(added);
    waiting!.end(Buffer.alloc((bytes * 3) / 4));
    await expect(added).rejects.toMatchObject({ code: 'unsupported' });
    expect(entry().adding).toBeUndefined();
    expect(entry().addProblem).toContain('not the file that was tried');
    expect(asked).toEqual(['/models/yolox-nano.onnx']);
    expect(readdirSync(modelsDir)).toEqual([]);
    await expect(catalogue.add('nosuch')).rejects.toMatchObject({ code: 'notFound' });
    mirror.closeAllConnections();
    await new Promise((closed) => mirror.close(closed));
  });

  it('leaves out a broken side file in MODELS_DIR', async () => {
    mkdirSync(modelsDir, { recursive: true });
    writeFileSync(join(modelsDir, 'broken.json'), '{');
    const leftOut: string[] = [];
    const onLeftOut = (path: string): void => void leftOut.push(path);
    const catalogue = await ModelCatalogue.create({ modelsDir, onLeftOut });
    expect(catalogue.entries().some(({ id }) => id === 'broken')).toBe(false);
    expect(leftOut).toEqual([join(modelsDir, 'broken.json')]);
  });
});

describe('DetectorPool', () => {
  it('shares one Detector per model and closes it with its last lease', async () => {
    const catalogue = await ModelCatalogue.create({ modelsDir, model: ownPath });
    const pool = new DetectorPool({ catalogue, executionProvider: 'cpu' });
    const [a, b] = await Promise.all([pool.acquire(), pool.acquire('my-cups')]);
    expect(a.detector).toBe(b.detector);
    expect(a).toMatchObject({ modelId: 'my-cups', name: 'my-cups' });
    a.release();
    a.release();
    expect(b.detector.closed).toBe(false);
    b.release();
    await expect.poll(() => b.detector.closed).toBe(true);
    const c = await pool.acquire();
    expect(c.detector).not.toBe(b.detector);
    await expect(pool.acquire('yolox-nano')).rejects.toMatchObject({ code: 'unavailable' });
    expect(pool.dump().detectors).toHaveLength(1);
    await pool.close('the test is over');
    expect(c.detector.closed).toBe(true);
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('refuses a model that does not fit and leaves the running one alone', async () => {
    mkdirSync(modelsDir, { recursive: true });
    writeFileSync(join(modelsDir, 'yolox-nano.onnx'), model);
    const catalogue = await ModelCatalogue.create({ modelsDir, model: ownPath });
    const pool = new DetectorPool({ catalogue, executionProvider: 'cpu' });
    const lease = await pool.acquire();
    await expect(pool.acquire('yolox-nano')).rejects.toMatchObject({ code: 'unsupported' });
    expect(lease.detector.closed).toBe(false);
    await pool.close('the test is over');
  });
});

describe('pnpm models', () => {
  const models = (...args: string[]) => {
    const command = join(import.meta.dirname, 'modelsCommand.ts');
    const env = { ...process.env, DATA_DIR: join(folder, 'data'), MODELS_DIR: '', INIT_CWD: folder };
    const { stdout, stderr, status } = spawnSync(process.execPath, [command, ...args], { env, encoding: 'utf8' });
    return { stdout, stderr, status };
  };

  it('lists, adds a path and a URL, and refuses with a sentence', () => {
    expect(models('list').stdout).toMatch(/^yolox-nano .*Apache-2\.0 +pnpm models add$/m);
    expect(models('add', 'my cups.onnx')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('MODEL=my-cups') as string,
    });
    expect(models('list').stdout).toMatch(/^my-cups .*2 labels .*here$/m);
    expect(models('add', 'nosuch')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('no id of the catalogue') as string,
    });
    expect(models('add', 'http://127.0.0.1:1/x.onnx').stderr).toContain('--allow-private takes it');
    expect(models().status).toBe(2);
    expect(existsSync(join(folder, 'data/models/my-cups.json'))).toBe(true);
  });
});

it.each([undefined, 'marker'])('the bundled models load: %s', async (modelId) => {
  const pool = new DetectorPool({ catalogue: await ModelCatalogue.create({ modelsDir }), executionProvider: 'cpu' });
  const { detector } = await pool.acquire(modelId);
  const slot = detector.slots.acquire()!;
  detector.slots.view(slot).fill(0.4);
  expect((await detector.detect({ slot, frameWidth: 1280, frameHeight: 720 })).objects).toEqual([]);
  expect(detector.dump().maxBatch).toBe(8);
  await pool.close('the test is over');
});
