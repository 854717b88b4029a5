import { readFile, stat } from 'node:fs/promises';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net';
import type { Logger } from 'pino';
import { fingerprintOf, selfSignedIn } from '../access/selfSigned.ts';
import { hostNameOf, isLoopbackName } from '../access/loopback.ts';
import { ConfigurationError, type TlsConfig } from '../config.ts';

/** How often a certificate of one's own is looked at: those of ACME are renewed under our feet. */
const lookEveryMs = 60_000;
/** The first byte of a TLS record that opens a handshake (RFC 8446 section 5.1). */
const tlsHandshake = 0x16;
/** Who says nothing in this time meant nothing. */
const firstByteWithinMs = 15_000;
/** What nodes and supervisors of this very machine ask for without TLS. */
const forThisMachine = /^\/(?:internal\/|healthz(?:\?|$)|readyz(?:\?|$))/;

/**
 * TLS on the server's port. The same port answers plain HTTP: to nodes and supervisors of this machine what they need, to
 * everybody else where the same is by https. So nodes beside the server need no certificate to trust.
 */
export class TlsDoor {
  /** For `upgrade`, and its limits. */
  readonly https: Server;
  readonly #config: TlsConfig;
  readonly #logger: Logger;
  readonly #plain: Server;
  readonly #front: NetServer;
  readonly #sockets = new Set<Socket>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #readAt: number;
  fingerprint: string;

  #listener: RequestListener = (_request, response) => void response.writeHead(503).end();

  private constructor(config: TlsConfig, logger: Logger, pair: LoadedPair) {
    this.#config = config;
    this.#logger = logger;
    this.#readAt = pair.changedAtMs;
    this.fingerprint = fingerprintOf(pair.cert);
    this.https = createHttpsServer({ cert: pair.cert, key: pair.key, minVersion: 'TLSv1.2' });
    this.https.on('request', (request, response) => {
      // Not where others of this machine have pages too, nor where a person has to get past a warning.
      const name = hostNameOf(request.headers.host ?? '');
      if (!this.isSelfSigned && name !== undefined && !isLoopbackName(name)) {
        response.setHeader('Strict-Transport-Security', 'max-age=31536000');
      }
      this.#listener(request, response);
    });
    this.https.on('tlsClientError', (_error, socket) => socket.destroy());
    this.#plain = createHttpServer((request, response) => {
      if (forThisMachine.test(request.url ?? '') && isOfThisMachine(request.socket)) this.#listener(request, response);
      else redirect(request, response);
    });
    this.#plain.headersTimeout = 15_000;
    this.#plain.on('upgrade', (_request, socket) => socket.destroy());
    this.#front = createNetServer((socket) => this.#sort(socket));
    if ('certPath' in config) this.#timer = setInterval(() => void this.look(), lookEveryMs).unref();
  }

  /** @throws ConfigurationError where the files are none that go together. */
  static async create(config: TlsConfig, logger: Logger): Promise<TlsDoor> {
    try {
      return new TlsDoor(config, logger, await load(config));
    } catch (error) {
      if (!('certPath' in config)) throw error;
      throw new ConfigurationError(`TLS_CERT and TLS_KEY can't be used: ${(error as Error).message}`);
    }
  }

  serve(listener: RequestListener): void {
    this.#listener = listener;
    // They never listen themselves, and node:http begins to watch over slow headers when a server does.
    for (const server of [this.https, this.#plain]) server.emit('listening');
  }

  get isSelfSigned(): boolean {
    return !('certPath' in this.#config);
  }

  /** What listens. */
  get front(): NetServer {
    return this.#front;
  }

  #sort(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    const onEarly = () => socket.destroy();
    socket.on('error', onEarly);
    socket.setTimeout(firstByteWithinMs, onEarly);
    socket.once('data', (first: Buffer) => {
      socket.setTimeout(0);
      socket.off('timeout', onEarly);
      socket.off('error', onEarly);
      socket.pause();
      socket.unshift(first);
      (first[0] === tlsHandshake ? this.https : this.#plain).emit('connection', socket);
      // After whoever takes it has set its listeners.
      process.nextTick(() => socket.resume());
    });
  }

  /** Takes a certificate of one's own that has changed. */
  async look(): Promise<void> {
    const config = this.#config;
    if (!('certPath' in config)) return;
    try {
      if ((await changedAt(config)) === this.#readAt) return;
      const pair = await load(config);
      (this.https as ReturnType<typeof createHttpsServer>).setSecureContext({
        ...{ cert: pair.cert, key: pair.key, minVersion: 'TLSv1.2' },
      });
      this.#readAt = pair.changedAtMs;
      this.fingerprint = fingerprintOf(pair.cert);
      this.#logger.info({ fingerprint: this.fingerprint }, 'the certificate was renewed');
    } catch (error) {
      // Half of it may be written: the one in use goes on, and this is looked at again.
      this.#logger.warn({ reason: (error as Error).message }, 'the changed certificate cannot be used');
    }
  }

  closeAllConnections(): void {
    clearInterval(this.#timer);
    // Ends that watch; the error is that they did not listen.
    for (const server of [this.https, this.#plain]) server.close(() => undefined);
    for (const socket of this.#sockets) socket.destroy();
  }
}

interface LoadedPair {
  cert: string;
  key: string;
  changedAtMs: number;
}

async function load(config: TlsConfig): Promise<LoadedPair> {
  if (!('certPath' in config)) return { ...(await selfSignedIn(config.selfSignedIn)), changedAtMs: 0 };
  const changedAtMs = await changedAt(config);
  const [cert, key] = await Promise.all([readFile(config.certPath, 'utf8'), readFile(config.keyPath, 'utf8')]);
  fingerprintOf(cert); // says what is no certificate
  return { cert, key, changedAtMs };
}

async function changedAt({ certPath, keyPath }: { certPath: string; keyPath: string }): Promise<number> {
  const files = await Promise.all([stat(certPath), stat(keyPath)]);
  return Math.max(...files.map(({ mtimeMs }) => mtimeMs));
}

/** By loopback, or from one of its addresses to the same one. */
function isOfThisMachine({ remoteAddress = '', localAddress }: Socket): boolean {
  return remoteAddress === localAddress || /^(?:::ffff:)?127\.|^::1$/.test(remoteAddress);
}

function redirect(request: IncomingMessage, response: ServerResponse): void {
  const { host } = request.headers;
  if (host === undefined || !/^[A-Za-z0-9.:[\]-]{1,300}$/.test(host)) return void response.writeHead(400).end();
  const body = 'This server speaks TLS: ask for it by https.\n';
  // 308 keeps the method; what was sent without TLS is not repeated by curl and the like unless told to.
  const headers = {
    Location: `https://${host}${request.url ?? '/'}`,
    'Content-Type': 'text/plain',
    Connection: 'close',
  };
  response.writeHead(308, headers).end(body);
}

/** On the terminal: whoever opens the page for the first time compares it with what their browser shows. */
export function sayFingerprint(fingerprint: string): void {
  process.stderr.write(
    `TLS with a certificate of our own; its SHA-256 fingerprint, to compare in the browser:\n  ${fingerprint}\n`,
  );
}
