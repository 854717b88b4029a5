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
const nothing = z.unknown();

export async function listStreams(signal?: AbortSignal): Promise<StreamView[]> {
  return (await request(base, streamListSchema, { ...(signal ? { signal } : {}) })).streams;
}

export function createStream(name: string): Promise<CreatedStream> {
  return request(base, createdStreamSchema, { method: 'POST', body: { name } });
}

export function getStream(id: string, signal?: AbortSignal): Promise<StreamDetail> {
  return request(pathOf(id), streamDetailSchema, { ...(signal ? { signal } : {}) });
}

/** What is not named stays as it is. */
export function changeStream(id: string, change: ChangeStream): Promise<StreamView> {
  return request(pathOf(id), streamViewSchema, { method: 'PATCH', body: change });
}

export async function deleteStream(id: string): Promise<void> {
  await request(pathOf(id), nothing, { method: 'DELETE' });
}

/** null = the node's default. */
export async function setStreamModel(id: string, modelId: string | null): Promise<void> {
  await request(`${pathOf(id)}/model`, nothing, { method: 'PUT', body: { modelId } });
}

export async function uploadPoster(id: string, jpeg: Blob): Promise<void> {
  await request(`${pathOf(id)}/poster`, nothing, { method: 'POST', body: jpeg });
}

function pathOf(id: string): string {
  return `${base}/${encodeURIComponent(id)}`;
}
