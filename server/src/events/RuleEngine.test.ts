import pino from 'pino';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { testBatch, testZoneEvent } from '../history/testBatches.ts';
import { eventViewsOf } from '../history/eventViews.ts';
import { type EventView, eventViewSchema, ruleConditionSchema } from '../protocol/index.ts';
import { EventMetrics } from './EventMetrics.ts';
import { brandSeenEvent, deliveryIdOf, streamEvent } from './eventViews.ts';
import { RuleEngine } from './RuleEngine.ts';
import { Rules } from './Rules.ts';

const stream = { id: 's', name: 'Front door' };
const upAt = (seconds: number, publicationId = `p${seconds}`): EventView =>
  streamEvent('streamUp', stream, { publicationId, atMs: 1_763_000_000_000 + seconds * 1000 });

async function engineOf(
  condition: unknown,
  rest: { cooldownSeconds?: number; firedByStream?: Record<string, string> } = {},
) {
  const row = {
    ...{ id: 'r1', name: 'Rule', enabled: true, streamId: null, targetIds: [], fired: 0, suppressed: 0 },
    ...{ condition: ruleConditionSchema.parse(condition), createdAt: new Date(), firedAt: null, cooldownSeconds: 0 },
    ...{ firedByStream: {}, ...rest },
  };
  const logger = pino({ level: 'silent' });
  const rules = Rules.create({ store: { rules: async () => [row] } as never, logger });
  await rules.look();
  await rules.close();
  const fired: EventView[] = [];
  let suppressed = 0;
  const engine = new RuleEngine({
    ...{ rules, logger, metrics: new EventMetrics(new Registry()), nameOf: () => 'Front door' },
    onFired: (_match, event) => fired.push(event),
    onSuppressed: () => suppressed++,
  });
  return { engine, fired, suppressed: () => suppressed };
}

describe('RuleEngine', () => {
  it('makes an event of each firing; the same fact told twice has the same id', async () => {
    const { engine, fired } = await engineOf({ kind: 'zone', on: ['entered'] });
    const batch = testBatch('run', 0, { events: [testZoneEvent()] });
    engine.batch(batch, eventViewsOf(batch, 'Front door'));
    const other = await engineOf({ kind: 'zone', on: ['entered'] });
    other.engine.batch(batch, eventViewsOf(batch, 'Front door'));
    expect(fired).toEqual(other.fired);
    expect(fired).toHaveLength(1);
    expect(eventViewSchema.parse(fired[0])).toMatchObject({
      ...{ kind: 'ruleFired', streamName: 'Front door', zoneId: 'door', trackId: 1, label: 'car', rtpTimestamp: 5 },
      data: { ruleId: 'r1', ruleName: 'Rule', condition: 'zone', cause: 'entered', causeId: 'run:0:0' },
    });
    expect(deliveryIdOf(fired[0]!, 't1')).toMatch(/^[A-Za-z0-9_-]{32}$/);
    expect(deliveryIdOf(fired[0]!, 't1')).not.toBe(deliveryIdOf(fired[0]!, 't2'));
  });

  it('keeps silent within the cooldown, each Stream for itself, and counts that', async () => {
    const { engine, fired, suppressed } = await engineOf({ kind: 'streamUp' }, { cooldownSeconds: 60 });
    for (const seconds of [0, 10, 59.9, 60, 100, 121]) engine.event(upAt(seconds));
    engine.event({ ...upAt(101), streamId: 'another' });
    expect(fired.map(({ publicationId }) => publicationId)).toEqual(['p0', 'p60', 'p121', 'p101']);
    expect(suppressed()).toBe(3);
  });

  it('is told late of an old fact: the cooldown of the newest one goes on', async () => {
    const { engine, fired } = await engineOf({ kind: 'streamUp' }, { cooldownSeconds: 60 });
    for (const seconds of [200, 100, 210]) engine.event(upAt(seconds));
    expect(fired.map(({ publicationId }) => publicationId)).toEqual(['p200', 'p100']);
  });

  it('remembers over a restart when it fired', async () => {
    const firedByStream = { s: upAt(0).at };
    const { engine, fired, suppressed } = await engineOf({ kind: 'streamUp' }, { cooldownSeconds: 60, firedByStream });
    engine.event(upAt(30));
    engine.event(upAt(61));
    expect([fired.length, suppressed()]).toEqual([1, 1]);
  });

  it('knows what it waits for', async () => {
    const appearance = { id: 'a1', brandId: 'acme', name: 'Acme', fromMs: 1_763_000_000_000 } as never;
    const brand = brandSeenEvent(stream, 'p', appearance);
    const down = streamEvent('streamDown', stream, { publicationId: 'p', atMs: 1, data: { reason: 'publisherLeft' } });
    const all = [brand, down, upAt(1), streamEvent('analysisLate', stream, { publicationId: 'p', atMs: 1, key: '1' })];
    const kinds = async (condition: unknown) => {
      const { engine, fired } = await engineOf(condition);
      for (const event of all) engine.event(event);
      return fired.map(({ data }) => data.cause);
    };
    expect(await kinds({ kind: 'brandSeen' })).toEqual(['brandSeen']);
    expect(await kinds({ kind: 'brandSeen', brandIds: ['other'] })).toEqual([]);
    expect(await kinds({ kind: 'brandSeen', brandIds: ['acme', 'other'] })).toEqual(['brandSeen']);
    expect(await kinds({ kind: 'streamDown' })).toEqual(['streamDown']);
    expect(await kinds({ kind: 'analysisLate' })).toEqual([]);
    for (const event of all) expect(eventViewSchema.parse(event)).toEqual(event);
  });
});
