import type { HistoryBatch } from '@framelock/server/protocol';

/**
 * Batches of all Publications that wait to be stored: at the usual 20 KB a second and Publication an hour of one, and
 * never more memory than that. Beyond it the oldest go, and are counted.
 */
const defaultMaxBytes = 64 * 1024 * 1024;
const defaultMaxBatches = 50_000;
/** Told and not stored yet; more waits, so that a server that is back after a long time is not flooded. */
const maxInFlight = 100;
const maxInFlightBytes = 8 * 1024 * 1024;
/** Of a tick: a batch that is told costs the main thread its JSON. */
const maxToldPerTick = 25;
const maxToldBytesPerTick = 1024 * 1024;
/** What was told and is not stored is told again after this, doubled each time up to the limit while nothing is stored. */
const tellAgainMs = 3_000;
const maxTellAgainMs = 60_000;
/** What was told so often, and not stored while others were, is what the server can't take: 9 minutes. */
const maxRefusals = 12;
/** Publications of which it is kept what was lost until a batch can tell of it. */
const maxCarried = 1_000;
/** Estimates of what an entry takes in memory and as JSON. */
const [trackBytes, eventBytes, secondBytes, cellBytes, entryBytes] = [400, 350, 600, 8, 1_000] as const;

export type HistoryDrop = 'batches' | 'tracks' | 'events' | 'pictures';

/** A batch on its way. */
export interface OutboxEntry {
  readonly batch: Omit<HistoryBatch, 'detections'>;
  /** Once they are compressed. */
  detections: Buffer | undefined;
  bytes: number;
  tells: number;
  toldAtMs: number;
  /** Told again although others, told later, were stored. */
  refusals: number;
}

export interface HistoryOutboxOptions {
  emit(batch: HistoryBatch): void;
  /** A batch went: with the last reports of so many ObjectTracks, and so many events. */
  onDropped(what: HistoryDrop, count: number): void;
  maxBytes?: number | undefined;
  maxBatches?: number | undefined;
}

/** HistoryBatches from when they are made until the server has stored them, oldest first. */
export class HistoryOutbox {
  readonly #options: HistoryOutboxOptions;
  readonly #maxBytes: number;
  readonly #maxBatches: number;
  readonly #entries = new Map<string, OutboxEntry>();
  #bytes = 0;
  #budget = 0;
  #budgetBytes = 0;
  /** When somebody was last known to store, and to be there anew. */
  #storedAtMs = -Infinity;
  #heardAtMs = -Infinity;
  /** By Publication: lost, and no batch waits that could tell. */
  readonly #carried = new Map<string, HistoryBatch['dropped']>();
  #stored = 0;
  #dropped = 0;

