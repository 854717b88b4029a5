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
const source = '/api/v1/streams/{id}/source';

/** Feeds the Stream from now on, until it is stopped; also over restarts of the server. */
export function startSource(streamId: string, spec: SourceSpec): Promise<SourceView> {
  return request('post', source, sourceViewSchema, { path: { id: streamId }, body: spec });
}

export async function stopSource(streamId: string): Promise<void> {
  await request('delete', source, nothing, { path: { id: streamId } });
}

/** Ends whatever publishes now; where that is a Source, it is no longer one of the Stream. */
export async function stopPublication(streamId: string): Promise<void> {
  await request('delete', '/api/v1/streams/{id}/publication', nothing, { path: { id: streamId } });
}

/** For administrators; who holds a stream key only can do without the list. */
export async function listSourceFiles(signal?: AbortSignal): Promise<SourceFile[]> {
  return (await request('get', files, sourceFileListSchema, { needed: false, signal })).files;
}

/** A video file into the folder that `file` Sources play from; the answer has the name that it got there. */
export function uploadSourceFile(file: File, options: UploadOptions = {}): Promise<SourceFile> {
  return upload(`${files}?name=${encodeURIComponent(file.name)}`, file, sourceFileSchema, options);
}

/** Refused while a Source plays it. */
export async function deleteSourceFile(name: string): Promise<void> {
  await request('delete', `${files}/{name}`, nothing, { path: { name } });
}
