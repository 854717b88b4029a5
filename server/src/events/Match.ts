import type { EventView } from '../protocol/index.ts';
import type { WatchedRule } from './WatchedRule.ts';

/** A rule's condition came true. */
export interface Match {
  rule: WatchedRule;
  /** Unix ms. */
  atMs: number;
  /** Of what it is about: the same fact told twice has the same. */
  key: string;
  /** The event that is the fact, where it is one. */
  cause: EventView | null;
  facts?: Partial<
    Pick<EventView, 'publicationId' | 'rtpTimestamp' | 'zoneId' | 'zoneName' | 'trackId' | 'runId' | 'label'>
  >;
  data?: EventView['data'];
}
