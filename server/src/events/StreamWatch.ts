import type { AnalysisView, EventView } from '../protocol/index.ts';
import { type StreamFacts, streamEvent } from './eventViews.ts';
import { LateMonitor, type LateSettings } from './LateMonitor.ts';
import type { Match } from './Match.ts';
import { type RuleOf, type WatchedRule } from './WatchedRule.ts';

/** What is an event where no rule says otherwise. */
const ordinary: LateSettings = { share: 0.5, seconds: 10 };

/** What a look at one Publication needs. */
export interface WatchedPublication {
  stream: StreamFacts;
  publicationId: string;
  hasVideo: boolean;
  analysis: AnalysisView;
}

interface Watch {
  ordinary: LateMonitor;
  ofRules: WeakMap<WatchedRule, LateMonitor>;
}

/** Whether the analysis of each running Publication keeps up: as an event, and as rules of their own measure say. */
export class StreamWatch {
  #watches = new Map<string, Watch>();

  /** About once a second, with all that run. */
  look(
    publications: readonly WatchedPublication[],
    rulesOf: (streamId: string) => readonly WatchedRule[],
    nowMs: number,
  ): { events: EventView[]; matches: { match: Match; stream: StreamFacts }[] } {
    const watches = new Map<string, Watch>();
    const events: EventView[] = [];
    const matches: { match: Match; stream: StreamFacts }[] = [];
    for (const { stream, publicationId, hasVideo, analysis } of publications) {
      // Sound alone is not analysed.
      if (!hasVideo) continue;
      const watch = this.#watches.get(publicationId) ?? { ordinary: new LateMonitor(ordinary), ofRules: new WeakMap() };
      watches.set(publicationId, watch);
      const change = watch.ordinary.sample(analysis, nowMs);
      if (change) {
        const kind = change.change === 'late' ? 'analysisLate' : 'analysisBack';
        const data = { reason: change.reason };
        events.push(
          streamEvent(kind, stream, { publicationId, atMs: change.sinceMs, key: String(change.sinceMs), data }),
        );
      }
      for (const rule of rulesOf(stream.id)) {
        const match = this.#rule(rule, watch, publicationId, analysis, nowMs);
        if (match) matches.push({ match, stream });
      }
    }
    this.#watches = watches;
    return { events, matches };
  }

  #rule(
    rule: WatchedRule,
    { ofRules }: Watch,
    publicationId: string,
    analysis: AnalysisView,
    nowMs: number,
  ): Match | undefined {
    if (!watchesAnalysis(rule)) return undefined;
    let monitor = ofRules.get(rule);
    if (!monitor) ofRules.set(rule, (monitor = new LateMonitor(rule.condition)));
    const change = monitor.sample(analysis, nowMs);
    if (!change || (change.change === 'late') !== (rule.condition.kind === 'analysisLate')) return undefined;
    const { sinceMs, reason } = change;
    const key = `${publicationId} ${change.change} ${sinceMs}`;
    return { rule, atMs: nowMs, key, cause: null, facts: { publicationId }, data: { reason } };
  }
}

/** Two kinds of one shape. */
function watchesAnalysis(rule: WatchedRule): rule is RuleOf<'analysisLate'> {
  return rule.condition.kind === 'analysisLate' || rule.condition.kind === 'analysisBack';
}
