import { BoxList, type InputSpec } from '@framelock/server/protocol/analysis';
import { expect, it } from 'vitest';
import { readModelSpec } from './BrowserModelSpec.ts';
import { fillTensor } from './fillTensor.ts';
import { readRows } from './readRows.ts';
import { whyNotHere } from './whyNotHere.ts';
import { readFileSync } from 'node:fs';

const spec: InputSpec = {
  ...{ width: 2, height: 1, resize: 'letterbox', channels: 'rgb', pad: 114 },
  ...{ scale: [1 / 255, 1 / 255, 1 / 255], bias: [0, 0, 0] },
};
const pixels = Uint8ClampedArray.from([255, 0, 51, 255, 0, 255, 102, 255]);

it('makes three planes of pixels, in the order and scale of the model', () => {
  const tensor = new Float32Array(6);
  fillTensor(spec, pixels, tensor);
  expect([...tensor].map((value) => Math.round(value * 10) / 10)).toEqual([1, 0, 0, 1, 0.2, 0.4]);
  fillTensor({ ...spec, channels: 'bgr', scale: [1, 1, 1], bias: [-1, 0, 1] }, pixels, tensor);
  expect([...tensor]).toEqual([50, 101, 0, 255, 256, 1]);
});

it('reads finished rows: those that are sure enough, and no NaN', () => {
  const rows = Float32Array.from([
    ...[1, 2, 3, 4, 0.9, 0],
    ...[1, 2, 3, 4, 0.2, 0],
    ...[1, 2, 3, 4, NaN, 0],
    ...[5, 6, 7, 8, 0.8, 1],
    ...[5, 6, 7, 8, 0.8, 2],
    ...[0, 0, 0, 0, 0, 0],
  ]);
  const boxes = new BoxList();
  readRows(rows, { scoreThreshold: 0.5, labelCount: 2 }, boxes);
  expect(boxes.length).toBe(2);
  // The last number is the row, where the embedding is.
  expect([...boxes.data.subarray(7, 14)].map((value) => Math.round(value * 10) / 10)).toEqual([5, 6, 7, 8, 0.8, 1, 3]);
});

it('reads the model.json of the bundled models', () => {
  const read = (folder: string): unknown =>
    JSON.parse(readFileSync(new URL(`../../../inference/models/${folder}/model.json`, import.meta.url), 'utf8'));
  const marker = readModelSpec('/marker.onnx', read('marker'));
  expect(marker).toMatchObject({ id: 'marker', inputName: 'images', input: { width: 512, height: 288, pad: 114 } });
  expect(marker.brands).toBeUndefined();
  const brands = readModelSpec('/brands.onnx', read('brands'));
  expect(brands.input).toMatchObject({ resize: 'letterbox', pad: 114, bias: [-0, -0, -0] });
  expect(brands.brands!.matchThreshold).toBeGreaterThan(0);
  expect(() => readModelSpec('/x.onnx', { ...(read('marker') as object), family: 'yolox' })).toThrow();
});

it('says what is missing in a browser', () => {
  const can = {
    ...{ isSecureContext: true, OffscreenCanvas: 1, WebAssembly: 1, Worker: 1 },
    ...{ MediaStreamTrackProcessor: 1, MediaStreamTrackGenerator: 1, RTCRtpScriptTransform: 1 },
  } as unknown as Parameters<typeof whyNotHere>[0];
  expect(whyNotHere(can)).toBeUndefined();
  expect(whyNotHere({ ...can, isSecureContext: false })).toMatch(/HTTPS/);
  const { MediaStreamTrackProcessor: _processor, ...firefox } = can;
  expect(whyNotHere(firefox)).toMatch(/single camera frames/);
  const { RTCRtpScriptTransform: _transform, ...old } = can;
  expect(whyNotHere(old)).toMatch(/timestamp/);
});
