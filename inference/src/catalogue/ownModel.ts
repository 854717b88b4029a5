import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseOrRefuse, Refusal } from '@framelock/server/protocol';
import {
  type CatalogueEntry,
  type CatalogueInput,
  type CatalogueRecord,
  catalogueRecordSchema,
} from './catalogueEntry.ts';
import { entryOf, readLabels, sha256Of } from './catalogueFile.ts';
import { readModelMetadata } from '../detect/modelFormat.ts';
import { inspectModelFile } from './inspectModelFile.ts';

/** A file name as an id: what an id may not hold becomes `-`. */
export function idFromFileName(path: string): string {
  const id = basename(path)
    .replace(/\.onnx$/i, '')
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64);
  return id === '' ? 'model' : id;
}

/**
 * What a file that came by path or URL is: the catalogued model with its sha256, else what its side file (`x.onnx` and
 * `x.json`) says, else what its outputs look like.
 */
export async function describeModelFile(
  path: string,
  records: readonly CatalogueRecord[],
  id = idFromFileName(path),
): Promise<CatalogueRecord> {
  const size = await sizeOf(path);
  if (size === 0) throw new Refusal('unsupported', 'the file is empty');
  const sha256 = await sha256Of(path);
  const catalogued = records.find((record) => record.sha256 === sha256);
  if (catalogued) return catalogued;
  const side = await readSideFile(path);
  if (side) {
    const record = { ...side, id, file: undefined };
    await inspectModelFile(path, await entryOf(record));
    return record;
  }
  const stated = (await readModelMetadata(path)).get('license')?.slice(0, 80);
  const licence = stated ? `${stated} (as the file says)` : 'unknown (your own file)';
  return recordOf({ id, sha256, sizeBytes: size, licence }, await inspectModelFile(path));
}

async function sizeOf(path: string): Promise<number> {
  try {
    const file = await stat(path);
    if (!file.isFile()) throw new Refusal('unsupported', 'it is not a file');
    return file.size;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal('notFound', `there is no file ${path}`);
  }
}

export const sideFileOf = (modelPath: string): string => modelPath.replace(/(\.onnx)?$/i, '.json');

async function readSideFile(modelPath: string): Promise<CatalogueRecord | undefined> {
  const path = sideFileOf(modelPath);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    return parseOrRefuse(catalogueRecordSchema, JSON.parse(text), basename(path));
  } catch (error) {
    if (error instanceof SyntaxError) throw new Refusal('badRequest', `${basename(path)} is no JSON: ${error.message}`);
    throw error;
  }
}

type Facts = Awaited<ReturnType<typeof inspectModelFile>>;

type Known = Pick<CatalogueRecord, 'id' | 'sha256' | 'sizeBytes' | 'licence'>;

async function recordOf(known: Known, facts: Facts): Promise<CatalogueRecord> {
  const { family, labels, nmsIou, scoreThreshold } = facts;
  const unnamed = labels.every((label, i) => label === `class ${i}`);
  const base = { ...known, name: known.id, task: 'detect', family } as const;
  const names = unnamed && labels.length === 80 ? await readLabels('labels/coco.txt') : labels;
  return { ...base, labels: names, nmsIou, scoreThreshold, input: inputOf(facts.input) };
}

/** InputSpec back to mean and standard deviation. */
function inputOf({ scale, bias, ...rest }: CatalogueEntry['input']): CatalogueInput {
  const [a, b, c] = scale;
  const round = (value: number): number => Number(value.toPrecision(7));
  const mean = scale.map((s, i) => round(-bias[i]! / s) + 0) as CatalogueInput['mean'];
  return { ...rest, mean, std: [round(1 / a), round(1 / b), round(1 / c)] };
}
