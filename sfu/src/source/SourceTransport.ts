import { EventEmitter } from 'node:events';
import type { types } from 'mediasoup';
import type { MediaKind } from '@framelock/server/protocol';
import { askMediasoup } from '../mediasoupRefusal.ts';
import type { PublishingTransport } from '../PublishingTransport.ts';
import { checkRtpParameters } from '../rtpRules.ts';
import { plainPorts } from '../tap/FrameTap.ts';

export interface SourceTransportOptions {
  router: types.Router;
  /** The attempt, which is also the Publication. */
  publisherId: string;
}

interface SourceTransportEvents {
  /** The first RTP packet came. */
  flowing: [];
  closed: [reason: string];
}

const loopback = '127.0.0.1';
const recvBufferBytes = 4 * 1024 * 1024;

/** Where FFmpeg sends one elementary stream: two loopback UDP ports, RTP and RTCP, which the first packet claims. */
export class SourceTransport extends EventEmitter<SourceTransportEvents> implements PublishingTransport {
  readonly publisherId: string;
  readonly #transport: types.PlainTransport;
  #closed = false;
  #flowing = false;

  private constructor(publisherId: string, transport: types.PlainTransport) {
    super();
    this.publisherId = publisherId;
    this.#transport = transport;
    transport.on('tuple', () => {
      this.#flowing = true;
      this.emit('flowing');
    });
  }

  static async create({ router, publisherId }: SourceTransportOptions): Promise<SourceTransport> {
    const listenInfo = {
      protocol: 'udp' as const,
      ip: loopback,
      portRange: plainPorts,
      recvBufferSize: recvBufferBytes,
    };
    // With rtcpMux, FFmpeg's first RTCP packet can claim the transport for its RTCP socket, and all RTP is dropped.
    const transport = await router.createPlainTransport({
      listenInfo,
      rtcpListenInfo: listenInfo,
      rtcpMux: false,
      comedia: true,
    });
    return new SourceTransport(publisherId, transport);
  }

  get id(): string {
    return this.#transport.id;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get flowing(): boolean {
    return this.#flowing;
  }

  /** Where FFmpeg's rtp muxer sends to. */
  get destination(): { ip: string; rtpPort: number; rtcpPort: number } {
    const { tuple, rtcpTuple } = this.#transport;
    return { ip: loopback, rtpPort: tuple.localPort, rtcpPort: rtcpTuple!.localPort };
  }

  async produce(kind: MediaKind, rtpParameters: unknown): Promise<types.Producer> {
    const valid = checkRtpParameters(kind, rtpParameters);
    return askMediasoup('produce', () => this.#transport.produce({ kind, rtpParameters: valid }));
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#transport.close();
    this.emit('closed', reason);
  }

  dump(): Record<string, unknown> {
    return { id: this.id, publisherId: this.publisherId, flowing: this.#flowing, ...this.destination };
  }
}
