import { join } from 'node:path';
import type { Database } from '@framelock/db';
import type { Logger } from 'pino';
import type { History } from '../history/History.ts';
import type { Metrics } from '../Metrics.ts';
import type { EventView, ExposureReport } from '../protocol/index.ts';
import type { Streams } from '../streams/Streams.ts';
import type { Resolve } from './checkedAddress.ts';
import { Deliveries } from './Deliveries.ts';
import { EventFeed } from './EventFeed.ts';
import { EventMetrics } from './EventMetrics.ts';
import { brandSeenEvent, deliveryBody, deliveryIdOf, streamEvent } from './eventViews.ts';
import { FiringOutbox } from './FiringOutbox.ts';
import type { Match } from './Match.ts';
import { MqttSender } from './MqttSender.ts';
import { RuleEngine } from './RuleEngine.ts';
import { Rules } from './Rules.ts';
import { StreamWatch } from './StreamWatch.ts';
import { sweepDeliveries } from './sweepDeliveries.ts';
import { Targets } from './Targets.ts';
import type { WatchedRule } from './WatchedRule.ts';
import { WebhookSender } from './WebhookSender.ts';

const lookEveryMs = 1_000;
const sweepEveryMs = 10_000;
const suppressedEveryMs = 5_000;
/** Appearances whose beginning was told. */
const maxKnownAppearances = 10_000;
const serverTimeoutMs = 10_000;

export interface EventsOutOptions {
  database: Database;
  serverId: string;
  history: Pick<History, 'record' | 'onBatch' | 'onEvents'>;
  streams: Streams;
  readEvents: ConstructorParameters<typeof EventFeed>[0]['read'];
  dataDir: string;
  allowPrivate: boolean;
  retryFirstMs: number;
  maxAgeDays: number;
  metrics: Metrics;
  logger: Logger;
  resolve?: Resolve;
}

/** Events go out: rules, deliveries to webhooks and brokers, and the stream of events for pages. */
export class EventsOut {
  readonly rules: Rules;
  readonly targets: Targets;
  readonly feed: EventFeed;
  readonly #options: EventsOutOptions;
  readonly #metrics: EventMetrics;
  readonly #engine: RuleEngine;
  readonly #outbox: FiringOutbox;
  readonly #deliveries: Deliveries;
  readonly #streamWatch = new StreamWatch();
  readonly #suppressed = new Map<string, number>();
  readonly #knownAppearances = new Set<string>();
  readonly #ends: (() => void)[] = [];
  readonly #timers: ReturnType<typeof setInterval>[];
  #figures = { waiting: 0, dead: 0 };
  #sweeping: Promise<void> | undefined;

