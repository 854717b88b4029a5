import type { types } from 'mediasoup';
import type { TapTotals } from '../metrics.ts';

export interface SocketAddress {
  ip: string;
  port: number;
}

export interface FrameTapOptions {
  publicationId: string;
  router: types.Router;
  producer: types.Producer;
  /** Concrete address of this machine that `remote` can send RTCP to. */
  listenIp: string;
  /** The inference node's UDP socket. */
  remote: SocketAddress;
}

/** Outside Linux's ephemeral range (32768 up) and away from RTC_PORT, so that a Worker's own port stays free for its restart. */
export const plainPorts = { min: 20_000, max: 29_999 };
const sendBufferBytes = 4 * 1024 * 1024;
const repairFeedback = new Set(['nack', 'nack pli', 'ccm fir']);

/**
 * The RTP copy of a Publication's video for inference, RTP timestamps unchanged. RTCP comes back from the receiving
 * socket: NACK is answered from the Consumer's buffer (same SSRC and payload type, there is no RTX), PLI and FIR go on
 * to the publisher.
 */
export class FrameTap {
  readonly publicationId: string;
  readonly producerId: string;
  readonly remote: SocketAddress;
  readonly #transport: types.PlainTransport;
  readonly #consumer: types.Consumer;
  #closed = false;
  #totals: TapTotals = { packets: 0, bytes: 0 };

  private constructor(options: FrameTapOptions, transport: types.PlainTransport, consumer: types.Consumer) {
    this.publicationId = options.publicationId;
    this.producerId = options.producer.id;
    this.remote = options.remote;
    this.#transport = transport;
    this.#consumer = consumer;
  }

  /** Paused until resume(). */
  static async create(options: FrameTapOptions): Promise<FrameTap> {
    const { router, producer, listenIp, remote } = options;
    const transport = await router.createPlainTransport({
      listenInfo: { protocol: 'udp', ip: listenIp, portRange: plainPorts, sendBufferSize: sendBufferBytes },
      rtcpMux: true,
      comedia: false,
    });
    try {
      await transport.connect({ ip: remote.ip, port: remote.port });
      const consumer = await transport.consume({
        producerId: producer.id,
        rtpCapabilities: tapCapabilities(producer),
        // Keeps NACK, with a buffer to answer it from; RTX itself is not among the capabilities.
        enableRtx: true,
        paused: true,
        ...topLayers(producer),
      });
      return new FrameTap(options, transport, consumer);
    } catch (error) {
      transport.close();
      throw error;
    }
  }

  get local(): SocketAddress {
    const { localAddress, localPort } = this.#transport.tuple;
    return { ip: localAddress, port: localPort };
  }

  get rtpParameters(): types.RtpParameters {
    return this.#consumer.rtpParameters;
  }

  get type(): types.ConsumerType {
    return this.#consumer.type;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Lets packets flow, from a key frame on; mediasoup asks the publisher for it. */
  async resume(): Promise<void> {
    if (this.#consumer.paused) await this.#consumer.resume();
    else await this.#consumer.requestKeyFrame();
  }

  /** What went out since the last call. */
  async takeTotals(): Promise<TapTotals> {
    const stats = await this.#consumer.getStats();
    const sent = stats.find(({ type }) => type === 'outbound-rtp');
    if (!sent) return { packets: 0, bytes: 0 };
    const { packets, bytes } = this.#totals;
    this.#totals = { packets: sent.packetCount, bytes: sent.byteCount };
    return { packets: sent.packetCount - packets, bytes: sent.byteCount - bytes };
  }

  close(_reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#transport.close();
  }

  dump(): Record<string, unknown> {
    return {
      producerId: this.producerId,
      type: this.type,
      paused: this.#consumer.paused,
      local: this.local,
      remote: this.remote,
    };
  }
}

/**
 * The Producer's one codec and nothing else. Whole capabilities would bring RTX and transport-cc, and with them a
 * bandwidth estimate that starts at 600 kbit/s and that no feedback ever raises.
 */
function tapCapabilities(producer: types.Producer): types.RtpCapabilities {
  const [codec] = producer.consumableRtpParameters.codecs;
  if (!codec) throw new Error(`Producer ${producer.id} has no codec`);
  const { mimeType, clockRate, channels, payloadType, parameters } = codec;
  return {
    codecs: [
      {
        kind: producer.kind,
        mimeType,
        clockRate,
        channels,
        preferredPayloadType: payloadType,
        parameters,
        rtcpFeedback: codec.rtcpFeedback?.filter(({ type, parameter }) =>
          repairFeedback.has(parameter ? `${type} ${parameter}` : type),
        ),
      },
    ],
    headerExtensions: [],
  };
}

/** Every layer of an SVC Producer: analysis wants the largest picture. */
function topLayers(producer: types.Producer): { preferredLayers?: types.ConsumerLayers } {
  return producer.type === 'svc' ? { preferredLayers: { spatialLayer: 7, temporalLayer: 7 } } : {};
}
