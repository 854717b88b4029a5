import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const everyMs = 1_000;

interface LoadSample {
  unixMs: number;
  /** Share of all cores that ran something. */
  busy: number;
  /** Share of the time in which something that could run had to wait for a core (PSI); null where the kernel has none. */
  waited: number | null;
}

/** How busy the machine is, once a second, so that a stall of a starved one can be told from one of the product. Linux. */
export class MachineLoad {
  readonly #samples: LoadSample[] = [];
  readonly #lag = monitorEventLoopDelay({ resolution: 10 });
  readonly #timer: NodeJS.Timeout;
  #last = read();

  constructor() {
    this.#lag.enable();
    this.#timer = setInterval(() => this.#sample(), everyMs);
  }

  #sample(): void {
    const [before, now] = [this.#last, (this.#last = read())];
    const total = now.total - before.total;
    this.#samples.push({
      unixMs: Date.now(),
      busy: total > 0 ? 1 - (now.idle - before.idle) / total : 0,
      waited:
        now.waitedUs === undefined || before.waitedUs === undefined
          ? null
          : (now.waitedUs - before.waitedUs) / 1000 / (now.atMs - before.atMs),
    });
  }

  /** The busiest second near this moment. */
  near(unixMs: number, withinMs = 3_000): { busy: number; waited: number | null } | null {
    const close = this.#samples.filter((sample) => Math.abs(sample.unixMs - unixMs) <= withinMs);
    if (close.length === 0) return null;
    const waited = close.map((sample) => sample.waited).filter((value) => value !== null);
    return {
      busy: round(Math.max(...close.map(({ busy }) => busy))),
      waited: waited.length > 0 ? round(Math.max(...waited)) : null,
    };
  }

  close(): Record<string, unknown> {
    clearInterval(this.#timer);
    this.#lag.disable();
    const busy = this.#samples.map((sample) => sample.busy).toSorted((a, b) => a - b);
    const waited = this.#samples.map((sample) => sample.waited ?? 0).toSorted((a, b) => a - b);
    return {
      busyShareOfAllCores: { p50: at(busy, 0.5), p95: at(busy, 0.95) },
      shareOfTimeSomethingWaitedForACore: { p50: at(waited, 0.5), p95: at(waited, 0.95) },
      loadAverage1m: round(loadavg()[0]!),
      ownEventLoopLagMs: { p99: Math.round(this.#lag.percentile(99) / 1e6), max: Math.round(this.#lag.max / 1e6) },
    };
  }
}

function read(): { atMs: number; idle: number; total: number; waitedUs: number | undefined } {
  const text = (path: string) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return '';
    }
  };
  const fields = (/^cpu\s+(.*)$/m.exec(text('/proc/stat'))?.[1] ?? '').split(/\s+/).slice(0, 8).map(Number);
  const pressure = /^some .*total=(\d+)/m.exec(text('/proc/pressure/cpu'))?.[1];
  return {
    atMs: performance.now(),
    idle: (fields[3] ?? 0) + (fields[4] ?? 0),
    total: fields.reduce((sum, field) => sum + field, 0),
    waitedUs: pressure === undefined ? undefined : Number(pressure),
  };
}

const round = (value: number): number => Math.round(value * 100) / 100;
const at = (sorted: readonly number[], share: number): number | null =>
  sorted.length === 0 ? null : round(sorted[Math.floor(share * (sorted.length - 1))]!);
