import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect as connectTcp, isIPv6, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

const magicCookie = 0x2112a442;
const udpTries = 3;

export interface StunAddress {
  host: string;
  port: number;
  transport: 'udp' | 'tcp' | 'tls';
}

/** RFC 7064 and 7065: `stun:host`, `turn:host:3478?transport=tcp`, `turns:host`. Nothing for what is none of them. */
export function stunAddressOf(url: string): StunAddress | undefined {
  const parts = /^(stuns?|turns?):(\[[^\]]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?$/i.exec(url);
  if (!parts) return undefined;
  const secure = parts[1]!.toLowerCase().endsWith('s');
  const host = parts[2]!.replace(/^\[|\]$/g, '');
  const port = parts[3] === undefined ? (secure ? 5349 : 3478) : Number(parts[3]);
  return { host, port, transport: secure ? 'tls' : parts[4]?.toLowerCase() === 'tcp' ? 'tcp' : 'udp' };
}

/**
 * A binding request (RFC 8489), which STUN and TURN servers answer to anybody. Nothing where it was answered, else what
 * is wrong.
 */
export async function askStun({ host, port, transport }: StunAddress, timeoutMs = 2_000): Promise<string | undefined> {
  const transactionId = randomBytes(12);
  const request = Buffer.alloc(20);
  request.writeUInt16BE(0x0001, 0);
  request.writeUInt32BE(magicCookie, 4);
  transactionId.copy(request, 8);
  const check = (answer: Buffer) =>
    answer.readUInt32BE(4) === magicCookie && answer.subarray(8, 20).equals(transactionId)
      ? undefined
      : 'something that is not STUN answered';
  try {
    return await (transport === 'udp'
      ? askByUdp(host, port, request, check, timeoutMs)
      : askByStream(host, port, transport, request, check, timeoutMs));
  } catch (error) {
    return wordsOf(error as NodeJS.ErrnoException);
  }
}

type Check = (answer: Buffer) => string | undefined;

async function askByUdp(host: string, port: number, request: Buffer, check: Check, timeoutMs: number) {
  const { address, family } = await lookup(host);
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
  try {
    return await new Promise<string | undefined>((resolve, reject) => {
      let tries = 0;
      const ask = () => {
        if (tries++ < udpTries) socket.send(request, port, address, (error) => error && reject(error));
        else resolve('no answer');
      };
      const timer = setInterval(ask, timeoutMs / udpTries);
      socket.once('close', () => clearInterval(timer));
      socket.once('error', reject);
      socket.on('message', (answer) => {
        if (answer.length >= 20) resolve(check(answer));
      });
      ask();
    });
  } finally {
    socket.removeAllListeners('error').on('error', () => undefined);
    socket.close();
  }
}

function askByStream(
  host: string,
  port: number,
  transport: 'tcp' | 'tls',
  request: Buffer,
  check: Check,
  timeoutMs: number,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const send = () => void socket.write(request);
    const socket: Socket =
      transport === 'tls'
        ? connectTls({ host, port, ...(isIPv6(host) ? {} : { servername: host }) }, send)
        : connectTcp(port, host, send);
    let received = Buffer.alloc(0);
    const end = (settle: () => void) => {
      clearTimeout(timer);
      socket.removeAllListeners().on('error', () => undefined);
      socket.destroy();
      settle();
    };
    const timer = setTimeout(() => end(() => resolve('no answer')), timeoutMs);
    socket.on('data', (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      if (received.length >= 20) end(() => resolve(check(received)));
    });
    socket.on('error', (error) => end(() => reject(error)));
    socket.on('close', () => end(() => resolve('it closed the connection')));
  });
}

function wordsOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its name has no address';
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  return message;
}
