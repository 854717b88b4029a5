import type { DeliveryStore, EventDeliveryRow, EventTargetRow, RuleStore } from '@framelock/db';
import type { Logger } from 'pino';
import type { EventMetrics } from './EventMetrics.ts';
import { retryDelayMs } from './retryDelay.ts';
import type { Outcome, Sender } from './Sender.ts';

/** Targets that are sent to at once. */
const maxTargetsAtOnce = 8;
/** Of one target, before another one has its turn. */
const perTurn = 20;
/** One attempt takes 10 s at most, and the lease is renewed before each one that could outlast it. */
const leaseMs = 60_000;
const renewBelowMs = 30_000;
/** What another server put in, or a change of a target by one, is seen after so long. */
const lookEveryMs = 5_000;
/** After a failure the others of its target wait too, for as long as it does but not for longer than this. */
const maxPostponeMs = 60_000;

export interface DeliveriesOptions {
  store: DeliveryStore;
  rules: Pick<RuleStore, 'changeTarget'>;
  senders: Record<EventTargetRow['kind'], Sender>;
  serverId: string;
  /** Pause after a first failure. */
  retryFirstMs: number;
  metrics: EventMetrics;
  logger: Logger;
  onDatabaseFault(): void;
}

/**
 * Sends what waits in the database. One server at a time sends to a target, one delivery after another in the order of
 * their events; one that fails is tried again later, and dead after the last attempt.
 */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  /** By target. */
  readonly #turns = new Map<string, Promise<void>>();
  #running: Promise<void> | undefined;
  #woken = false;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Something new is due. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      this.#woken = false;
      let waitMs = lookEveryMs;
      try {
        waitMs = await this.#beginTurns();
      } catch (error) {
        this.#options.onDatabaseFault();
        this.#options.logger.debug({ reason: (error as Error).message }, 'deliveries wait for the database');
      }
      await this.#pause(waitMs);
    }
  }

  /** Answers when to look again, ms. */
  async #beginTurns(): Promise<number> {
    const { store, serverId } = this.#options;
    const limit = maxTargetsAtOnce - this.#turns.size;
    if (limit === 0) return lookEveryMs;
    // While this server is not known to live, its own leases are nobody's, and what is under way would go out twice.
    const except = [...this.#turns.keys()];
    const targets = await store.claimTargets(serverId, { leaseMs, limit, except });
    for (const target of targets) {
      const turn = this.#serve(target).finally(() => {
        this.#turns.delete(target.id);
        this.wake();
      });
      this.#turns.set(target.id, turn);
    }
    if (targets.length > 0) return 0;
    const dueMs = await store.nextDueInMs([...this.#turns.keys()]);
    return Math.min(dueMs ?? lookEveryMs, lookEveryMs);
  }

  #pause(ms: number): Promise<void> {
    if (this.#woken || this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Never rejects. */
  async #serve(target: EventTargetRow): Promise<void> {
    const { store, serverId, logger, onDatabaseFault } = this.#options;
    let untilMs = Date.now() + leaseMs;
    try {
      for (const delivery of await store.due(target.id, perTurn)) {
        if (this.#closed) break;
        if (untilMs - Date.now() < renewBelowMs) {
          if (!(await store.renew(target.id, serverId, leaseMs))) return;
          untilMs = Date.now() + leaseMs;
        }
        if (!(await this.#deliver(target, delivery))) break;
      }
      await store.release(target.id, serverId);
    } catch (error) {
      onDatabaseFault();
      logger.warn({ targetId: target.id, reason: (error as Error).message }, 'a delivery could not be noted');
    }
  }

  /** Whether the next one may be tried at once. */
  async #deliver(target: EventTargetRow, delivery: EventDeliveryRow): Promise<boolean> {
    const { senders, store, metrics, logger } = this.#options;
    const { id, body } = delivery;
    const outcome = await senders[target.kind].send(target, { id, body });
    if (outcome.ok) {
      metrics.deliveries.inc({ kind: target.kind, outcome: 'delivered' });
      await store.delivered(id);
      return true;
    }
    // Cut off by ourselves: whoever starts next sends it.
    if (this.#closed) return false;
    const attempts = delivery.attempts + 1;
    const about = { targetId: target.id, deliveryId: id, attempts, error: outcome.error };
    const delayMs = this.#delayMs(outcome, attempts);
    if (delayMs === undefined) {
      metrics.deliveries.inc({ kind: target.kind, outcome: 'dead' });
      logger.warn(about, 'a delivery is dead');
      await store.dead(id, outcome.error);
    } else {
      metrics.deliveries.inc({ kind: target.kind, outcome: 'failed' });
      logger.info({ ...about, delayMs: Math.round(delayMs) }, 'a delivery failed and is tried again');
      await store.failed(id, outcome.error, delayMs);
      await store.postpone(target.id, Math.min(delayMs, maxPostponeMs));
    }
    if (outcome.gone) await this.#switchOff(target, outcome.error);
    return false;
  }

  #delayMs(outcome: Extract<Outcome, { ok: false }>, attempts: number): number | undefined {
    if (outcome.gone) return undefined;
    return retryDelayMs(attempts, { firstMs: this.#options.retryFirstMs, retryAfterMs: outcome.retryAfterMs });
  }

  async #switchOff({ id }: EventTargetRow, error: string): Promise<void> {
    this.#options.logger.warn({ targetId: id, error }, 'a target wants nothing more and is switched off');
    await this.#options.rules.changeTarget(id, {
      enabled: false,
      problem: `the receiver wants nothing more: ${error}`,
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    await Promise.all(Object.values(this.#options.senders).map((sender) => sender.close()));
    await this.#running;
    await Promise.all(this.#turns.values());
  }
}
