import { type OutputFamily, Refusal } from '@framelock/server/protocol';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { type CatalogueEntry, inputSpecOf } from '../catalogue/catalogueEntry.ts';
import { families } from './families/families.ts';
import { type Decode, type FamilyContext, type FamilyMatch, type OutputTensor, shapeText } from './families/Family.ts';
import { floatsPerPicture, type InputSpec } from '@framelock/server/protocol/analysis';
import { labelsFromMetadata } from './modelFormat.ts';

/** What a first run of a model showed: how to feed it and how to read it. */
export interface InspectedModel {
  family: OutputFamily;
  input: InputSpec;
  labels: string[];
  nmsIou: number;
  scoreThreshold: number;
  /** Name of the picture input. */
  imageInput: string;
  /** Name of the int64 [N,2] input that takes the picture's size, as DETR-like models have. */
  sizesInput: string | undefined;
  /** Name of the float32 [1,1,4] input that takes a box to embed, as our brand model has. */
  queryInput: string | undefined;
  /** Name of the float32 [N,K,dim] output with an embedding for each row. */
  embeddingsOutput: string | undefined;
  /** Several pictures in one run work. */
  dynamicBatch: boolean;
  /** Output shapes for one picture where every run gives the same; batch first. */
  fixedOutputs: Map<string, number[]> | undefined;
  decode: Decode;
}

type ShapedMetadata = Extract<InferenceSession.ValueMetadata, { isTensor: true }>;
type Shape = ShapedMetadata['shape'];

const quote = (inputs: readonly InferenceSession.ValueMetadata[]): string =>
  inputs
    .map((input) => `'${input.name}'${input.isTensor ? ` ${input.type} ${shapeText(input.shape)}` : ''}`)
    .join(', ');

/**
 * Runs the model once on a grey picture and matches what comes out with its entry's family, or, without an entry, with
 * each family in turn. Refuses with `unsupported`, naming what was found and what was needed.
 */
export async function inspectModel(
  session: InferenceSession,
  entry: CatalogueEntry | undefined,
  metadata: ReadonlyMap<string, string>,
): Promise<InspectedModel> {
  const { image, sizes, query } = findInputs(session);
  const size = inputSize(image, entry, metadata);
  const inputs = { imageInput: image.name, sizesInput: sizes?.name, queryInput: query?.name };
  const outputs = await probe(session, inputs, size, 1);
  const dynamicBatch = typeof image.shape[0] === 'string' && (await takesTwo(session, inputs, size));
  const embeddingsOutput = session.outputNames.find((name) => name === 'embeddings');
  const common = { ...inputs, embeddingsOutput, dynamicBatch, fixedOutputs: fixedOutputs(session, outputs) };
  if (entry) {
    const context = { ...size, labelCount: entry.labels.length, scoreThreshold: entry.scoreThreshold };
    const match = families[entry.family].match(outputs, context);
    if ('mismatch' in match) throw new Refusal('unsupported', match.mismatch);
    const { family, input, labels, nmsIou, scoreThreshold } = entry;
    return { ...common, family, input, labels, nmsIou, scoreThreshold, decode: match.decode };
  }
  const labels = labelsFromMetadata(metadata.get('names'));
  const context = { ...size, labelCount: labels?.length, scoreThreshold: 0.35 };
  const { family, match } = recognise(outputs, context);
  const facts = families[family];
  return {
    ...common,
    family,
    input: inputSpecOf({ ...facts.input, ...size }),
    labels: labels ?? Array.from({ length: match.labelCount }, (_, i) => `class ${i}`),
    nmsIou: facts.nmsIou,
    scoreThreshold: context.scoreThreshold,
    decode: match.decode,
  };
}

function recognise(outputs: readonly OutputTensor[], context: FamilyContext) {
  for (const [family, { match }] of Object.entries(families)) {
    const found: FamilyMatch = match(outputs, context);
    if ('decode' in found) return { family: family as OutputFamily, match: found };
  }
  const found = outputs.map(({ name, dims }) => `'${name}' ${shapeText(dims)}`).join(', ');
  const known = Object.keys(families).join(', ');
  throw new Refusal('unsupported', `no known family (${known}) has such outputs: ${found}`);
}

interface ModelInputs {
  image: ShapedMetadata;
  sizes: ShapedMetadata | undefined;
  query: ShapedMetadata | undefined;
}