  constructor(options: HistoryOutboxOptions) {
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? defaultMaxBytes;
    this.#maxBatches = options.maxBatches ?? defaultMaxBatches;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Roughly. */
  get bytes(): number {
    return this.#bytes;
  }

  /** It keeps its place until `complete` gives its detections. */
  add(batch: OutboxEntry['batch']): OutboxEntry {
    const entry: OutboxEntry = { batch, detections: undefined, bytes: 0, tells: 0, toldAtMs: -Infinity, refusals: 0 };
    this.#entries.set(keyOf(batch.runId, batch.sequence), entry);
    const carried = this.#carried.get(batch.publicationId);
    if (carried && this.#carried.delete(batch.publicationId)) addTo(batch.dropped, carried);
    this.#weigh(entry, batch.rawBytes);
    this.#makeRoom();
    return entry;
  }

  complete(entry: OutboxEntry, detections: Buffer, nowMs: number): void {
    if (!this.#has(entry)) return;
    entry.detections = detections;
    this.#weigh(entry, detections.length);
    this.#tell(nowMs);
  }

  /** Its detections can't be had. */
  fail(entry: OutboxEntry): void {
    if (this.#has(entry)) this.#drop(entry);
  }

  #has({ batch }: OutboxEntry): boolean {
    return this.#entries.has(keyOf(batch.runId, batch.sequence));
  }

  #weigh(entry: OutboxEntry, detectionBytes: number): void {
    const { tracks, events, properties, heatmap } = entry.batch;
    let bytes = entryBytes + detectionBytes + events.length * eventBytes + properties.length * secondBytes;
    for (const { jpeg } of tracks) bytes += trackBytes + (jpeg?.length ?? 0);
    bytes += (heatmap?.seconds.length ?? 0) * cellBytes;
    this.#bytes += bytes - entry.bytes;
    entry.bytes = bytes;
  }

  #makeRoom(): void {
    for (const entry of this.#entries.values()) {
      if (this.#bytes <= this.#maxBytes && this.#entries.size <= this.#maxBatches) return;
      this.#drop(entry);
    }
  }

  #drop(entry: OutboxEntry): void {
    const { runId, sequence, publicationId, dropped, tracks, events } = entry.batch;
    this.#entries.delete(keyOf(runId, sequence));
    this.#bytes -= entry.bytes;
    this.#dropped++;
    const ended = tracks.filter((track) => track.ended).length;
    const { onDropped } = this.#options;
    onDropped('batches', 1);
    if (ended > 0) onDropped('tracks', ended);
    if (events.length > 0) onDropped('events', events.length);
    const pictures = tracks.filter(({ jpeg }) => jpeg !== undefined).length;
    if (pictures > 0) onDropped('pictures', pictures);
    const lost = { batches: 1, tracks: ended, events: events.length };
    addTo(lost, dropped);
    this.#carry(publicationId, lost);
  }

  /** The Publication's next batch tells of it. */
  #carry(publicationId: string, lost: HistoryBatch['dropped']): void {
    for (const { batch: next } of this.#entries.values()) {
      if (next.publicationId === publicationId) return addTo(next.dropped, lost);
    }
    if (this.#carried.size < maxCarried) this.#carried.set(publicationId, lost);
  }

  /** Some times a second. `isHeard`: somebody is connected. */
  tick(nowMs: number, isHeard: boolean): void {
    this.#budget = isHeard ? maxToldPerTick : 0;
    this.#budgetBytes = maxToldBytesPerTick;
    this.#tell(nowMs);
  }

  /** Somebody is connected who was not: what was told before may have been told to nobody. */
  heard(nowMs: number): void {
    this.#heardAtMs = nowMs;
  }

  /** In their order, so that a run's later ones are not told before its earlier ones. */
  #tell(nowMs: number): void {
    let inFlight = 0;
    let inFlightBytes = 0;
    let unready: Set<string> | undefined;
    for (const entry of this.#entries.values()) {
      if (this.#budget <= 0 || this.#budgetBytes <= 0) return;
      if (inFlight >= maxInFlight || inFlightBytes >= maxInFlightBytes) return;
      const { runId } = entry.batch;
      if (!entry.detections || unready?.has(runId)) {
        (unready ??= new Set()).add(runId);
        continue;
      }
      if (!this.#isAwaited(entry, nowMs)) {
        if (this.#isRefused(entry)) {
          this.#drop(entry);
          continue;
        }
        this.#emit(entry, nowMs);
      }
      inFlight++;
      inFlightBytes += entry.bytes;
    }
  }

  #isAwaited({ tells, toldAtMs, refusals }: OutboxEntry, nowMs: number): boolean {
    if (tells === 0) return false;
    const isHeard = Math.max(this.#heardAtMs, this.#storedAtMs) > toldAtMs;
    const waitMs = tellAgainMs * 2 ** (isHeard ? refusals : tells - 1);
    return nowMs - toldAtMs < Math.min(maxTellAgainMs, waitMs);
  }

  /** About to be told again. */
  #isRefused(entry: OutboxEntry): boolean {
    if (entry.tells > 0 && this.#storedAtMs > entry.toldAtMs) entry.refusals++;
    return entry.refusals >= maxRefusals;
  }

  #emit(entry: OutboxEntry, nowMs: number): void {
    entry.tells++;
    entry.toldAtMs = nowMs;
    this.#budget--;
    this.#budgetBytes -= entry.bytes;
    this.#options.emit({ ...entry.batch, detections: entry.detections!.toString('base64') });
  }

  /** `historyStored` of the server. */
  stored(runId: string, sequence: number, nowMs: number): void {
    const key = keyOf(runId, sequence);
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
    this.#stored++;
    this.#storedAtMs = nowMs;
  }

  /** What was never told, as far as it is not too much: there will be no other time. */
  tellRest(nowMs: number): void {
    let bytes = 0;
    for (const entry of this.#entries.values()) {
      if (!entry.detections || entry.tells > 0) continue;
      if ((bytes += entry.bytes) > maxInFlightBytes) return;
      this.#emit(entry, nowMs);
    }
  }

  dump(): object {
    return { waiting: this.size, bytes: this.#bytes, stored: this.#stored, dropped: this.#dropped };
  }
}

function addTo(sum: HistoryBatch['dropped'], more: HistoryBatch['dropped']): void {
  sum.batches += more.batches;
  sum.tracks += more.tracks;
  sum.events += more.events;
}

const keyOf = (runId: string, sequence: number): string => `${runId}/${sequence}`;
