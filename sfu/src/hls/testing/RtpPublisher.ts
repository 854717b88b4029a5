import dgram from 'node:dgram';
import { packetiseH264, packetiseVp8, type TestFrame, writeRtp } from '@framelock/server/protocol/tap/testing';
import type { Publication } from '../../Publication.ts';
import type { SfuNode } from '../../SfuNode.ts';
import type { SourceTransport } from '../../source/SourceTransport.ts';
import { h264, opus, vp8 } from '../../testing/rtpParameters.ts';

export type RtpCodec = 'h264' | 'vp8' | 'opus';

export interface RtpClip {
  codec: RtpCodec;
  frames: readonly TestFrame[];
}

const mtu = 1_200;
const payloadTypes = { h264: 96, vp8: 96, opus: 111 };
/** RTP ticks of one picture at 30 fps, and of one packet of 20 ms. */
const frameTicks = { h264: 3_000, vp8: 3_000, opus: 960 };
const clockRates = { h264: 90_000, vp8: 90_000, opus: 48_000 };
let nextSsrc = 50_000_000;

/** One Producer's packets, at their times, its frames again and again. */
export class RtpSender {
  readonly producerId: string;
  readonly #socket = dgram.createSocket('udp4');
  readonly #transport: SourceTransport;
  readonly #ssrc: number;
  readonly #timer: NodeJS.Timeout;
  #clip: RtpClip;
  /** Frame of the clip that is next. */
  #at = 0;
  #sequenceNumber = 65_000;
  #sent = 0;
  #beganAtMs = performance.now();
  /** Of the next frame. */
  timestamp: number;
  isPaused = false;

  constructor(producerId: string, transport: SourceTransport, ssrc: number, clip: RtpClip, timestamp: number) {
    this.producerId = producerId;
    this.#transport = transport;
    this.#ssrc = ssrc;
    this.#clip = clip;
    this.timestamp = timestamp;
    this.#timer = setInterval(() => this.#sendDue(), 5);
  }

  /** Frames that were sent. */
  get sent(): number {
    return this.#sent;
  }

  /** From the next frame on, which is a key frame. */
  change(clip: RtpClip): void {
    this.#clip = clip;
    this.#at = 0;
  }

  #sendDue(): void {
    const { codec, frames } = this.#clip;
    const ticks = frameTicks[codec];
    const due = Math.floor(((performance.now() - this.#beganAtMs) / 1000) * (clockRates[codec] / ticks));
    if (this.isPaused) {
      this.#beganAtMs = performance.now() - (this.#sent * ticks * 1000) / clockRates[codec];
      return;
    }
    for (; this.#sent <= due; this.#sent++) {
      this.#send(frames[this.#at++ % frames.length]!);
      this.timestamp += ticks;
    }
  }

  #send(frame: TestFrame): void {
    const { codec } = this.#clip;
    const payloads = payloadsOf(codec, frame, this.#sent);
    for (const [i, payload] of payloads.entries()) {
      const fields = { payloadType: payloadTypes[codec], ssrc: this.#ssrc, timestamp: this.timestamp };
      const marker = i === payloads.length - 1;
      const datagram = writeRtp({ ...fields, marker, sequenceNumber: this.#sequenceNumber++ & 0xffff }, payload);
      this.#socket.send(datagram, this.#transport.destination.rtpPort, '127.0.0.1');
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#socket.close();
  }
}

function payloadsOf(codec: RtpCodec, frame: TestFrame, number: number): Buffer[] {
  if (codec === 'h264') return packetiseH264([...frame.units], mtu);
  if (codec === 'vp8') return packetiseVp8(frame.units[0]!, mtu, number, { extended: true, pictureId: 15 });
  return frame.units;
}

/** A publisher inside of the sfu's process: RTP by loopback into PlainTransports, as a Source's, each packet the test's. */
export class RtpPublisher {
  readonly streamId: string;
  readonly publicationId: string;
  readonly #node: SfuNode;
  readonly #publication: Publication;
  readonly #senders = new Set<RtpSender>();

  private constructor(node: SfuNode, publication: Publication) {
    this.#node = node;
    this.#publication = publication;
    this.streamId = publication.streamId;
    this.publicationId = publication.id;
  }

  static async create(node: SfuNode, ids: { streamId: string; publicationId: string }): Promise<RtpPublisher> {
    const publication = await node.onStream(ids.streamId, (stream) => stream.publication(ids.publicationId));
    return new RtpPublisher(node, publication);
  }

  /** `timestamp`: of the first frame. */
  async produce(clip: RtpClip, { timestamp = 1_000_000, paused = false } = {}): Promise<RtpSender> {
    const { streamId, publicationId } = this;
    const transport = await this.#node.onStream(streamId, (stream) => stream.createSourceTransport(publicationId));
    const ssrc = (nextSsrc += 10);
    const parameters = { h264, vp8, opus }[clip.codec];
    const isAudio = clip.codec === 'opus';
    const rtpParameters = isAudio ? opus(ssrc) : { ...parameters(), encodings: [{ ssrc }] };
    const { id } = await this.#publication.produce(transport, isAudio ? 'audio' : 'video', rtpParameters);
    const sender = new RtpSender(id, transport, ssrc, clip, timestamp);
    sender.isPaused = paused;
    this.#senders.add(sender);
    return sender;
  }

  /** Its Producer is closed; the last one takes the Publication with it. */
  end(sender: RtpSender): void {
    this.#senders.delete(sender);
    sender.close();
    this.#publication.closeProducer(sender.producerId, 'requested');
  }

  close(): void {
    for (const sender of this.#senders) sender.close();
    this.#senders.clear();
    this.#publication.close('requested');
  }
}