function findInputs(session: InferenceSession): ModelInputs {
  const shaped = session.inputMetadata.filter((input): input is ShapedMetadata => input.isTensor);
  const image = shaped.find(({ shape }) => shape.length === 4);
  const others = session.inputMetadata.filter((input) => input !== image);
  const sizes = shaped.find(({ type, shape }) => type === 'int64' && shape.length === 2 && shape[1] === 2);
  const query = shaped.find(({ name, type, shape }) => name === 'query' && type === 'float32' && shape.at(-1) === 4);
  if (!image || others.length > (sizes ? 1 : 0) + (query ? 1 : 0)) {
    const found = quote(session.inputMetadata);
    throw new Refusal('unsupported', `its inputs are ${found}; one picture [N,3,H,W] is needed, and no others`);
  }
  const planes = image.shape[1];
  if (image.type !== 'float32' || (typeof planes === 'number' && planes !== 3)) {
    throw new Refusal('unsupported', `input ${quote([image])} does not fit; float32 [N,3,H,W] is needed`);
  }
  return { image, sizes, query };
}

function inputSize(
  { name, shape }: ShapedMetadata,
  entry: CatalogueEntry | undefined,
  metadata: ReadonlyMap<string, string>,
): { width: number; height: number } {
  const [, , height, width] = shape;
  const [, statedHeight, statedWidth] = /^\[(\d+), (\d+)\]$/.exec(metadata.get('imgsz') ?? '') ?? [];
  const size = {
    height: typeof height === 'number' ? height : (entry?.input.height ?? Number(statedHeight ?? 640)),
    width: typeof width === 'number' ? width : (entry?.input.width ?? Number(statedWidth ?? 640)),
  };
  if (entry && (entry.input.width !== size.width || entry.input.height !== size.height)) {
    const needed = `${entry.input.width}x${entry.input.height}`;
    throw new Refusal('unsupported', `input '${name}' is ${shapeText(shape)}, but its entry says ${needed}`);
  }
  if (size.width < 16 || size.height < 16 || size.width > 4096 || size.height > 4096) {
    throw new Refusal('unsupported', `input '${name}' is ${shapeText(shape)}; sides of 16 to 4096 pixels are needed`);
  }
  return size;
}

type Inputs = Pick<InspectedModel, 'imageInput' | 'sizesInput' | 'queryInput'>;

async function probe(
  session: InferenceSession,
  inputs: Inputs,
  size: { width: number; height: number },
  batch: number,
) {
  const { width, height } = size;
  const floats = batch * floatsPerPicture(size as InputSpec);
  const image = new Tensor('float32', new Float32Array(floats).fill(0.4), [batch, 3, height, width]);
  const outputs = await session.run({
    [inputs.imageInput]: image,
    ...sizesFeed(inputs.sizesInput, size, batch),
    ...queryFeed(inputs.queryInput, undefined),
  });
  return session.outputNames.map((name): OutputTensor => readOutput(name, outputs[name]!));
}

/** The size given is the input's, so that boxes come back in input pixels as from the other families. */
export function sizesFeed(name: string | undefined, size: { width: number; height: number }, batch: number) {
  if (name === undefined) return {};
  const sizes = Array.from({ length: batch }, () => [BigInt(size.width), BigInt(size.height)]).flat();
  return { [name]: new Tensor('int64', BigInt64Array.from(sizes), [batch, 2]) };
}

/** No box: all zeros. */
export function queryFeed(name: string | undefined, query: readonly number[] | undefined): Record<string, Tensor> {
  return name === undefined ? {} : { [name]: new Tensor('float32', Float32Array.from(query ?? noQuery), [1, 1, 4]) };
}
const noQuery = [0, 0, 0, 0];

export function readOutput(name: string, { type, dims, data }: Tensor): OutputTensor {
  if (type !== 'float32' && type !== 'int64' && type !== 'int32') {
    throw new Refusal('unsupported', `output '${name}' is ${type}; float32, int64 or int32 is needed`);
  }
  return { name, type, dims, data: data as OutputTensor['data'] };
}

/** A symbolic batch is a promise that some exporters break, with a fixed reshape inside the graph. */
async function takesTwo(session: InferenceSession, inputs: Inputs, size: { width: number; height: number }) {
  try {
    const outputs = await probe(session, inputs, size, 2);
    return outputs.every(({ dims }) => dims[0] === 2);
  } catch {
    return false;
  }
}

function fixedOutputs(session: InferenceSession, outputs: readonly OutputTensor[]): Map<string, number[]> | undefined {
  const shapes = new Map<string, number[]>();
  for (const [i, output] of outputs.entries()) {
    const stated: Shape | undefined = (session.outputMetadata[i] as ShapedMetadata | undefined)?.shape;
    if (output.type !== 'float32' || !stated?.slice(1).every((dim) => typeof dim === 'number')) return undefined;
    shapes.set(output.name, [...output.dims]);
  }
  return shapes;
}
