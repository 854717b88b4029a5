import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NewDelivery, RuleCounts } from '@framelock/db';
import pino from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventMetrics } from './EventMetrics.ts';
import { FiringOutbox, type OutboxEntry } from './FiringOutbox.ts';

const entry = (n: number): OutboxEntry => ({
  ...{ ruleId: 'r', streamId: 's', firedAt: `2026-11-22T10:00:0${n}.000Z`, suppressed: 0, hasCooldown: true },
  deliveries: [{ id: `d${n}`, targetId: 't', ruleId: 'r', eventId: `e${n}`, body: '{}' }],
});

describe('FiringOutbox', () => {
  let folder: string;
  let stored: string[];
  let counts: RuleCounts[];
  let isAway: boolean;
  const alive = new Set<string>();
  const open: FiringOutbox[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'framelock-outbox-'));
    [stored, counts, isAway] = [[], [], false];
    alive.clear();
  });
  afterEach(async () => {
    isAway = false;
    for (const outbox of open.splice(0)) await outbox.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const metrics = new EventMetrics(new Registry());
  function outboxOf(serverId: string, maxWaiting?: number): FiringOutbox {
    const insert = async (deliveries: readonly NewDelivery[]): Promise<string[]> => {
      if (isAway) throw new Error('away');
      const ids = deliveries.map(({ id }) => id).filter((id) => !stored.includes(id));
      stored.push(...ids);
      return ids;
    };
    const outbox = FiringOutbox.create({
      ...{ folder, serverId, metrics, logger: pino({ level: 'silent' }) },
      ...{ deliveries: { insert }, rules: { addCounts: async (one: RuleCounts) => void counts.push(one) } },
      nodes: { listAlive: async () => [...alive].map((id) => ({ id })) as never },
      ...{ onStored: () => undefined, onDatabaseFault: () => undefined, ...(maxWaiting ? { maxWaiting } : {}) },
    });
    open.push(outbox);
    return outbox;
  }
  const lines = (serverId: string): number =>
    readFileSync(join(folder, `firings-${serverId}.jsonl`), 'utf8')
      .split('\n')
      .filter(Boolean).length;

  it('has a firing on the disk before it answers, and no more when it is stored', async () => {
    const outbox = outboxOf('a');
    outbox.put(entry(1));
    expect(lines('a')).toBe(1);
    await expect.poll(() => stored).toEqual(['d1']);
    await expect.poll(() => lines('a')).toBe(0);
    expect(counts).toMatchObject([{ ruleId: 'r', fired: 1, firedByStream: { s: entry(1).firedAt } }]);
  });

  it('what a killed server left is stored by the next one, once', async () => {
    isAway = true;
    const killed = outboxOf('killed');
    killed.put(entry(1));
    killed.put(entry(2));
    // As if there was no time for more: never closed, and its database never answered.
    const text = readFileSync(join(folder, 'firings-killed.jsonl'), 'utf8');
    expect(text.trim().split('\n')).toHaveLength(2);
    isAway = false;
    stored.push('d1');
    outboxOf('next');
    await expect.poll(() => stored).toEqual(['d1', 'd2']);
    await expect.poll(() => readdirSync(folder)).toEqual(['firings-next.jsonl']);
    expect(counts.reduce((sum, { fired }) => sum + fired, 0)).toBeGreaterThan(0);
  });

  it('leaves the file of a server that lives', async () => {
    isAway = true;
    alive.add('other');
    outboxOf('other').put(entry(1));
    const next = outboxOf('next');
    await next.close();
    expect(lines('other')).toBe(1);
  });

  it('has a file again where another server took it for dead and deleted its own', async () => {
    isAway = true;
    const outbox = outboxOf('a');
    outbox.put(entry(1));
    rmSync(join(folder, 'firings-a.jsonl'));
    outbox.put(entry(2));
    expect(lines('a')).toBe(2);
    isAway = false;
    await expect.poll(() => stored, { timeout: 5_000 }).toEqual(['d1', 'd2']);
    await outbox.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('has a limit, and counts what is beyond it', async () => {
    isAway = true;
    const outbox = outboxOf('a', 2);
    for (const n of [1, 2, 3]) outbox.put(entry(n));
    expect(outbox.waiting).toBe(2);
    expect((await metrics.firingsDropped.get()).values[0]!.value).toBe(1);
  });
});
