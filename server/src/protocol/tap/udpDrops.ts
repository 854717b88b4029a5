import { readFile } from 'node:fs/promises';
import type { SocketAddress } from './RtpReceiver.ts';

/** Datagrams that the kernel threw away since each UDP socket was opened (its receive buffer was full), by `udpKey`. */
export type UdpDrops = ReadonlyMap<string, number>;

/** Undefined where the kernel does not say (no Linux). */
export async function readUdpDrops(): Promise<UdpDrops | undefined> {
  const tables = await Promise.all(
    ['/proc/net/udp', '/proc/net/udp6'].map((path) => readFile(path, 'latin1').catch(() => undefined)),
  );
  if (tables.every((table) => table === undefined)) return undefined;
  return parseUdpDrops(tables.join('\n'));
}

/** Of the lines of proc_net_udp(5): local address as hex in the second column, drops in the last. */
export function parseUdpDrops(text: string): UdpDrops {
  const drops = new Map<string, number>();
  for (const line of text.split('\n')) {
    const columns = line.trim().split(/\s+/);
    const local = columns[1];
    const dropped = Number(columns.at(-1));
    if (columns.length < 13 || local === undefined || !/^[0-9A-F]{8,32}:[0-9A-F]{4}$/.test(local)) continue;
    if (Number.isSafeInteger(dropped)) drops.set(local, dropped);
  }
  return drops;
}

/** As the table writes a socket's address: 32-bit words of the address in the machine's byte order. */
export function udpKey({ ip, port }: SocketAddress): string {
  const bytes = ip.includes(':') ? ipv6Bytes(ip) : Buffer.from(ip.split('.').map(Number));
  const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, '0');
  let address = '';
  for (let word = 0; word < bytes.length; word += 4) address += hex(bytes.readUInt32LE(word), 8);
  return `${address}:${hex(port, 4)}`;
}

function ipv6Bytes(ip: string): Buffer {
  // The URL parser writes an embedded IPv4 part as hex, too.
  const [head = '', tail] = new URL(`http://[${ip.split('%')[0]}]`).hostname.slice(1, -1).split('::');
  const words = (text: string) => (text === '' ? [] : text.split(':').map((word) => parseInt(word, 16)));
  const [front, back] = [words(head), words(tail ?? '')];
  const all = [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
  const bytes = Buffer.alloc(16);
  all.forEach((word, index) => bytes.writeUInt16BE(word, index * 2));
  return bytes;
}
