import type { EventView, HistoryBatch } from '../protocol/index.ts';
import { CountMonitor } from './CountMonitor.ts';
import { frameCounts, mostInFrame } from './frameCounts.ts';
import type { Match } from './Match.ts';
import { type Visit, Visits } from './Visits.ts';
import { isOfKind, type RuleOf, takesLabel, type WatchedRule } from './WatchedRule.ts';

/** ObjectTracks that a rule remembers; older ones have ended long ago. */
const maxSeen = 10_000;
/** Nobody moved: somebody drew a zone, or the analysis ended. */
const unmoved = new Set<unknown>(['edited', 'stopped']);

/** What the rules need to remember of the scene of one Publication. Forgets with each new run of its analysis. */
export class SceneWatch {
  #runId: string | undefined;
  #visits = new Visits();
  /** Of rules that fire once for each visit, track or crowd. */
  #dwelt = new WeakMap<WatchedRule, WeakSet<Visit>>();
  #seen = new WeakMap<WatchedRule, Set<number>>();
  #crowds = new WeakMap<WatchedRule, CountMonitor>();
  #zoneNames = new Map<string, string>();

  /** What came true in a batch, with its ZoneEvents; batches in their order. */
  *batch(batch: HistoryBatch, events: readonly EventView[], rules: readonly WatchedRule[]): Generator<Match> {
    if (batch.runId !== this.#runId) this.#begin(batch.runId);
    const zoneRules = rules.filter((rule) => isOfKind(rule, 'zone'));
    const dwellRules = rules.filter((rule) => isOfKind(rule, 'dwell'));
    const countRules = rules.filter((rule) => isOfKind(rule, 'count'));
    const crowdRules = countRules.filter(({ condition }) => condition.zoneId !== null);
    for (const event of events) {
      if (event.zoneId === null) continue;
      this.#zoneNames.set(event.zoneId, event.zoneName ?? '');
      const visit = this.#follow(event);
      for (const rule of zoneRules) if (isAtZone(rule, event)) yield matchOf(rule, event);
      const seconds = event.data.dwellSeconds;
      if (visit && typeof seconds === 'number') {
        for (const rule of dwellRules) yield* this.#dwell(rule, visit, visit.enteredAtMs + seconds * 1000);
      }
      for (const rule of crowdRules) yield* this.#crowdInZone(rule, Date.parse(event.at), batch, event.rtpTimestamp);
    }
    for (const { trackId, label, toMs } of batch.tracks) this.#visits.saw(trackId, label, toMs);
    for (const rule of dwellRules) for (const visit of this.#visits) yield* this.#dwell(rule, visit, visit.seenMs);
    for (const rule of crowdRules) yield* this.#crowdInZone(rule, batch.toMs, batch, batch.lastRtp);
    for (const rule of countRules) if (rule.condition.zoneId === null) yield* this.#crowdInPicture(rule, batch);
    for (const rule of rules) if (isOfKind(rule, 'labelSeen')) yield* this.#labelSeen(rule, batch);
    if (batch.last) this.#begin(undefined);
  }

  #begin(runId: string | undefined): void {
    this.#runId = runId;
    this.#visits = new Visits();
    this.#dwelt = new WeakMap();
    this.#seen = new WeakMap();
    this.#crowds = new WeakMap();
    this.#zoneNames = new Map();
  }

  /** Answers whose visit the event is of. */
  #follow(event: EventView): Visit | undefined {
    if (event.kind === 'entered') this.#visits.enter(event);
    if (event.kind === 'left') return this.#visits.leave(event);
    return this.#visits.of(event.zoneId, event.trackId);
  }

