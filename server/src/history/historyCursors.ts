import type { BatchPosition, EventPosition, TrackPosition } from '@framelock/db';
import { z } from 'zod';
import { idSchema, Refusal } from '../protocol/index.ts';

/** The years that a database has: 1 to 9999. */
const momentSchema = z.number().int().min(-62_135_596_800_000).max(253_402_300_799_999);
const int4Schema = z.number().int().min(0).max(0x7fffffff);
const trackTuple = z.tuple([momentSchema, idSchema, int4Schema]);
const eventTuple = z.tuple([
  momentSchema,
  z
    .string()
    .min(1)
    .max(200)
    .regex(/^[^\0]*$/),
]);
const frameTuple = z.tuple([momentSchema, idSchema, int4Schema, int4Schema]);

/** Where a page of detections begins: message `index` of a batch. */
export type FramePosition = BatchPosition & { index: number };

export const trackCursor = ({ startedAt, runId, trackId }: TrackPosition): string =>
  write([startedAt.getTime(), runId, trackId]);

/** All of these throw a Refusal of what is no cursor of ours. */
export function trackPosition(cursor: string | undefined): TrackPosition | undefined {
  const [ms, runId, trackId] = read(trackTuple, cursor) ?? [];
  return ms === undefined ? undefined : { startedAt: new Date(ms), runId: runId!, trackId: trackId! };
}

export const eventCursor = ({ at, id }: EventPosition): string => write([at.getTime(), id]);
export function eventPosition(cursor: string | undefined): EventPosition | undefined {
  const [ms, id] = read(eventTuple, cursor) ?? [];
  return ms === undefined ? undefined : { at: new Date(ms), id: id! };
}

export const frameCursor = ({ startedAt, runId, sequence, index }: FramePosition): string =>
  write([startedAt.getTime(), runId, sequence, index]);
export function framePosition(cursor: string | undefined): FramePosition | undefined {
  const [ms, runId, sequence, index] = read(frameTuple, cursor) ?? [];
  if (ms === undefined) return undefined;
  return { startedAt: new Date(ms), runId: runId!, sequence: sequence!, index: index! };
}

const write = (values: readonly (string | number)[]): string =>
  Buffer.from(JSON.stringify(values)).toString('base64url');

function read<T extends z.ZodType>(schema: T, cursor: string | undefined): z.output<T> | undefined {
  if (cursor === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch {
    throw new Refusal('badRequest', 'this cursor is not one of ours');
  }
}
