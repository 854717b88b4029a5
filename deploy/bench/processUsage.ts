import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** /proc counts CPU time in ticks of 1/100 s on every Linux (USER_HZ). */
const ticksPerSecond = 100;

export interface ProcessUsage {
  cpuSeconds: number;
  rssBytes: number;
  threads: number;
  /** Open files, sockets and pipes. */
  handles: number;
  sockets: number;
}

/** Linux only: the bench and the soak say so elsewhere. */
export function readProcessUsage(pid: number): ProcessUsage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    const handles = readdirSync(`/proc/${pid}/fd`);
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
      rssBytes: field('VmRSS') * 1024,
      threads: field('Threads'),
      handles: handles.length,
      sockets: countSockets(pid, handles),
    };
  } catch {
    return undefined; // it has ended
  }
}

function countSockets(pid: number, handles: string[]): number {
  return handles.filter((handle) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${handle}`).startsWith('socket:');
    } catch {
      return false; // closed meanwhile
    }
  }).length;
}
