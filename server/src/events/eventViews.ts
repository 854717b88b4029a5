import { createHash } from 'node:crypto';
import type { AppearanceReport, DeliveryBody, EventKind, EventView } from '../protocol/index.ts';
import type { Match } from './Match.ts';

export interface StreamFacts {
  id: string;
  name: string;
}

/** 192 bits in letters that ids may have. */
export const shortDigest = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 32);

const blank = {
  ...{ rtpTimestamp: null, zoneId: null, zoneName: null, trackId: null, runId: null, label: null },
} satisfies Partial<EventView>;

/** Of a Stream as a whole. `key`: with the kind, what makes it one fact of this Publication. */
export function streamEvent(
  kind: EventKind,
  stream: StreamFacts,
  one: { publicationId: string; atMs: number; key?: string; data?: EventView['data'] },
): EventView {
  const { publicationId, atMs, key, data = {} } = one;
  return {
    ...{ id: `${kind}:${publicationId}${key === undefined ? '' : `:${key}`}`, kind, ...blank, publicationId, data },
    ...{ at: new Date(atMs).toISOString(), streamId: stream.id, streamName: stream.name },
  };
}

/** An Appearance began. */
export function brandSeenEvent(stream: StreamFacts, publicationId: string, appearance: AppearanceReport): EventView {
  const { id, brandId, name, fromMs } = appearance;
  return {
    ...streamEvent('brandSeen', stream, { publicationId, atMs: fromMs, key: id, data: { brandId, appearanceId: id } }),
    // A name that no database holds would keep the event out of it.
    label: name.replaceAll('\u0000', '').toWellFormed(),
  };
}

export function ruleFiredEvent({ rule, atMs, key, cause, facts, data }: Match, stream: StreamFacts): EventView {
  return {
    ...blank,
    ...{ publicationId: null, ...facts },
    id: `ruleFired:${rule.id}:${shortDigest(key)}`,
    kind: 'ruleFired',
    at: new Date(atMs).toISOString(),
    ...{ streamId: stream.id, streamName: stream.name },
    data: {
      ...{ ruleId: rule.id, ruleName: rule.name, condition: rule.condition.kind },
      ...(cause ? { cause: cause.kind, causeId: cause.id } : {}),
      ...data,
    },
  };
}

/** Of one event to one target there is one delivery, however often it is made. */
export const deliveryIdOf = (event: EventView, targetId: string): string => shortDigest(`${event.id} ${targetId}`);

export function deliveryBody(
  id: string,
  { rule, cause }: Pick<Match, 'rule' | 'cause'>,
  event: EventView,
): DeliveryBody {
  const { at: timestamp } = event;
  return { version: 1, type: 'ruleFired', id, timestamp, rule: { id: rule.id, name: rule.name }, event, cause };
}

export function testBody(id: string, target: { id: string; name: string }): DeliveryBody {
  const at = new Date().toISOString();
  const event: EventView = {
    ...{ ...blank, id: `test:${id}`, kind: 'ruleFired', at, publicationId: null },
    ...{ streamId: 'test', streamName: 'Test' },
    data: { test: true, targetId: target.id, targetName: target.name },
  };
  return { version: 1, type: 'test', id, timestamp: at, rule: null, event, cause: null };
}
