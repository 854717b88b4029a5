import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Logger } from 'pino';
import { Refusal } from '@framelock/server/protocol';
import {
  RtmpConnection,
  rtmpLimits,
  type PublishTarget,
  type RtmpLimits,
  type RtmpPublisher,
} from './RtmpConnection.ts';

export interface RtmpServerOptions {
  host: string;
  /** 0 = any free port. */
  port: number;
  log: Logger;
  limits?: RtmpLimits;
  maxConnections?: number;
  maxPerAddress?: number;
  /** @throws Refusal, whose words the encoder is told. */
  onPublish(streamName: string, publisher: RtmpPublisher): Promise<PublishTarget>;
  /** For counters. */
  onRefused(reason: string): void;
}

const defaultMaxConnections = 64;
/** A site's encoders often share one address. */
const defaultMaxPerAddress = 16;

/** The RTMP port: takes connections within limits. */
export class RtmpServer {
  readonly #options: RtmpServerOptions;
  readonly #server: Server;
  readonly #connections = new Map<Socket, RtmpConnection>();
  #closing: Promise<void> | undefined;

  private constructor(options: RtmpServerOptions, server: Server) {
    this.#options = options;
    this.#server = server;
    server.on('connection', (socket) => this.#onSocket(socket));
    // E.g. no file descriptor is left for a connection: without a listener this would end the process.
    server.on('error', ({ message }) => options.log.error({ error: message }, 'an RTMP connection was not taken'));
  }

  /** @throws Refusal where the port can't be had. */
  static async create(options: RtmpServerOptions): Promise<RtmpServer> {
    const server = createServer();
    try {
      server.listen(options.port, options.host);
      await once(server, 'listening');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      const where = `${options.host} port ${options.port}`;
      throw new Refusal(
        'unavailable',
        code === 'EADDRINUSE'
          ? `RTMP can't listen on ${where}, which is in use: set RTMP_PORT to a free port, or end the program that has it`
          : `RTMP can't listen on ${where} (${code}): check HOST and RTMP_PORT`,
      );
    }
    return new RtmpServer(options, server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  get connections(): number {
    return this.#connections.size;
  }

  #onSocket(socket: Socket): void {
    const { log, limits = rtmpLimits, onPublish, onRefused } = this.#options;
    const { maxConnections = defaultMaxConnections, maxPerAddress = defaultMaxPerAddress } = this.#options;
    const sameAddress = [...this.#connections.keys()].filter(
      (one) => one.remoteAddress === socket.remoteAddress,
    ).length;
    if (this.closed || this.#connections.size >= maxConnections || sameAddress >= maxPerAddress) {
      onRefused('connections');
      socket.destroy();
      return;
    }
    const connection = new RtmpConnection({ socket, log, limits, onPublish, onRefused });
    this.#connections.set(socket, connection);
    socket.once('close', () => this.#connections.delete(socket));
  }

  /** Resolves when the port is free and no connection is left. */
  close(): Promise<void> {
    return (this.#closing ??= new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      for (const connection of this.#connections.values()) connection.close('closed', 'RTMP is not taken any more');
    }));
  }
}
