import { z } from 'zod';
import { idSchema } from './ids.ts';
import { nodeFiguresSchema } from './system.ts';

/** A node is forgotten when its last heartbeat is older than this. */
export const nodeTimeoutMs = 6_000;
export const heartbeatEveryMs = 1_000;

/** `POST /internal/nodes/heartbeat`, bearer NODE_SECRET. */
export const nodeHeartbeatSchema = z.object({
  nodeId: idSchema,
  kind: z.enum(['sfu', 'inference']),
  /** WebSocket base of its control port, e.g. `ws://127.0.0.1:41234`. */
  controlUrl: z.url({ protocol: /^wss?$/ }).max(200),
  /** How many Publications it means to take, and has. */
  capacity: z.number().int().positive(),
  load: z.number().nonnegative(),
  version: z.string().max(40),
  /** sfu only: http base of its HLS origin, bearer `hlsOriginToken`. */
  hlsUrl: z
    .url({ protocol: /^https?$/ })
    .max(200)
    .optional(),
  /** For the system page. Those of a node of another version are done without: it must not be lost for them. */
  figures: nodeFiguresSchema.optional().catch(undefined),
});
export type NodeHeartbeat = z.infer<typeof nodeHeartbeatSchema>;

export const heartbeatAnswerSchema = z.object({ serverTimeMs: z.number() });
