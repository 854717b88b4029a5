import type { Logger } from 'pino';
import type { EventView, HistoryBatch } from '../protocol/index.ts';
import type { EventMetrics } from './EventMetrics.ts';
import { ruleFiredEvent, type StreamFacts } from './eventViews.ts';
import type { Match } from './Match.ts';
import type { Rules } from './Rules.ts';
import { matchOf, SceneWatch } from './SceneWatch.ts';
import { isOfKind, type WatchedRule } from './WatchedRule.ts';

/** Publications whose scene is remembered; an ended one is told by its last batch, or forgotten here. */
const maxScenes = 1_000;

export interface RuleEngineOptions {
  rules: Pick<Rules, 'of' | 'mayFire'>;
  metrics: EventMetrics;
  logger: Logger;
  nameOf(streamId: string): string;
  onFired(match: Match, event: EventView): void;
  onSuppressed(rule: WatchedRule): void;
}

/** Evaluates the rules on what this server's own Publications tell. */
export class RuleEngine {
  readonly #options: RuleEngineOptions;
  readonly #scenes = new Map<string, SceneWatch>();

  constructor(options: RuleEngineOptions) {
    this.#options = options;
  }

  /** A HistoryBatch that was not told before, with the events in it. */
  batch(batch: HistoryBatch, events: readonly EventView[]): void {
    const { publicationId, streamId } = batch;
    const scene = this.#scenes.get(publicationId) ?? new SceneWatch();
    this.#scenes.delete(publicationId);
    this.#scenes.set(publicationId, scene);
    if (this.#scenes.size > maxScenes) this.#scenes.delete(this.#scenes.keys().next().value!);
    const stream = { id: streamId, name: events[0]?.streamName ?? this.#options.nameOf(streamId) };
    try {
      for (const match of scene.batch(batch, events, this.#options.rules.of(streamId))) this.#fire(match, stream);
    } catch (error) {
      this.#options.metrics.batchesUnread.inc();
      this.#options.logger.warn(
        { publicationId, sequence: batch.sequence, reason: (error as Error).message },
        'rules could not read a batch',
      );
    }
  }

  /** Something of a Stream as a whole: `streamUp`, `streamDown`, `brandSeen`. */
  event(event: EventView): void {
    const stream = { id: event.streamId, name: event.streamName };
    for (const rule of this.#options.rules.of(stream.id)) {
      if (!waitsFor(rule, event)) continue;
      this.#fire(matchOf(rule, event), stream);
    }
  }

  /** What is watched elsewhere came true. */
  match(match: Match, stream: StreamFacts): void {
    this.#fire(match, stream);
  }

  #fire(match: Match, stream: StreamFacts): void {
    const { rules, metrics, onFired, onSuppressed } = this.#options;
    const { rule, atMs } = match;
    const labels = { condition: rule.condition.kind };
    if (!rules.mayFire(rule, stream.id, atMs)) {
      metrics.suppressed.inc(labels);
      return onSuppressed(rule);
    }
    metrics.rulesFired.inc(labels);
    onFired(match, ruleFiredEvent(match, stream));
  }
}

function waitsFor(rule: WatchedRule, event: EventView): boolean {
  if (isOfKind(rule, 'brandSeen') && event.kind === 'brandSeen') {
    const { brandIds } = rule.condition;
    return brandIds === null || brandIds.includes(String(event.data.brandId));
  }
  return (
    (rule.condition.kind === 'streamUp' || rule.condition.kind === 'streamDown') && rule.condition.kind === event.kind
  );
}
