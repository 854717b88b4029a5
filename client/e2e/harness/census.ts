import { readFile, readdir, readlink } from 'node:fs/promises';
import type { Product } from './Product.ts';

/** What a product holds, by name, so that a difference says what was left behind. */
export interface Census {
  /** Processes, e.g. `{ ffmpeg: 1, 'mediasoup-worker': 1 }`. */
  processes: Record<string, number>;
  /** Bound UDP sockets and listening TCP sockets by process. */
  ports: Record<string, number>;
  /** What server and sfu say they hold: sessions, Publications, Routers, transports, Producers, Sources… */
  held: Record<string, number>;
}

const tcpListening = '0A';
const askTimeoutMs = 2_000;

/** Linux: processes and ports are counted from /proc, not asked of those who may have forgotten. */
export async function takeCensus(product: Product, nodeSecret: string): Promise<Census> {
  const [sockets, pids] = [await boundSockets(), await product.pids('')];
  const census: Census = { processes: {}, ports: {}, held: {} };
  const sfuPorts: number[] = [];
  for (const pid of pids) {
    const name = await nameOf(pid);
    if (name === '') continue; // ended meanwhile
    census.processes[name] = (census.processes[name] ?? 0) + 1;
    const own = (await socketsOf(pid)).flatMap((inode) => sockets.get(inode) ?? []);
    if (own.length > 0) census.ports[name] = (census.ports[name] ?? 0) + own.length;
    if (name === 'sfu') sfuPorts.push(...own.flatMap(({ protocol, port }) => (protocol === 'tcp' ? port : [])));
  }
  census.held = {
    ...held(
      await metricsAt(product.url),
      /^framelock_(whip_sessions|whep_sessions|publications|analyses_running|viewers) /,
    ),
    ...held(await sfuMetrics(sfuPorts, nodeSecret), /^framelock_sfu_held\{what="(\w+)"\} /),
  };
  return census;
}

/** Its control port is among those it listens on. */
async function sfuMetrics(ports: number[], nodeSecret: string): Promise<string> {
  for (const port of ports) {
    const text = await metricsAt(`http://127.0.0.1:${port}`, nodeSecret).catch(() => '');
    if (text.includes('framelock_sfu_held')) return text;
  }
  throw new Error(`no sfu answers on ${ports.join(', ')}`);
}

async function metricsAt(base: string, bearer?: string): Promise<string> {
  const headers: Record<string, string> = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
  const response = await fetch(`${base}/metrics`, { headers, signal: AbortSignal.timeout(askTimeoutMs) });
  return response.text();
}

function held(metrics: string, line: RegExp): Record<string, number> {
  const found = metrics.split('\n').flatMap((text) => {
    const match = line.exec(text);
    return match ? [[match[1]!, Number(text.slice(match[0].length))] as const] : [];
  });
  return Object.fromEntries(found);
}

async function nameOf(pid: number): Promise<string> {
  const commandLine = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
  const script = /(\w+)\/src\/main\.ts/.exec(commandLine)?.[1];
  return script ?? (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();
}

interface BoundSocket {
  protocol: 'udp' | 'tcp';
  port: number;
}

/** Bound UDP and listening TCP sockets of this machine by inode. */
async function boundSockets(): Promise<Map<string, BoundSocket>> {
  const sockets = new Map<string, BoundSocket>();
  for (const table of ['udp', 'udp6', 'tcp', 'tcp6']) {
    const protocol = table.startsWith('udp') ? 'udp' : 'tcp';
    const lines = (await readFile(`/proc/net/${table}`, 'utf8').catch(() => '')).split('\n').slice(1);
    for (const line of lines) {
      const fields = line.trim().split(/\s+/);
      if (fields.length < 10 || (protocol === 'tcp' && fields[3] !== tcpListening)) continue;
      sockets.set(fields[9]!, { protocol, port: Number.parseInt(fields[1]!.split(':')[1]!, 16) });
    }
  }
  return sockets;
}

async function socketsOf(pid: number): Promise<string[]> {
  const handles = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const links = await Promise.all(handles.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
}
