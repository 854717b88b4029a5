import { z } from 'zod';
import { idSchema } from './ids.ts';

/**
 * What happened. Of zones and lines: `entered`, `left`, `dwell`, `crossedIn`, `crossedOut` (ZoneEvent). Of Streams:
 * `streamUp`, `streamDown`, `analysisLate` (or not running) and `analysisBack`. `brandSeen`: an Appearance began.
 * `ruleFired`: a rule's condition came true.
 */
export const eventKindSchema = z.enum([
  'entered',
  'left',
  'dwell',
  'crossedIn',
  'crossedOut',
  'brandSeen',
  'streamUp',
  'streamDown',
  'analysisLate',
  'analysisBack',
  'ruleFired',
]);
export type EventKind = z.infer<typeof eventKindSchema>;

/** One stored event, as the API, server-sent events, webhooks and MQTT have it. */
export const eventViewSchema = z.object({
  /** Made of what it is about, so that the same fact told twice has the same id. */
  id: z.string().max(200),
  kind: eventKindSchema,
  at: z.iso.datetime().describe('the moment itself, by the clock of the node that saw it'),
  streamId: idSchema,
  streamName: z.string().max(100).describe('as it was then'),
  publicationId: idSchema.nullable(),
  rtpTimestamp: z.number().int().min(0).max(0xffffffff).nullable().describe('of the Frame that shows it'),
  zoneId: idSchema.nullable().describe('of a zone or a line'),
  zoneName: z.string().max(100).nullable().describe('as it was then'),
  trackId: z.number().int().positive().nullable(),
  runId: idSchema.nullable().describe('of the analysis: `trackId` is unique inside it'),
  label: z.string().max(100).nullable(),
  /** What else belongs to the kind: `cause`, `dwellSeconds`, `speedMps`, `x`, `y`; `ruleId`, `ruleName`; `reason`. */
  data: z.record(z.string().max(40), z.union([z.string().max(500), z.number(), z.boolean(), z.null()])),
});
export type EventView = z.infer<typeof eventViewSchema>;
