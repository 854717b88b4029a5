import { routeKinds, type RouteKind } from './route.ts';

export type CountedKind = RouteKind | 'other';

/** Since it began; plain numbers that a scrape reads. */
export class OriginCounts {
  /** Of each kind, by HTTP status. */
  readonly requests: Record<CountedKind, Record<number, number>>;
  /** Bodies handed to sockets. */
  bytes = 0;
  /** Requests that were held until what they ask for existed. */
  heldTotal = 0;
  /** Refused for a limit of this server. */
  refused = { held: 0, disk: 0, starting: 0 };
  unauthorized = 0;
  /** Connections closed because they took nothing for too long. */
  slowClosed = 0;

  constructor() {
    const kinds: CountedKind[] = [...routeKinds, 'other'];
    this.requests = Object.fromEntries(kinds.map((kind) => [kind, {}])) as Record<CountedKind, Record<number, number>>;
  }

  answered(kind: CountedKind, status: number, bytes: number): void {
    const byStatus = this.requests[kind];
    byStatus[status] = (byStatus[status] ?? 0) + 1;
    this.bytes += bytes;
  }
}
