import { recordingListSchema, recordingViewSchema, type RecordingView } from '@framelock/server/protocol';
import { z } from 'zod';
import { accessToken } from './accessToken.ts';
import { request } from './request.ts';

const base = '/api/v1/recordings';
const pageSize = 24;

export interface RecordingPage {
  recordings: RecordingView[];
  /** For the next page; null = this was the last one. */
  nextCursor: string | null;
}

/** Newest first. */
export function listRecordings(
  { streamId, cursor }: { streamId?: string | undefined; cursor?: string | undefined },
  signal?: AbortSignal,
): Promise<RecordingPage> {
  const query = new URLSearchParams({ limit: String(pageSize) });
  if (streamId) query.set('streamId', streamId);
  if (cursor) query.set('cursor', cursor);
  return request(`${base}?${query.toString()}`, recordingListSchema, { ...(signal ? { signal } : {}) });
}

export function getRecording(id: string, signal?: AbortSignal): Promise<RecordingView> {
  return request(pathOf(id), recordingViewSchema, { ...(signal ? { signal } : {}) });
}

export async function deleteRecording(id: string): Promise<void> {
  await request(pathOf(id), z.unknown(), { method: 'DELETE' });
}

/** What a link can be given; it sends no header, so a token goes into its address. */
export function downloadLink({ downloadUrl }: Pick<RecordingView, 'downloadUrl'>): string {
  return accessToken.value ? `${downloadUrl}?token=${encodeURIComponent(accessToken.value)}` : downloadUrl;
}

function pathOf(id: string): string {
  return `${base}/${encodeURIComponent(id)}`;
}
