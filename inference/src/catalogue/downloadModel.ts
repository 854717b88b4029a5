import { createHash } from 'node:crypto';
import { lookup as lookupAddresses } from 'node:dns';
import { createWriteStream } from 'node:fs';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { get as httpsGet, type RequestOptions } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Refusal } from '@framelock/server/protocol';

/**
 * Which addresses may be reached: a URL, or a redirect of a public host, must not make this machine fetch from its own
 * network. `loopback` adds this machine itself (tests), `private` everything.
 */
export type Reach = 'public' | 'loopback' | 'private';

export interface DownloadOptions {
  url: string;
  /** Where to write; overwritten. Left behind half-written when the download fails: the caller removes it. */
  path: string;
  /** Lower-case hex. */
  sha256?: string;
  /** Default 1 GiB. */
  maxBytes?: number;
  reach?: Reach;
  /** No bytes for this long is a failure; default 30 s. */
  idleTimeoutMs?: number;
  onProgress?(receivedBytes: number, totalBytes: number | undefined): void;
}

const maxRedirects = 5;
const defaultMaxBytes = 1024 ** 3;

/**
 * Downloads over https (http only to loopback) to a file. Refuses with a reason: address not allowed, status, too
 * large, cut short, wrong sha256.
 */
export async function downloadModel(options: DownloadOptions): Promise<void> {
  const { path, sha256, maxBytes = defaultMaxBytes, onProgress } = options;
  const response = await openUrl(options);
  const stated = response.headers['content-length'];
  const totalBytes = stated === undefined ? undefined : Number(stated);
  if (totalBytes !== undefined && totalBytes > maxBytes) {
    response.destroy();
    throw new Refusal('tooLarge', `the file has ${totalBytes} bytes; at most ${maxBytes} are taken`);
  }
  const hash = createHash('sha256');
  let receivedBytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      receivedBytes += chunk.length;
      hash.update(chunk);
      if (receivedBytes > maxBytes) return done(new Refusal('tooLarge', `the file has more than ${maxBytes} bytes`));
      onProgress?.(receivedBytes, totalBytes);
      done(null, chunk);
    },
  });
  try {
    await pipeline(response, count, createWriteStream(path));
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(
      'unavailable',
      `the download broke off after ${receivedBytes} bytes: ${(error as Error).message}`,
    );
  }
  if (totalBytes !== undefined && receivedBytes !== totalBytes) {
    throw new Refusal('unavailable', `the download was cut: ${receivedBytes} of ${totalBytes} bytes`);
  }
  const found = hash.digest('hex');
  if (sha256 !== undefined && found !== sha256) {
    throw new Refusal('unsupported', `its sha256 is ${found}, but ${sha256} was expected: not the file that was tried`);
  }
}

async function openUrl({ url, reach = 'public', idleTimeoutMs = 30_000 }: DownloadOptions): Promise<IncomingMessage> {
  let target = parseUrl(url);
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const response = await request(target, reach, idleTimeoutMs);
    const { statusCode = 0, headers } = response;
    if (statusCode >= 200 && statusCode < 300) return response;
    response.destroy();
    if (statusCode < 300 || statusCode >= 400 || headers.location === undefined) {
      throw new Refusal('unavailable', `${target.host} answered ${statusCode}`);
    }
    target = parseUrl(headers.location, target);
  }
  throw new Refusal('unavailable', `more than ${maxRedirects} redirects`);
}

function parseUrl(url: string, base?: URL): URL {
  const parsed = URL.parse(url, base?.href);
  if (!parsed) throw new Refusal('badRequest', `${url} is no URL`);
  const { protocol, hostname } = parsed;
  const plainToLoopback = protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
  if (protocol !== 'https:' && !plainToLoopback) {
    throw new Refusal('badRequest', `${parsed.origin}: models are downloaded over https only`);
  }
  return parsed;
}

function request(target: URL, reach: Reach, idleTimeoutMs: number): Promise<IncomingMessage> {
  const host = target.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0) refuseAddress(host, host, reach);
  const get = target.protocol === 'https:' ? httpsGet : httpGet;
  const options: RequestOptions = {
    // The address that is judged is the one that is dialled: no second look-up in between.
    lookup: guardedLookup(reach),
    headers: { 'user-agent': 'framelock', 'accept-encoding': 'identity' },
    agent: false,
    timeout: idleTimeoutMs,
  };
  return new Promise((resolve, reject) => {
    const asked = get(target, options, resolve);
    asked.on('timeout', () => asked.destroy(new Error(`nothing came for ${idleTimeoutMs} ms`)));
    asked.on('error', (error) =>
      reject(error instanceof Refusal ? error : new Refusal('unavailable', `${target.host}: ${error.message}`)),
    );
  });
}

function guardedLookup(reach: Reach): LookupFunction {
  return (hostname, options, callback) => {
    lookupAddresses(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '', 0);
      try {
        for (const { address } of addresses) refuseAddress(address, hostname, reach);
      } catch (refusal) {
        return callback(refusal as Error, '', 0);
      }
      if (options.all) return callback(null, addresses);
      callback(null, addresses[0]!.address, addresses[0]!.family);
    });
  };
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/** Not public by the IANA special-purpose registries (RFC 6890 and its successors). */
const special = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  special.addSubnet(network, bits);
}

export function refuseAddress(address: string, host: string, reach: Reach): void {
  if (reach === 'private') return;
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  if (loopback.check(address, family)) {
    if (reach === 'loopback') return;
    throw new Refusal('forbidden', `${host} is this machine itself (--allow-private takes it)`);
  }
  // Global unicast is 2000::/3; its documentation and Teredo/6to4 corners lead to embedded addresses.
  const publicV6 = family === 'ipv4' || (globalUnicast.check(address, 'ipv6') && !embedded.check(address, 'ipv6'));
  if (!publicV6 || special.check(address, family)) {
    throw new Refusal('forbidden', `${host} (${address}) is not a public address (--allow-private takes it)`);
  }
}

const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');
const embedded = new BlockList();
embedded.addSubnet('2001::', 23, 'ipv6');
embedded.addSubnet('2001:db8::', 32, 'ipv6');
embedded.addSubnet('2002::', 16, 'ipv6');