  private constructor(options: EventsOutOptions) {
    const { database, serverId, metrics, logger, allowPrivate, resolve, retryFirstMs, history } = options;
    this.#options = options;
    this.#metrics = new EventMetrics(metrics.registry);
    const onDatabaseFault = (): void => metrics.databaseFaults.inc();
    const reach = { allowPrivate, ...(resolve ? { resolve } : {}) };
    const senders = { webhook: new WebhookSender(reach), mqtt: new MqttSender(reach) };
    const { rules: store, deliveries, nodes } = database;
    const rules = (this.rules = Rules.create({ store, logger }));
    this.#deliveries = new Deliveries({
      ...{ store: deliveries, rules: store, senders, serverId, retryFirstMs, logger, onDatabaseFault },
      metrics: this.#metrics,
    });
    const onChanged = (): void => this.#deliveries.wake();
    this.targets = new Targets({ rules: store, deliveries, senders, allowPrivate, logger, onChanged });
    this.#outbox = FiringOutbox.create({
      ...{ deliveries, rules: store, nodes, serverId, logger, onDatabaseFault, metrics: this.#metrics },
      folder: join(options.dataDir, 'events'),
      onStored: onChanged,
    });
    this.#engine = new RuleEngine({
      ...{ rules, metrics: this.#metrics, logger },
      nameOf: (streamId) => options.streams.live(streamId)?.name ?? '',
      onFired: (match, event) => this.#fired(match, event),
      onSuppressed: (rule) => void this.#suppressed.set(rule.id, (this.#suppressed.get(rule.id) ?? 0) + 1),
    });
    this.feed = new EventFeed({
      ...{ read: options.readEvents, metrics: this.#metrics, logger },
      hasOthers: async () =>
        database.engine === 'postgres' &&
        (await nodes.listAlive(serverTimeoutMs)).some(({ kind, id }) => kind === 'server' && id !== serverId),
    });
    this.#ends.push(
      history.onBatch((batch, events) => this.#engine.batch(batch, events)),
      history.onEvents((events) => this.feed.publish(events)),
    );
    this.#timers = [
      setInterval(() => this.#lookAtStreams(), lookEveryMs),
      setInterval(() => this.#sweepSoon(), sweepEveryMs),
      setInterval(() => this.#tellSuppressed(), suppressedEveryMs),
    ];
    for (const timer of this.#timers) timer.unref();
    this.#addGauges(metrics);
  }

  static create(options: EventsOutOptions): EventsOut {
    return new EventsOut(options);
  }

  /** Before anything happens that a rule could wait for. */
  async start(): Promise<void> {
    await this.rules.look();
    this.#deliveries.start();
    this.#sweepSoon();
  }

  #addGauges(metrics: Metrics): void {
    const labelled = (name: string, help: string, read: () => Iterable<[string, number]>): void =>
      metrics.labelledGauge(name, help, 'state', read);
    labelled('framelock_event_deliveries', 'Deliveries in the database, by state', () => Object.entries(this.#figures));
    metrics.gauge('framelock_event_firings_waiting', 'Firings that wait for the database', () => this.#outbox.waiting);
    metrics.gauge('framelock_event_stream_readers', 'Readers of the event stream', () => this.feed.readers);
  }

  publicationStarted(stream: { id: string; name: string }, publicationId: string): void {
    this.#happened(streamEvent('streamUp', stream, { publicationId, atMs: Date.now() }));
  }

  publicationEnded(stream: { id: string; name: string }, publicationId: string, reason: string): void {
    this.#happened(streamEvent('streamDown', stream, { publicationId, atMs: Date.now(), data: { reason } }));
  }

  /** Of servers that died without a word; each is told by one server alone. */
  async abandoned(publications: readonly { id: string; streamId: string }[]): Promise<void> {
    for (const { id, streamId } of publications) {
      const name = (await this.#options.streams.find(streamId))?.name ?? '';
      this.publicationEnded({ id: streamId, name }, id, 'serverRestarted');
    }
  }

  /** Of an inference node, about a Publication of ours; its Appearances are told again and again. */
  exposure({ streamId, publicationId, appearances }: ExposureReport): void {
    for (const appearance of appearances) {
      if (this.#knownAppearances.has(appearance.id)) continue;
      this.#knownAppearances.add(appearance.id);
      if (this.#knownAppearances.size > maxKnownAppearances) {
        this.#knownAppearances.delete(this.#knownAppearances.values().next().value!);
      }
      const name = this.#options.streams.live(streamId)?.name ?? '';
      this.#happened(brandSeenEvent({ id: streamId, name }, publicationId, appearance));
    }
  }

  #happened(event: EventView): void {
    this.#options.history.record([event]);
    this.#engine.event(event);
  }

  #fired(match: Match, event: EventView): void {
    const { rule } = match;
    this.#outbox.put({
      ...{ ruleId: rule.id, streamId: event.streamId, firedAt: event.at, hasCooldown: rule.cooldownSeconds > 0 },
      suppressed: 0,
      deliveries: rule.targetIds.map((targetId) => {
        const id = deliveryIdOf(event, targetId);
        const body = JSON.stringify(deliveryBody(id, match, event));
        return { id, targetId, ruleId: rule.id, eventId: event.id, body };
      }),
    });
    this.#options.history.record([event]);
  }

  #tellSuppressed(): void {
    for (const [ruleId, suppressed] of this.#suppressed) {
      this.#outbox.put({ ruleId, streamId: '', firedAt: null, suppressed, hasCooldown: false, deliveries: [] });
    }
    this.#suppressed.clear();
  }

  #lookAtStreams(): void {
    const publications = this.#options.streams.all.flatMap((live) => {
      const { publication, analysisView: analysis, id, name } = live;
      if (!publication) return [];
      const hasVideo = publication.producers.some(({ kind }) => kind === 'video');
      return [{ stream: { id, name }, publicationId: publication.id, hasVideo, analysis }];
    });
    const rulesOf = (streamId: string): readonly WatchedRule[] => this.rules.of(streamId);
    const { events, matches } = this.#streamWatch.look(publications, rulesOf, Date.now());
    if (events.length > 0) this.#options.history.record(events);
    for (const { match, stream } of matches) this.#engine.match(match, stream);
  }

  #sweepSoon(): void {
    const { database, maxAgeDays, logger, metrics } = this.#options;
    this.#sweeping ??= sweepDeliveries(database, { maxAgeDays, metrics: this.#metrics })
      .then((figures) => void (this.#figures = figures))
      .catch((error: unknown) => {
        metrics.databaseFaults.inc();
        logger.warn({ reason: (error as Error).message }, 'deliveries were not swept');
      })
      .finally(() => (this.#sweeping = undefined));
  }

  /** After the Streams and before the database. What fired last is stored, and sent by whoever starts next. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    for (const end of this.#ends) end();
    this.#tellSuppressed();
    await Promise.all([this.#deliveries.close(), this.#outbox.close(), this.feed.close(), this.rules.close()]);
    await this.#sweeping;
  }
}
