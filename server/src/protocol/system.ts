import { z } from 'zod';
import { idSchema } from './ids.ts';
import { analysisViewSchema } from './model.ts';

const count = z.number().nonnegative();
const name = z.string().min(1).max(40);

export const processFiguresSchema = z.object({
  name,
  cores: count.describe('CPU time used in each second of the last seconds'),
  rssBytes: count.describe('memory that it holds'),
});
export type ProcessFigures = z.infer<typeof processFiguresSchema>;

export const queueFiguresSchema = z.object({
  name,
  length: count,
  limit: count.nullable().describe('what comes when it is full is dropped and counted; null = of another kind'),
});
export type QueueFigures = z.infer<typeof queueFiguresSchema>;

/** What a node says of itself with each heartbeat. Counts are since its process began. */
export const nodeFiguresSchema = z.object({
  processes: z.array(processFiguresSchema).max(64),
  queues: z.array(queueFiguresSchema).max(32),
  dropped: z.record(name, count).describe('by where it was lost'),
  faults: z.record(name, count).describe('what went wrong, by kind'),
});
export type NodeFigures = z.infer<typeof nodeFiguresSchema>;

export const systemNodeSchema = z.object({
  id: idSchema,
  kind: z.enum(['sfu', 'inference']),
  connected: z.boolean(),
  version: z.string(),
  load: count.describe('Publications on it'),
  capacity: count.describe('Publications that it means to take'),
  heartbeatAgeSeconds: count,
  clockOffsetMs: z.number().nullable().describe('its clock less that of the server'),
  figures: nodeFiguresSchema.nullable().describe('null = it tells none'),
});
export type SystemNode = z.infer<typeof systemNodeSchema>;

export const systemAnalysisSchema = z.object({
  streamId: idSchema,
  streamName: z.string(),
  viewers: count,
  analysis: analysisViewSchema,
});
export type SystemAnalysis = z.infer<typeof systemAnalysisSchema>;

export const systemFaultSchema = z.object({
  node: z.string().describe('`server`, or the id of a node'),
  what: z.string(),
  total: count.describe('since the process began'),
  recent: count.describe('in the time that the samples cover'),
  lastAt: z.iso.datetime().nullable().describe('last seen to grow; null = not in that time'),
});
export type SystemFault = z.infer<typeof systemFaultSchema>;

/** One line each in the charts of the system page. */
export const sampleNames = [
  'sourceFps',
  'analysedFps',
  'passedOverPerSecond',
  'lostPerSecond',
  'decodeMs',
  'queueMs',
  'inferenceMs',
  'publishMs',
  'overlayMs',
  'serverCores',
  'sfuCores',
  'inferenceCores',
  'serverBytes',
  'sfuBytes',
  'inferenceBytes',
  'historyBatchesPerSecond',
  'historyWriteMs',
  'spoolBytes',
  'viewers',
] as const;
export type SampleName = (typeof sampleNames)[number];

export const systemViewSchema = z.object({
  at: z.iso.datetime(),
  startedAt: z.iso.datetime(),
  version: z.string(),
  database: z.object({
    engine: z.enum(['pglite', 'postgres']),
    answers: z.boolean(),
    pingMs: count.nullable().describe('null = it did not answer in time'),
  }),
  server: nodeFiguresSchema,
  nodes: z.array(systemNodeSchema),
  analyses: z.array(systemAnalysisSchema).describe('of the Streams that are live'),
  faults: z.array(systemFaultSchema).describe('the latest first'),
  samples: z.object({
    everyMs: z.number().positive(),
    series: z
      .partialRecord(z.enum(sampleNames), z.array(z.number().nullable()))
      .describe('oldest first, all as long; null = nothing to tell'),
  }),
});
export type SystemView = z.infer<typeof systemViewSchema>;
