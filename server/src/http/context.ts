import type { Access } from '../access/Access.ts';
import type { Metrics } from '../Metrics.ts';
import type { NodeRegistry } from '../nodes/NodeRegistry.ts';
import type { Readiness } from '../protocol/index.ts';
import type { Streams } from '../streams/Streams.ts';

/** What the HTTP routes are made of. */
export interface HttpContext {
  access: Access;
  streams: Streams;
  registry: NodeRegistry;
  metrics: Metrics;
  clientDist: string;
  readiness(): Promise<Readiness>;
  onFault(error: unknown, method: string, path: string): void;
}
