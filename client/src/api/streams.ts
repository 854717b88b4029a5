import {
  createdStreamSchema,
  streamDetailSchema,
  streamListSchema,
  streamViewSchema,
  type ChangeStream,
  type CreatedStream,
  type StreamDetail,
  type StreamView,
} from '@framelock/server/protocol';
import { z } from 'zod';
import { request } from './request.ts';

const base = '/api/v1/streams';
const one = `${base}/{id}` as const;
const nothing = z.unknown();

export async function listStreams(signal?: AbortSignal): Promise<StreamView[]> {
  return (await request('get', base, streamListSchema, { signal })).streams;
}

export function createStream(name: string): Promise<CreatedStream> {
  return request('post', base, createdStreamSchema, { body: { name } });
}

export function getStream(id: string, signal?: AbortSignal): Promise<StreamDetail> {
  return request('get', one, streamDetailSchema, { path: { id }, signal });
}

/** What is not named stays as it is. */
export function changeStream(id: string, change: ChangeStream): Promise<StreamView> {
  return request('patch', one, streamViewSchema, { path: { id }, body: change });
}

export async function deleteStream(id: string): Promise<void> {
  await request('delete', one, nothing, { path: { id } });
}

/** null = the node's default. */
export async function setStreamModel(id: string, modelId: string | null): Promise<void> {
  await request('put', `${one}/model`, nothing, { path: { id }, body: { modelId } });
}

export async function uploadPoster(id: string, jpeg: Blob): Promise<void> {
  await request('post', `${one}/poster`, nothing, { path: { id }, body: jpeg });
}
