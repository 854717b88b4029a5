import { isDeepStrictEqual } from 'node:util';
import type { types } from 'mediasoup';
import type { LayerTimeline, SimulcastLayer } from '@framelock/server/protocol';
import { ArrivalRecorder } from './ArrivalRecorder.ts';
import { chooseAnalysed, type LayerFlow } from './chooseAnalysed.ts';
import { decideTimeline } from './LayerTimeline.ts';

export interface SimulcastLayersOptions {
  /** Another layer is the analysed one; also the first. */
  onAnalysed(producerId: string): void;
  onTimeline(producerId: string, timeline: LayerTimeline): void;
  /** Between looks at what flows, ms. */
  tickEveryMs?: number;
  /** Between two checks of what is known, ms. */
  recheckEveryMs?: number;
}

interface Layer extends LayerFlow {
  readonly rid: string;
  readonly producer: types.Producer;
  readonly recorder: ArrivalRecorder;
  timeline: LayerTimeline;
  packets: number;
  lastPacketMs: number;
}

interface RunningCheck {
  startedMs: number;
  /** Something is not known yet: it takes longer. */
  first: boolean;
  /** Those compared with the analysed one; who begins to flow later has its own check. */
  layers: Layer[];
}

/** Without a packet for this long a layer has stopped. */
const stoppedAfterMs = 2_000;
/** Frames of a re-check: less than a second at 30 fps. */
const fewestToConfirm = 20;
/** A first check decides after this at the earliest; what is not decided at the end is unknown. */
const firstCheckMs = { least: 2_500, most: 6_000 };
const recheckMs = { least: 900, most: 3_500 };
/** What is unknown is looked at again sooner: the reason may have been the network's. */
const retryUnknownMs = 10_000;

/**
 * The layers of a simulcast, each a Producer of its own: which of them is analysed, and how the timestamps of the others
 * relate to its own. That is measured when a layer begins to flow and confirmed every 30 s; between the two nothing can
 * change it but a publisher that breaks its own clock.
 */
export class SimulcastLayers {
  readonly #options: SimulcastLayersOptions;
  readonly #layers = new Map<string, Layer>();
  readonly #timer: NodeJS.Timeout;
  #analysedId: string | undefined;
  /** The check that runs. */
  #check: RunningCheck | undefined;
  #nextCheckMs = 0;
  #asking = false;
  #closed = false;

  private constructor(options: SimulcastLayersOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#tick(), options.tickEveryMs ?? 500);
  }

  static create(options: SimulcastLayersOptions): SimulcastLayers {
    return new SimulcastLayers(options);
  }

  get closed(): boolean {
    return this.#closed;
  }

  get size(): number {
    return this.#layers.size;
  }

  /** The Producer to analyse. */
  get analysed(): types.Producer | undefined {
    return this.#analysedId === undefined ? undefined : this.#layers.get(this.#analysedId)?.producer;
  }