  /** `untilMs`: the object is known to have been inside until then. */
  *#dwell(rule: RuleOf<'dwell'>, visit: Visit, untilMs: number): Generator<Match> {
    const { seconds, zoneId, labels } = rule.condition;
    const atMs = visit.enteredAtMs + seconds * 1000;
    if (untilMs < atMs || (zoneId !== null && zoneId !== visit.zoneId) || !takesLabel(labels, visit.label)) return;
    const dwelt = this.#dwelt.get(rule) ?? new WeakSet();
    if (dwelt.has(visit)) return;
    this.#dwelt.set(rule, dwelt.add(visit));
    const { entered } = visit;
    yield { ...matchOf(rule, entered), atMs, data: { dwellSeconds: seconds } };
  }

  *#crowdInZone(
    rule: RuleOf<'count'>,
    atMs: number,
    batch: HistoryBatch,
    rtpTimestamp: number | null,
  ): Generator<Match> {
    const { zoneId, labels, over } = rule.condition;
    let count = 0;
    for (const visit of this.#visits) if (visit.zoneId === zoneId && takesLabel(labels, visit.label)) count++;
    const zoneName = this.#zoneNames.get(zoneId!) ?? null;
    yield* this.#crowd(rule, { atMs, count, isOver: count > over }, batch, { rtpTimestamp, zoneId, zoneName });
  }

  *#crowdInPicture(rule: RuleOf<'count'>, batch: HistoryBatch): Generator<Match> {
    const { labels, over } = rule.condition;
    // Most batches need not be read.
    if (mostInFrame(batch, labels) <= over) {
      yield* this.#crowd(rule, { atMs: batch.toMs, count: 0, isOver: false }, batch, {});
      return;
    }
    for (const { atMs, rtpTimestamp, count } of frameCounts(batch, labels)) {
      yield* this.#crowd(rule, { atMs, count, isOver: count > over }, batch, { rtpTimestamp });
    }
  }

  *#crowd(
    rule: RuleOf<'count'>,
    { atMs, count, isOver }: { atMs: number; count: number; isOver: boolean },
    { publicationId, runId }: HistoryBatch,
    facts: NonNullable<Match['facts']>,
  ): Generator<Match> {
    let monitor = this.#crowds.get(rule);
    if (!monitor) this.#crowds.set(rule, (monitor = new CountMonitor(rule.condition)));
    if (!monitor.sample(atMs, isOver)) return;
    const { seconds, over, labels } = rule.condition;
    yield {
      ...{ rule, atMs, cause: null, key: `${runId} ${Math.round(monitor.sinceMs ?? atMs)}` },
      facts: { publicationId, runId, ...facts, label: labels?.length === 1 ? labels[0]! : null },
      data: { count, over, seconds },
    };
  }

  *#labelSeen(rule: RuleOf<'labelSeen'>, { tracks, runId, publicationId }: HistoryBatch): Generator<Match> {
    const { labels, minScore } = rule.condition;
    let seen = this.#seen.get(rule);
    if (!seen) this.#seen.set(rule, (seen = new Set()));
    for (const { trackId, label, fromMs, firstRtp, bestScore } of tracks) {
      if (seen.has(trackId) || bestScore < minScore || !takesLabel(labels, label)) continue;
      seen.add(trackId);
      if (seen.size > maxSeen) seen.delete(seen.values().next().value!);
      yield {
        ...{ rule, atMs: fromMs, cause: null, key: `${runId} ${trackId}` },
        facts: { publicationId, runId, trackId, label, rtpTimestamp: firstRtp },
        data: { score: bestScore },
      };
    }
  }
}

function isAtZone({ condition }: RuleOf<'zone'>, event: EventView): boolean {
  const { on, zoneId, labels } = condition;
  if (!(on as string[]).includes(event.kind) || unmoved.has(event.data.cause)) return false;
  return (zoneId === null || zoneId === event.zoneId) && takesLabel(labels, event.label ?? '');
}

/** The event itself is what the rule waits for. */
export function matchOf(rule: WatchedRule, cause: EventView): Match {
  const { publicationId, rtpTimestamp, zoneId, zoneName, trackId, runId, label } = cause;
  const facts = { publicationId, rtpTimestamp, zoneId, zoneName, trackId, runId, label };
  return { rule, atMs: Date.parse(cause.at), key: cause.id, cause, facts };
}
