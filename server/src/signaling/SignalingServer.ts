import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { WebSocketServer } from 'ws';
import type { Access } from '../access/Access.ts';
import type { AddressReader } from '../access/AddressReader.ts';
import type { IceServersFor } from '../access/iceServers.ts';
import type { Metrics } from '../Metrics.ts';
import {
  type EventHandlers,
  maxSignalingBytes,
  Refusal,
  refusalOf,
  type SfuControlContract,
} from '../protocol/index.ts';
import type { Streams } from '../streams/Streams.ts';
import { Peer } from './Peer.ts';

export interface SignalingServerOptions {
  access: Access;
  addresses: AddressReader;
  metrics: Metrics;
  logger: Logger;
  maxPeers: number;
  iceServersFor: IceServersFor;
  streams: Streams;
}

/** `GET /ws`: turns upgrades into Peers. */
export class SignalingServer {
  readonly #options: SignalingServerOptions;
  readonly #peers = new Map<string, Peer>();
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: maxSignalingBytes, perMessageDeflate: false });
  #closed = false;

  constructor(options: SignalingServerOptions) {
    this.#options = options;
  }

  get peers(): number {
    return this.#peers.size;
  }

  /** For `http.Server`'s `upgrade` event. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    try {
      this.#check(request);
    } catch (error) {
      return this.#refuse(socket, refusalOf(error));
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const { streams, access, addresses, metrics, logger, iceServersFor } = this.#options;
      const address = addresses.of(request);
      const { headers } = request;
      const peer = Peer.create({
        socket: webSocket,
        streams,
        access,
        identify: (token) =>
          access.identify({ method: 'GET', headers: (name) => headers[name]?.toString(), token, address }),
        metrics,
        logger,
        iceServersFor,
        onClosed: () => this.#peers.delete(peer.id),
      });
      this.#peers.set(peer.id, peer);
    });
  }

  #check(request: IncomingMessage): void {
    const path = (request.url ?? '').split('?', 1)[0];
    if (path !== '/ws') throw new Refusal('notFound', 'signalling is at /ws');
    const { host, origin } = request.headers;
    this.#options.access.checkOrigin({ host, origin });
    if (this.#closed) throw new Refusal('unavailable', 'the server is stopping');
    if (this.#peers.size >= this.#options.maxPeers) throw new Refusal('unavailable', 'the server has all its peers');
  }

  #refuse(socket: Duplex, refusal: Refusal): void {
    this.#options.metrics.refused.inc({ door: 'upgrade', code: refusal.code });
    const body = JSON.stringify({ error: refusal });
    // The caller's half may stay open for ever: this socket is no longer under http's timeouts.
    socket.once('finish', () => socket.destroy());
    socket.end(
      `HTTP/1.1 ${refusal.status} Refused\r\nContent-Type: application/json\r\nConnection: close\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }

  /** What sfu nodes say of single peers. */
  get peerEvents(): Pick<EventHandlers<SfuControlContract>, 'transportClosed' | 'consumerClosed' | 'consumerLayers'> {
    return {
      transportClosed: ({ peerId, transportId, reason }) =>
        this.#peers.get(peerId)?.transportClosed(transportId, reason),
      consumerClosed: ({ peerId, consumerId, reason }) => this.#peers.get(peerId)?.consumerClosed(consumerId, reason),
      consumerLayers: ({ peerId, ...layers }) => this.#peers.get(peerId)?.consumerLayers(layers),
    };
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const peer of [...this.#peers.values()]) peer.close('unavailable', reason);
    this.#sockets.close();
  }

  dump(): Record<string, unknown> {
    return { peers: [...this.#peers.values()].map((peer) => peer.dump()) };
  }
}
