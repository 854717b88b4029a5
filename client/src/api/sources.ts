import {
  sourceFileListSchema,
  sourceFileSchema,
  sourceViewSchema,
  type SourceSpec,
  type SourceView,
} from '@framelock/server/protocol';
import { z } from 'zod';
import { request } from './request.ts';
import { upload, type UploadOptions } from './upload.ts';

export type SourceFile = z.infer<typeof sourceFileSchema>;

const nothing = z.unknown();
const files = '/api/v1/files';

/** Feeds the Stream from now on, until it is stopped; also over restarts of the server. */
export function startSource(streamId: string, spec: SourceSpec): Promise<SourceView> {
  return request(pathOf(streamId), sourceViewSchema, { method: 'POST', body: spec });
}

export async function stopSource(streamId: string): Promise<void> {
  await request(pathOf(streamId), nothing, { method: 'DELETE' });
}

/** Ends whatever publishes now; where that is a Source, it is no longer one of the Stream. */
export async function stopPublication(streamId: string): Promise<void> {
  await request(`/api/v1/streams/${encodeURIComponent(streamId)}/publication`, nothing, { method: 'DELETE' });
}

/** For administrators; who holds a stream key only can do without the list. */
export async function listSourceFiles(signal?: AbortSignal): Promise<SourceFile[]> {
  return (await request(files, sourceFileListSchema, { needed: false, ...(signal ? { signal } : {}) })).files;
}

/** A video file into the folder that `file` Sources play from; the answer has the name that it got there. */
export function uploadSourceFile(file: File, options: UploadOptions = {}): Promise<SourceFile> {
  return upload(`${files}?name=${encodeURIComponent(file.name)}`, file, sourceFileSchema, options);
}

/** Refused while a Source plays it. */
export async function deleteSourceFile(name: string): Promise<void> {
  await request(`${files}/${encodeURIComponent(name)}`, nothing, { method: 'DELETE' });
}

function pathOf(streamId: string): string {
  return `/api/v1/streams/${encodeURIComponent(streamId)}/source`;
}
