/** ONNX models of a few nodes, with known answers, for tests only. */
import onnxProto from 'onnx-proto';

const { onnx } = onnxProto;

export const testSize = { width: 32, height: 16 };

interface Constant {
  name: string;
  dims: number[];
  /** float32 unless `int64`. */
  values: number[];
  int64?: boolean;
}

interface Node {
  op: string;
  input: string[];
  output: string;
  /** Integer, or integers. */
  attributes?: Record<string, number | number[]>;
}

export interface TestModel {
  nodes: Node[];
  constants: Constant[];
  input: (number | string)[];
  output: { name: string; dims: (number | string)[] };
  metadata?: Record<string, string>;
}

export function encodeModel({ nodes, constants, input, output, metadata = {} }: TestModel): Uint8Array {
  const value = (name: string, dims: (number | string)[]) => {
    const dim = dims.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size }));
    return { name, type: { tensorType: { elemType: 1, shape: { dim } } } };
  };
  const attribute = ([name, given]: [string, number | number[]]) =>
    Array.isArray(given) ? { name, type: 7, ints: given } : { name, type: 2, i: given };
  const model = {
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    metadataProps: Object.entries(metadata).map(([key, text]) => ({ key, value: text })),
    graph: {
      name: 'test',
      node: nodes.map(({ op, input: inputs, output: out, attributes = {} }, i) => {
        const attributeList = Object.entries(attributes).map(attribute);
        return { opType: op, name: `node${i}`, input: inputs, output: [out], attribute: attributeList };
      }),
      initializer: constants.map(({ name, dims, values, int64 }) => {
        const data = int64 ? BigInt64Array.from(values, BigInt) : Float32Array.from(values);
        return { name, dims, dataType: int64 ? 7 : 1, rawData: new Uint8Array(data.buffer) };
      }),
      input: [value('images', input)],
      output: [value(output.name, output.dims)],
    },
  };
  return onnx.ModelProto.encode(onnx.ModelProto.fromObject(model)).finish();
}

const pixels = [3, testSize.height, testSize.width];

/**
 * One row per picture, [8, 4, 24, 12] in a 32x16 input, whose score is the picture's mean. A mean of 2 or more makes
 * the run itself fail (an index out of bounds), as a broken graph or driver does. `batch` a name: a dynamic batch.
 */
export function meanModel(batch: number | string): TestModel {
  return {
    input: [batch, ...pixels],
    output: { name: 'detections', dims: [batch, 1, 6] },
    constants: [
      { name: 'toRow', dims: [3], values: [-1, 1, 1], int64: true },
      { name: 'scoreOnly', dims: [6], values: [0, 0, 0, 0, 1, 0] },
      { name: 'box', dims: [6], values: [8, 4, 24, 12, 0, 0] },
      { name: 'zeros', dims: [2], values: [0, 0] },
    ],
    nodes: [
      { op: 'ReduceMean', input: ['images'], output: 'mean', attributes: { axes: [1, 2, 3], keepdims: 1 } },
      { op: 'Reshape', input: ['mean', 'toRow'], output: 'row' },
      { op: 'Cast', input: ['row'], output: 'index', attributes: { to: 7 } },
      { op: 'Gather', input: ['zeros', 'index'], output: 'zero' },
      { op: 'Add', input: ['row', 'zero'], output: 'checked' },
      { op: 'Mul', input: ['checked', 'scoreOnly'], output: 'score' },
      { op: 'Add', input: ['score', 'box'], output: 'detections' },
    ],
  };
}

/** States a dynamic batch but holds a fixed reshape inside, as some exporters leave it. */
export function falselyDynamicModel(): TestModel {
  const model = meanModel('batch');
  model.constants[0] = { name: 'toRow', dims: [3], values: [1, 1, 1], int64: true };
  return model;
}

/** A yolov8-shaped output of zeros for the size, with Ultralytics' metadata. */
export function emptyYolov8Model(labels: number): TestModel {
  const cells = 4 * 2 + 2 + 1;
  return {
    input: [1, ...pixels],
    output: { name: 'output0', dims: [1, 4 + labels, cells] },
    constants: [
      { name: 'zeros', dims: [1, 4 + labels, cells], values: new Array<number>((4 + labels) * cells).fill(0) },
    ],
    nodes: [
      { op: 'ReduceMean', input: ['images'], output: 'mean', attributes: { axes: [1, 2, 3], keepdims: 0 } },
      { op: 'Mul', input: ['mean', 'zeros'], output: 'output0' },
    ],
    metadata: { names: `{0: 'cup', 1: "bird's nest"}`, license: 'MIT', imgsz: '[16, 32]' },
  };
}
