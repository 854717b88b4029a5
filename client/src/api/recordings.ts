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
  const query = { limit: pageSize, streamId, cursor };
  return request('get', base, recordingListSchema, { query, signal });
}

export function getRecording(id: string, signal?: AbortSignal): Promise<RecordingView> {
  return request('get', `${base}/{id}`, recordingViewSchema, { path: { id }, signal });
}

export async function deleteRecording(id: string): Promise<void> {
  await request('delete', `${base}/{id}`, z.unknown(), { path: { id } });
}

/** What a link can be given; it sends no header, so a token goes into its address. */
export function downloadLink({ downloadUrl }: Pick<RecordingView, 'downloadUrl'>): string {
  return accessToken.value ? `${downloadUrl}?token=${encodeURIComponent(accessToken.value)}` : downloadUrl;
}
