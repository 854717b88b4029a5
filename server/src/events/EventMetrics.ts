import { Counter, type Registry } from 'prom-client';

/** What rules, deliveries and the event stream count. */
export class EventMetrics {
  readonly rulesFired: Counter<'condition'>;
  readonly suppressed: Counter<'condition'>;
  readonly batchesUnread: Counter;
  readonly deliveries: Counter<'kind' | 'outcome'>;
  readonly firingsDropped: Counter;
  readonly streamedLost: Counter;
  readonly streamsRefused: Counter<'why'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.rulesFired = new Counter({
      name: 'framelock_event_rules_fired_total',
      help: 'Rules that fired, by the kind of their condition',
      labelNames: ['condition'],
      registers,
    });
    this.suppressed = new Counter({
      name: 'framelock_event_rules_suppressed_total',
      help: 'Rules that their cooldown kept silent, by the kind of their condition',
      labelNames: ['condition'],
      registers,
    });
    this.batchesUnread = new Counter({
      name: 'framelock_event_batches_unread_total',
      help: 'HistoryBatches that rules could not read',
      registers,
    });
    this.deliveries = new Counter({
      name: 'framelock_event_deliveries_total',
      help: 'Attempts to deliver an event, by kind of target and outcome: delivered, failed (tried again), dead, and dropped (dead without an attempt, since too many waited) or discarded (deleted, since too many were dead)',
      labelNames: ['kind', 'outcome'],
      registers,
    });
    for (const kind of ['webhook', 'mqtt']) {
      for (const outcome of ['dead', 'dropped', 'discarded']) this.deliveries.inc({ kind, outcome }, 0);
    }
    this.firingsDropped = new Counter({
      name: 'framelock_event_firings_dropped_total',
      help: 'Firings of rules that were not delivered since too many waited for the database',
      registers,
    });
    this.streamedLost = new Counter({
      name: 'framelock_event_stream_lost_total',
      help: 'Events that clients of the event stream did not get since they read too slowly',
      registers,
    });
    this.streamsRefused = new Counter({
      name: 'framelock_event_streams_refused_total',
      help: 'Event streams that were not begun, by why: address, server (too many at once)',
      labelNames: ['why'],
      registers,
    });
  }
}
