import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { idSchema, storedRecordingSchema } from '@framelock/server/protocol';
import { writeFileAtomic } from './atomicFile.ts';

export const publicationFileName = 'publication.json';
export const publicationFileSchema = z.object({
  v: z.literal(1),
  streamId: idSchema,
  publicationId: idSchema,
  createdAtMs: z.number(),
  /** Is kept when the Publication ends. */
  recording: z.boolean(),
  /** `live` of a folder that nobody writes: a crash ended it. */
  state: z.enum(['live', 'complete', 'recovered']),
  /** Once nothing changes any more, so that a node with many Recordings starts without reading all their indexes. */
  summary: storedRecordingSchema.optional(),
});
/** `publication.json`: what a folder is. */
export type PublicationFile = z.infer<typeof publicationFileSchema>;

/** undefined: there is none, or none that makes sense. */
export async function readPublicationFile(dir: string): Promise<PublicationFile | undefined> {
  try {
    return publicationFileSchema.safeParse(JSON.parse(await readFile(join(dir, publicationFileName), 'utf8'))).data;
  } catch {
    return undefined;
  }
}

export const writePublicationFile = (dir: string, file: PublicationFile): Promise<void> =>
  writeFileAtomic(dir, publicationFileName, `${JSON.stringify(file)}\n`);
