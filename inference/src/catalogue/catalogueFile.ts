import { createReadStream } from 'node:fs';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { type CatalogueEntry, type CatalogueRecord, catalogueRecordSchema, inputSpecOf } from './catalogueEntry.ts';

/** Where the committed catalogue, its label files and the bundled model are. */
export const bundledModelsDir = join(import.meta.dirname, '../../models');

const catalogueSchema = z.object({
  version: z.literal(1),
  about: z.string(),
  models: z
    .array(catalogueRecordSchema)
    .refine((models) => new Set(models.map(({ id }) => id)).size === models.length, 'an id occurs twice'),
});

export async function readCatalogue(): Promise<CatalogueRecord[]> {
  const text = await readFile(join(bundledModelsDir, 'catalogue.json'), 'utf8');
  return catalogueSchema.parse(JSON.parse(text)).models;
}

export async function entryOf(record: CatalogueRecord): Promise<CatalogueEntry> {
  const { labels, input, file, source: _source, ...rest } = record;
  const names = typeof labels === 'string' ? await readLabels(labels) : labels;
  return { ...rest, bundled: file !== undefined, labels: names, input: inputSpecOf(input) };
}

/** One label a line, relative to inference/models. */
export async function readLabels(file: string): Promise<string[]> {
  const text = await readFile(join(bundledModelsDir, file), 'utf8');
  return text.split('\n').filter((line) => line.trim() !== '');
}

/** Lower-case hex, as the catalogue has it. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
