import { readFileSync } from 'node:fs';
import type { ProcessFigures } from './system.ts';

/** /proc counts CPU time in ticks of 1/100 s on every Linux (USER_HZ), and memory in pages. */
const ticksPerSecond = 100;
const pageBytes = 4096;

interface Usage {
  cpuSeconds: number;
  rssBytes: number;
}

/** What a process of this machine costs, from one reading to the next. Other processes than this one: Linux only. */
export class ProcessMeter {
  readonly #readUsage: (pid: number | undefined) => Usage | undefined;
  readonly #last = new Map<string, { pid: number | undefined; cpuSeconds: number; atMs: number }>();
  readonly #nowMs: () => number;

  constructor(readUsage = readProcessUsage, nowMs = () => performance.now()) {
    this.#readUsage = readUsage;
    this.#nowMs = nowMs;
  }

  /** `pid` undefined = this process. Undefined for one that has ended; cores used are 0 at the first reading. */
  read(name: string, pid?: number): ProcessFigures | undefined {
    const usage = this.#readUsage(pid);
    if (!usage) return void this.#last.delete(name);
    const atMs = this.#nowMs();
    const last = this.#last.get(name);
    const cores =
      last && last.pid === pid && atMs > last.atMs
        ? Math.max(0, (usage.cpuSeconds - last.cpuSeconds) / ((atMs - last.atMs) / 1_000))
        : 0;
    this.#last.set(name, { pid, cpuSeconds: usage.cpuSeconds, atMs });
    return { name, cores: Math.round(cores * 1_000) / 1_000, rssBytes: usage.rssBytes };
  }
}

export function readProcessUsage(pid: number | undefined): Usage | undefined {
  if (pid === undefined) {
    const { user, system } = process.cpuUsage();
    return { cpuSeconds: (user + system) / 1e6, rssBytes: process.memoryUsage.rss() };
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // proc(5): after the name, which may hold anything, field 14 is utime, 15 stime, 24 rss.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const cpuSeconds = (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    return { cpuSeconds, rssBytes: Number(fields[21]) * pageBytes };
  } catch {
    return undefined;
  }
}