  add(producer: types.Producer, { rid, order }: { rid: string; order: number }): void {
    const { id } = producer;
    this.#layers.set(id, {
      ...{ id, rid, order, producer, recorder: new ArrivalRecorder(producer) },
      ...{ flowingSinceMs: undefined, everFlowed: false, packets: 0, lastPacketMs: -Infinity },
      timeline: { state: 'checking' },
    });
    this.#choose(performance.now());
  }

  remove(producerId: string): void {
    const layer = this.#layers.get(producerId);
    if (!layer) return;
    this.#layers.delete(producerId);
    layer.recorder.close();
    if (this.#analysedId === producerId) this.#choose(performance.now());
  }

  view(producerId: string): SimulcastLayer | undefined {
    const layer = this.#layers.get(producerId);
    return layer && { rid: layer.rid, order: layer.order, timeline: layer.timeline };
  }

  /** A Worker that answers late is not asked again meanwhile. */
  async #tick(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const layers = [...this.#layers.values()];
    const counts = await Promise.allSettled(layers.map(({ producer }) => producer.getStats()));
    this.#asking = false;
    if (this.#closed) return;
    const nowMs = performance.now();
    for (const [index, count] of counts.entries()) {
      if (count.status === 'fulfilled') this.#noteFlow(layers[index]!, sumPackets(count.value), nowMs);
    }
    this.#choose(nowMs);
    this.#driveCheck(nowMs);
  }

  #noteFlow(layer: Layer, packets: number, nowMs: number): void {
    if (packets !== layer.packets) {
      layer.packets = packets;
      layer.lastPacketMs = nowMs;
      layer.flowingSinceMs ??= nowMs;
      layer.everFlowed = true;
    } else if (layer.flowingSinceMs !== undefined && nowMs - layer.lastPacketMs >= stoppedAfterMs) {
      layer.flowingSinceMs = undefined;
      // Who begins again may count from elsewhere.
      if (layer.id !== this.#analysedId) this.#setTimeline(layer, { state: 'checking' });
    }
  }

  #choose(nowMs: number): void {
    const chosen = chooseAnalysed([...this.#layers.values()], this.#analysedId, nowMs);
    if (chosen?.id === this.#analysedId) return;
    this.#analysedId = chosen?.id;
    this.#endCheck(nowMs, 0);
    if (!chosen) return;
    // What was known was known of another layer, so nothing is until everybody knows of the change.
    for (const layer of this.#layers.values()) this.#setTimeline(layer, { state: 'checking' });
    this.#options.onAnalysed(chosen.id);
    this.#setTimeline(chosen, { state: 'known', offsetTicks: 0 });
  }

  /** The layers that flow, beside the analysed one. */
  get #others(): Layer[] {
    return [...this.#layers.values()].filter(
      ({ id, flowingSinceMs }) => id !== this.#analysedId && flowingSinceMs !== undefined,
    );
  }

  #driveCheck(nowMs: number): void {
    if (this.#check) return this.#evaluate(this.#check, nowMs);
    const reference = this.#layers.get(this.#analysedId ?? '');
    const others = this.#others;
    if (reference?.flowingSinceMs === undefined || others.length === 0) return;
    const first = others.some(({ timeline }) => timeline.state === 'checking');
    if (!first && nowMs < this.#nextCheckMs) return;
    this.#check = { startedMs: nowMs, first, layers: others };
    for (const { recorder } of [reference, ...others]) recorder.start();
  }

  #evaluate({ startedMs, first, layers }: RunningCheck, nowMs: number): void {
    const limits = first ? firstCheckMs : recheckMs;
    const ageMs = nowMs - startedMs;
    if (ageMs < limits.least) return;
    const reference = this.#layers.get(this.#analysedId!)!;
    const isLast = ageMs >= limits.most;
    let open = 0;
    const present = layers.filter(({ id }) => this.#layers.has(id));
    for (const layer of present) if (!this.#judge(layer, reference, isLast)) open++;
    if (open > 0 && !isLast) return;
    const unknown = present.some(({ timeline }) => timeline.state === 'unknown');
    const recheckEveryMs = this.#options.recheckEveryMs ?? 30_000;
    this.#endCheck(nowMs, unknown ? Math.min(retryUnknownMs, recheckEveryMs) : recheckEveryMs);
  }

  /** False when more must be seen. */
  #judge(layer: Layer, reference: Layer, isLast: boolean): boolean {
    const { frames } = layer.recorder;
    if (layer.timeline.state !== 'known') {
      const decided = decideTimeline(frames, reference.recorder.frames);
      if (decided.state !== 'known' && !isLast) return false;
      const tooFew: LayerTimeline = { state: 'unknown', reason: 'too few frames of the layer came to compare' };
      this.#setTimeline(layer, decided.state === 'checking' ? tooFew : decided);
      return true;
    }
    const confirmed = decideTimeline(frames, reference.recorder.frames, fewestToConfirm);
    if (isDeepStrictEqual(confirmed, layer.timeline)) return true;
    // Another offset is a contradiction at once; jitter and silence have until the end of the check.
    if (confirmed.state !== 'known' && !isLast) return false;
    this.#setTimeline(layer, { state: 'checking' });
    return true;
  }

  #endCheck(nowMs: number, nextInMs: number): void {
    this.#check = undefined;
    this.#nextCheckMs = nowMs + nextInMs;
    for (const { recorder } of this.#layers.values()) recorder.stop();
  }

  #setTimeline(layer: Layer, timeline: LayerTimeline): void {
    if (isDeepStrictEqual(layer.timeline, timeline)) return;
    layer.timeline = timeline;
    this.#options.onTimeline(layer.id, timeline);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    for (const { recorder } of this.#layers.values()) recorder.close();
    this.#layers.clear();
    this.#analysedId = undefined;
  }

  dump(): Record<string, unknown> {
    return {
      analysed: this.#analysedId ?? null,
      checking: this.#check !== undefined,
      layers: [...this.#layers.values()].map(({ id, rid, order, timeline, flowingSinceMs }) => {
        return { id, rid, order, timeline, flows: flowingSinceMs !== undefined };
      }),
    };
  }
}

function sumPackets(streams: readonly types.ProducerStat[]): number {
  return streams.reduce((sum, { packetCount }) => sum + packetCount, 0);
}
