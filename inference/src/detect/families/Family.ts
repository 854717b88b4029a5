import type { BoxList } from '@framelock/server/protocol/analysis';

/** One output of a model run. `dims[0]` is the batch. */
export interface OutputTensor {
  name: string;
  type: string;
  dims: readonly number[];
  data: Float32Array | BigInt64Array | Int32Array;
}

export interface FamilyContext {
  /** Size of the model's input, pixels. */
  width: number;
  height: number;
  /** How many labels the catalogue lists; undefined: the outputs say. */
  labelCount: number | undefined;
  scoreThreshold: number;
}

/** Appends picture `image` of the batch's candidates, in input pixels, scores at or above the threshold. */
export type Decode = (outputs: readonly OutputTensor[], image: number, boxes: BoxList) => void;

export type FamilyMatch = { labelCount: number; decode: Decode } | { mismatch: string };

/**
 * Tells from the outputs of a first run (with their values) whether a model is of this family, and how to read it.
 * A mismatch says what was found and what is needed.
 */
export type MatchFamily = (outputs: readonly OutputTensor[], context: FamilyContext) => FamilyMatch;

export const shapeText = (dims: readonly unknown[]): string => `[${dims.join(',')}]`;

/** The floats of one picture of the batch. */
export function floatsOf(output: OutputTensor, image: number): { data: Float32Array; begin: number } {
  return { data: output.data as Float32Array, begin: (image * output.data.length) / output.dims[0]! };
}

/** Cells over all strides: how many anchor points an anchor-free head has for this input. */
export function cellCount(width: number, height: number, strides: readonly number[]): number {
  return strides.reduce((sum, stride) => sum + Math.ceil(width / stride) * Math.ceil(height / stride), 0);
}

export function mismatchOf(output: OutputTensor, family: string, labelCount: number | undefined, needed: string) {
  const withLabels = labelCount === undefined ? '' : ` with ${labelCount} label${labelCount === 1 ? '' : 's'}`;
  return {
    mismatch: `output '${output.name}' is ${shapeText(output.dims)}, but ${family}${withLabels} needs ${needed}`,
  };
}

export function wrongOutputCount(outputs: readonly OutputTensor[], family: string, needed: string) {
  const names = outputs.map(({ name, dims }) => `'${name}' ${shapeText(dims)}`).join(', ');
  return { mismatch: `it has ${outputs.length} outputs (${names}), but ${family} needs ${needed}` };
}
