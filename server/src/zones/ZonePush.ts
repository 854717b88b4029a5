import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { InferenceNode } from '../nodes/NodeRegistry.ts';
import type { ZoneSettings } from '../protocol/index.ts';

const retryFirstMs = 500;
const retryMaxMs = 10_000;

export interface ZonePushOptions {
  publicationId: string;
  logger: Logger;
  settings(): ZoneSettings;
}

/**
 * Keeps the node that analyses one Publication told of what is drawn: with the request that begins the analysis, and by
 * itself when that changes meanwhile. One request at a time, and again until the node takes the newest.
 */
export class ZonePush {
  readonly #options: ZonePushOptions;
  #node: InferenceNode | undefined;
  /** What the node has, as far as is known. */
  #known: ZoneSettings | undefined;
  #asking = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ZonePushOptions) {
    this.#options = options;
  }

  /** For `startAnalysis`. */
  atStart(): { zones?: ZoneSettings } {
    const settings = (this.#known = this.#options.settings());
    const isEmpty = settings.zones.length === 0 && settings.lines.length === 0 && settings.scale === null;
    return isEmpty ? {} : { zones: settings };
  }

  /** The analysis runs on this node. */
  begin(node: InferenceNode): void {
    this.#node = node;
    this.changed();
  }

  changed(): void {
    clearTimeout(this.#timer);
    void this.#push(retryFirstMs);
  }

  async #push(retryMs: number): Promise<void> {
    const node = this.#node;
    const { publicationId, logger } = this.#options;
    const zones = this.#options.settings();
    if (!node || this.#asking || isDeepStrictEqual(zones, this.#known)) return;
    this.#asking = true;
    let failed = false;
    try {
      await node.request('setZones', { publicationId, zones });
      if (this.#node === node) this.#known = zones;
    } catch (error) {
      failed = this.#node === node;
      if (failed) logger.warn({ reason: (error as Error).message, retryMs }, 'zones were not taken');
    }
    this.#asking = false;
    // They may be others by now, or it is another node.
    if (!failed) return void this.#push(retryFirstMs);
    this.#timer = setTimeout(() => void this.#push(Math.min(retryMs * 2, retryMaxMs)), retryMs);
  }

  /** The analysis on that node is over. */
  end(): void {
    clearTimeout(this.#timer);
    this.#node = undefined;
  }
}
