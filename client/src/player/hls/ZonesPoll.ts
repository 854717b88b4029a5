import type { ZoneSettings, ZonesNow } from '@framelock/server/protocol';

/** Somebody who draws wants to see it soon; all others do not want to be asked about. */
const settingsEveryMs = 10_000;
/** Pictures are seconds behind, and their figures wait for them. */
const figuresEveryMs = 1_000;

export interface ZonesPollOptions {
  getZones(): Promise<ZoneSettings>;
  getZonesNow(): Promise<ZonesNow>;
  onZones(zones: ZoneSettings): void;
  onZonesNow(now: ZonesNow): void;
}

/** What HLS has no channel for: asks for what is drawn, and for its figures where something is. Until closed. */
export class ZonesPoll {
  readonly #options: ZonesPollOptions;
  #timer: ReturnType<typeof setTimeout>;
  #settingsAtMs = -Infinity;
  #told = '';
  #hasShapes = false;
  #closed = false;

  constructor(options: ZonesPollOptions) {
    this.#options = options;
    this.#timer = setTimeout(() => void this.#ask());
  }

  async #ask(): Promise<void> {
    try {
      if (performance.now() - this.#settingsAtMs >= settingsEveryMs) await this.#askSettings();
      if (this.#hasShapes && !this.#closed) {
        const now = await this.#options.getZonesNow();
        if (!this.#closed) this.#options.onZonesNow(now);
      }
    } catch {
      // The picture does not depend on it; it is asked again.
    }
    if (!this.#closed) this.#timer = setTimeout(() => void this.#ask(), figuresEveryMs);
  }

  async #askSettings(): Promise<void> {
    const zones = await this.#options.getZones();
    if (this.#closed) return;
    this.#settingsAtMs = performance.now();
    this.#hasShapes = zones.zones.length + zones.lines.length > 0;
    const told = JSON.stringify(zones);
    if (told === this.#told) return;
    this.#told = told;
    this.#options.onZones(zones);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
