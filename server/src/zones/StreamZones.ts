import type { EventData, SignalingContract, ZoneSettings, ZonesLive } from '../protocol/index.ts';

export interface StreamZonesCallbacks {
  /** Whoever evaluates them has to hear of it. */
  onChanged(): void;
  /** To all who watch the Stream. */
  tell<E extends 'zones' | 'zonesLive'>(event: E, data: EventData<SignalingContract, E>): void;
}

/** What is drawn on the picture of one LiveStream, and what was counted there last. */
export class StreamZones {
  readonly #callbacks: StreamZonesCallbacks;
  #settings: ZoneSettings;
  #last: { publicationId: string; live: ZonesLive } | undefined;

  constructor(settings: ZoneSettings, callbacks: StreamZonesCallbacks) {
    this.#settings = settings;
    this.#callbacks = callbacks;
  }

  get settings(): ZoneSettings {
    return this.#settings;
  }

  /** The latest figures of this Publication. */
  liveOf(publicationId: string): ZonesLive | undefined {
    return this.#last?.publicationId === publicationId ? this.#last.live : undefined;
  }

  change(settings: ZoneSettings): void {
    this.#settings = settings;
    // Until a node counts in them, figures of shapes that are gone would be shown.
    this.#last = undefined;
    this.#callbacks.tell('zones', settings);
    this.#callbacks.onChanged();
  }

  /** A node's figures of the Publication that runs now, at most four times a second. */
  received(publicationId: string, live: ZonesLive): void {
    this.#last = { publicationId, live };
    this.#callbacks.tell('zonesLive', this.#last);
  }
}
