import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { SfuNode } from '../nodes/NodeRegistry.ts';
import {
  type DeliveryView,
  hlsIsOff,
  type HlsView,
  type ModelDescription,
  type PackagerSettings,
  type StreamSettings,
} from '../protocol/index.ts';

/** Viewers learn of what changed at once, and of what only grows or wavers (bit rate, players, window) this often. */
const figuresEveryMs = 10_000;
const retryFirstMs = 500;
const retryMaxMs = 10_000;

export interface HlsStateOptions {
  settings: StreamSettings;
  logger: Logger;
  /** Of LL-HLS, behind this server's proxy, where the origin sees them as one. */
  players(publicationId: string): number;
  /** For viewers. */
  onView(view: DeliveryView): void;
}

/** HLS of one LiveStream: what its people want, told to the sfu, and what the sfu says of it. */
export class HlsState {
  readonly #options: HlsStateOptions;
  #settings: StreamSettings;
  #publication: { id: string; sfu: SfuNode } | undefined;
  /** What the node said last; undefined where nothing was published since. */
  #heard: HlsView | undefined;
  #told: DeliveryView;
  #toldAtMs = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: HlsStateOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#told = this.view;
  }

  get settings(): StreamSettings {
    return this.#settings;
  }

  get view(): DeliveryView {
    const off = hlsIsOff(this.#settings);
    return { delivery: this.#settings.delivery, hls: off ? null : this.#withPlayers(this.#heard ?? { state: 'idle' }) };
  }

  #withPlayers(hls: HlsView): HlsView {
    const players = this.#publication ? this.#options.players(this.#publication.id) : 0;
    return players > (hls.players ?? 0) ? { ...hls, players } : hls;
  }

  begin(publication: { id: string; sfu: SfuNode }): void {
    this.#publication = publication;
    this.#setPackager();
  }

  change(settings: StreamSettings): void {
    const before = packagerSettings(this.#settings);
    this.#settings = settings;
    if (!isDeepStrictEqual(before, packagerSettings(settings))) this.#setPackager();
    this.#tell();
  }

  describe(description: ModelDescription): void {
    const { id: publicationId, sfu } = this.#publication ?? {};
    if (publicationId === undefined || !sfu) return;
    // Without it HLS viewers miss the labels of this model, and nothing else.
    sfu.request('describeModel', { publicationId, description }).catch((error: unknown) => {
      this.#options.logger.warn({ publicationId, reason: (error as Error).message }, 'HLS was not told of a model');
    });
  }

  received(publicationId: string, hls: HlsView): void {
    if (this.#publication?.id !== publicationId) return;
    this.#heard = hls;
    this.#tell();
  }

  end(): void {
    clearTimeout(this.#retryTimer);
    this.#publication = undefined;
    this.#heard = undefined;
    this.#tell();
  }

  /** A node that does not take them is asked again: a person who switched recording on relies on it. */
  #setPackager(retryMs = retryFirstMs): void {
    clearTimeout(this.#retryTimer);
    const publication = this.#publication;
    if (!publication) return;
    const settings = packagerSettings(this.#settings);
    publication.sfu.request('setPackager', { publicationId: publication.id, settings }).catch((error: unknown) => {
      if (this.#publication !== publication || !isDeepStrictEqual(settings, packagerSettings(this.#settings))) return;
      const { message: reason } = error as Error;
      this.#options.logger.warn({ publicationId: publication.id, reason, retryMs }, 'HLS settings were not taken');
      this.#retryTimer = setTimeout(() => this.#setPackager(Math.min(retryMs * 2, retryMaxMs)), retryMs);
    });
  }

  #tell(): void {
    const view = this.view;
    const nowMs = performance.now();
    const changed = !isDeepStrictEqual(withoutFigures(view), withoutFigures(this.#told));
    const due = nowMs - this.#toldAtMs >= figuresEveryMs && !isDeepStrictEqual(view, this.#told);
    if (!changed && !due) return;
    this.#told = view;
    this.#toldAtMs = nowMs;
    this.#options.onView(view);
  }
}

export function packagerSettings(settings: StreamSettings): PackagerSettings {
  const { hls, recording, recordingMaxAgeHours, recordingMaxBytes } = settings;
  return { hls, recording, recordingMaxAgeHours, recordingMaxBytes };
}

function withoutFigures({ delivery, hls }: DeliveryView) {
  if (!hls) return { delivery, hls };
  const { bitrateBps: _rate, windowS: _window, players: _players, dropped: _dropped, ...rest } = hls;
  return { delivery, hls: rest };
}
