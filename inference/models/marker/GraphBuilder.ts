import { createHash } from 'node:crypto';
import onnxProto from 'onnx-proto';

const { onnx } = onnxProto;

const float32 = 1;
const int64 = 7;
const attributeType = { float: 1, int: 2, string: 3, ints: 7 } as const;

/** Attribute values: a string stays one, `{float}` is a float, a number is an integer. */
type AttributeValue = number | string | number[] | { float: number };

/** The name of a tensor inside the graph. */
export type Tensor = string;

/** Writes an ONNX graph node by node; every call that makes a tensor returns its name. Output bytes depend on the calls only. */
export class GraphBuilder {
  readonly #nodes: { input: Tensor[] }[] = [];
  readonly #initializers: { name: Tensor }[] = [];
  readonly #constants = new Map<string, Tensor>();
  #count = 0;

  /** A float32 constant; `values.length` must be the product of `dims`. */
  floats(values: ArrayLike<number>, dims: number[]): Tensor {
    const data = Float32Array.from(values);
    if (data.length !== dims.reduce((product, dim) => product * dim, 1))
      throw new Error(`constant of ${data.length} values for [${dims}]`);
    return this.#initializer(float32, dims, new Uint8Array(data.buffer));
  }

  /** An int64 vector, or with `dims` [] a scalar. */
  integers(values: number[], dims: number[] = [values.length]): Tensor {
    return this.#initializer(int64, dims, new Uint8Array(BigInt64Array.from(values, (value) => BigInt(value)).buffer));
  }

  /** One scalar float32 constant. */
  scalar(value: number): Tensor {
    return this.floats([value], []);
  }

  /** Adds a node with one output. */
  op(opType: string, input: Tensor[], attributes: Record<string, AttributeValue> = {}, output?: Tensor): Tensor {
    return this.ops(opType, input, attributes, [output ?? this.#name(opType)])[0] as Tensor;
  }

  /** Adds a node with the outputs named. */
  ops(opType: string, input: Tensor[], attributes: Record<string, AttributeValue>, output: Tensor[]): Tensor[] {
    const attribute = Object.entries(attributes).map(([name, value]) => encodeAttribute(name, value));
    const node = { opType, name: this.#name('node'), input, output, attribute };
    this.#nodes.push(node);
    return output;
  }

  /** A name not used before. */
  fresh(stem: string): Tensor {
    return this.#name(stem);
  }

  encode(options: {
    name: string;
    opset: number;
    input: { name: Tensor; dims: (number | string)[] };
    output: { name: Tensor; dims: (number | string)[] };
  }): Uint8Array {
    // onnxruntime warns of constants that no node reads.
    const used = new Set(this.#nodes.flatMap((node) => node.input));
    const valueInfo = (value: { name: Tensor; dims: (number | string)[] }) => ({
      name: value.name,
      type: {
        tensorType: {
          elemType: float32,
          shape: { dim: value.dims.map((dim) => (typeof dim === 'string' ? { dimParam: dim } : { dimValue: dim })) },
        },
      },
    });
    const model = {
      irVersion: 8,
      producerName: 'framelock',
      opsetImport: [{ domain: '', version: options.opset }],
      graph: {
        name: options.name,
        node: this.#nodes,
        initializer: this.#initializers.filter(({ name }) => used.has(name)),
        input: [valueInfo(options.input)],
        output: [valueInfo(options.output)],
      },
    };
    return onnx.ModelProto.encode(onnx.ModelProto.fromObject(model)).finish();
  }

  /** Equal constants are stored once. */
  #initializer(dataType: number, dims: number[], rawData: Uint8Array): Tensor {
    const key = `${dataType} [${dims}] ${createHash('sha256').update(rawData).digest('hex')}`;
    const known = this.#constants.get(key);
    if (known) return known;
    const name = this.#name('constant');
    this.#constants.set(key, name);
    const tensor = { name, dataType, dims, rawData };
    this.#initializers.push(tensor);
    return name;
  }

  #name(stem: string): Tensor {
    return `${stem}_${this.#count++}`;
  }
}

function encodeAttribute(name: string, value: AttributeValue): object {
  if (typeof value === 'string') return { name, type: attributeType.string, s: new TextEncoder().encode(value) };
  if (typeof value === 'number') return { name, type: attributeType.int, i: value };
  if (Array.isArray(value)) return { name, type: attributeType.ints, ints: value };
  return { name, type: attributeType.float, f: value.float };
}
