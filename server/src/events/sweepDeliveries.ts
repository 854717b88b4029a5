import type { Database } from '@framelock/db';
import type { EventMetrics } from './EventMetrics.ts';

/** Of one target. */
export const maxWaitingOfTarget = 5_000;
export const maxDeadOfTarget = 5_000;

/** Keeps what waits and what is dead within bounds, and deletes what was delivered long ago. Answers what is left. */
export async function sweepDeliveries(
  { rules, deliveries }: Pick<Database, 'rules' | 'deliveries'>,
  options: { maxAgeDays: number; metrics: EventMetrics; maxWaiting?: number; maxDead?: number },
): Promise<{ waiting: number; dead: number }> {
  const { maxAgeDays, metrics, maxWaiting = maxWaitingOfTarget, maxDead = maxDeadOfTarget } = options;
  const kinds = new Map((await rules.targets()).map(({ id, kind }) => [id, kind]));
  const left = { waiting: 0, dead: 0 };
  for (const { targetId, waiting, dead } of await deliveries.figures()) {
    const kind = kinds.get(targetId) ?? 'webhook';
    let dropped = 0;
    let discarded = 0;
    if (waiting > maxWaiting) {
      dropped = await deliveries.endExcessWaiting(targetId, maxWaiting, `more than ${maxWaiting} waited`);
    }
    if (dead + dropped > maxDead) discarded = await deliveries.deleteExcessDead(targetId, maxDead);
    metrics.deliveries.inc({ kind, outcome: 'dropped' }, dropped);
    metrics.deliveries.inc({ kind, outcome: 'discarded' }, discarded);
    left.waiting += waiting - dropped;
    left.dead += dead + dropped - discarded;
  }
  await deliveries.deleteDeliveredBefore(new Date(Date.now() - maxAgeDays * 86_400_000));
  return left;
}
