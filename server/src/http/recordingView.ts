import type { KnownRecording, RecordingPosition } from '@framelock/db';
import type { Access, Caller } from '../access/Access.ts';
import { hlsFolder, hlsNames, type RecordingView, Refusal, type Right } from '../protocol/index.ts';
import type { Recordings } from '../recordings/Recordings.ts';

/** The Recording, for who has this right to its Stream. Who has it not to all learns not whether there is such a one. */
export async function requireRecording(
  { access, recordings }: { access: Access; recordings: Recordings },
  caller: Caller,
  right: Right,
  id: string,
): Promise<KnownRecording> {
  const row = caller.principal ? await recordings.find(id) : undefined;
  access.require(caller, right, row?.streamId);
  if (!row) throw new Refusal('notFound', 'there is no such Recording');
  return row;
}

/** One Recording as the API shows it. */
export function recordingView(row: KnownRecording, available: boolean): RecordingView {
  const folder = `/hls/${hlsFolder(row.streamId, row.id)}`;
  return {
    id: row.id,
    publicationId: row.id,
    streamId: row.streamId,
    streamName: row.streamName,
    streamExists: row.streamExists,
    startedAt: row.startedAt.toISOString(),
    endedAt: row.endedAt.toISOString(),
    durationS: row.durationS,
    bytes: row.bytes,
    width: row.width,
    height: row.height,
    hasAudio: row.hasAudio,
    segments: row.segments,
    state: row.state,
    available,
    hlsUrl: `${folder}/${hlsNames.multivariant}`,
    downloadUrl: `/api/v1/recordings/${row.id}/download.mp4`,
    thumbnailUrl: row.segments > 0 ? `${folder}/${hlsNames.thumbnail(0)}` : null,
    watchUrl: `/recordings/${row.id}`,
  };
}

export const cursorOf = ({ startedAt, id }: RecordingPosition): string =>
  Buffer.from(`${startedAt.getTime()} ${id}`).toString('base64url');

export function positionOf(cursor: string): RecordingPosition {
  const match = /^(\d{1,16}) ([A-Za-z0-9_-]{1,64})$/.exec(Buffer.from(cursor, 'base64url').toString());
  const startedAt = new Date(Number(match?.[1]));
  if (!match || Number.isNaN(startedAt.getTime())) throw new Refusal('badRequest', 'this cursor is not one of ours');
  return { startedAt, id: match[2]! };
}

/** `Front door 2026-11-21 18.54.mp4`, in both forms of RFC 6266; the first without what a header can't carry. */
export function downloadDisposition({
  streamName,
  startedAt,
}: Pick<KnownRecording, 'streamName' | 'startedAt'>): string {
  const when = startedAt.toISOString().slice(0, 16).replace('T', ' ').replace(':', '.');
  const name = `${(streamName ?? 'Recording')
    .replace(/[\p{Cc}\p{Cf}"\\/:*?<>|%]+/gu, '_')
    .slice(0, 80)
    .trim()} ${when}.mp4`;
  const ascii = name
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/[^\x20-\x7e]+/g, '_');
  const encoded = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
