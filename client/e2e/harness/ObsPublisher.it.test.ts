import { createServer, type IncomingMessage, type Server } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import nodeDataChannel, { type PeerConnection } from 'node-datachannel';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EncodedClip } from './EncodedClip.ts';
import { eventually } from './eventually.ts';
import { ObsPublisher, type ObsPublisherOptions } from './ObsPublisher.ts';
import { ObsClock } from './ObsTrack.ts';
import { openClip } from './openClip.ts';
import { UdpRelay } from './UdpRelay.ts';
import { WhipRefused } from './whipPost.ts';

/** The least that a WHIP server can be: libdatachannel's receiving side, which keeps the RTP that came. */
class WhipReceiver {
  readonly url: string;
  readonly rtp: Buffer[] = [];
  offer = '';
  deleted = 0;
  answerStatus = 201;
  #peer: PeerConnection | undefined;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    const address = server.address();
    this.url = `http://127.0.0.1:${typeof address === 'object' ? address!.port : 0}/whip/x`;
    server.on('request', async (request, response) => {
      if (request.method === 'DELETE') {
        this.deleted++;
        response.writeHead(200).end();
        return;
      }
      this.offer = await bodyOf(request);
      if (this.answerStatus !== 201) {
        response.writeHead(this.answerStatus).end('{"error":{"message":"no"}}');
        return;
      }
      response.writeHead(201, { location: '/whip/x/session', 'content-type': 'application/sdp' });
      response.end(await this.#accept());
    });
  }

  static async create(): Promise<WhipReceiver> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new WhipReceiver(server);
  }

  #accept(): Promise<string> {
    const peer = new nodeDataChannel.PeerConnection('receiver', { iceServers: [], bindAddress: '127.0.0.1' });
    this.#peer = peer;
    return new Promise((resolve) => {
      peer.onGatheringStateChange((state) => {
        if (state === 'complete') resolve(peer.localDescription()!.sdp);
      });
      peer.onTrack((track) => {
        track.onMessage((message) => this.rtp.push(Buffer.from(message)));
        this.#tracks.push(track);
      });
      peer.setRemoteDescription(this.offer, 'offer');
    });
  }
  readonly #tracks: { close(): void; sendMessageBinary(buffer: Buffer): boolean; mid(): string }[] = [];

  /** Generic NACK (RFC 4585 section 6.2.1) for one packet. */
  nack(mid: string, ssrc: number, sequenceNumber: number): void {
    const packet = Buffer.alloc(16);
    packet[0] = 0x81;
    packet[1] = 205;
    packet.writeUInt16BE(3, 2);
    packet.writeUInt32BE(1, 4);
    packet.writeUInt32BE(ssrc, 8);
    packet.writeUInt16BE(sequenceNumber, 12);
    this.#tracks.find((track) => track.mid() === mid)!.sendMessageBinary(packet);
  }

  get video(): Buffer[] {
    return this.rtp.filter((packet) => (packet[1]! & 0x7f) === 96);
  }

  async close(): Promise<void> {
    this.#peer?.close();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describe('ObsPublisher', () => {
  let folder: string;
  let clip: EncodedClip;
  let server: WhipReceiver;
  let publisher: ObsPublisher | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'framelock-obs-'));
    const raw = await openClip({ width: 320, height: 180, frames: 60, diameter: 40 });
    const layers = [
      { width: 320, height: 180, bitrateBps: 800_000 },
      { width: 160, height: 90, bitrateBps: 200_000 },
    ];
    clip = await EncodedClip.create({ path: raw.path, fps: raw.fps, layers }, folder);
    await raw.close();
  });

  beforeEach(async () => {
    server = await WhipReceiver.create();
  });

  afterEach(async () => {
    await publisher?.close({ tell: false });
    publisher = undefined;
    await server.close();
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function publish(options: Partial<ObsPublisherOptions> = {}): Promise<ObsPublisher> {
    return (publisher = await ObsPublisher.create({ whipUrl: server.url, bearer: 'key', clip, ...options }));
  }

  it('offers as OBS does, sends on one clock of 1/30 s, and says goodbye with DELETE', async () => {
    await publish();
    await eventually('packets come', () => server.video.length > 60);
    expect(server.offer).not.toContain('a=candidate');
    expect(server.offer).toContain('a=ice-options:ice2,trickle');
    expect(server.offer).toMatch(/a=fmtp:96 .*packetization-mode=1/);
    expect(server.offer).toContain('a=rtpmap:111 opus/48000/2');
    expect(server.offer.match(/a=sendonly/g)).toHaveLength(2);
    expect(server.offer).not.toMatch(/a=rid|transport-wide-cc|rtx/);
    const times = [...new Set(server.video.map((packet) => packet.readUInt32BE(4)))];
    expect(times.slice(1).map((time, i) => time - times[i]!)).toEqual(Array(times.length - 1).fill(3000));
    expect(server.rtp.some((packet) => (packet[1]! & 0x7f) === 111)).toBe(true);
    expect(await publisher!.close()).toBe(200);
    expect(server.deleted).toBe(1);
  });

  it('answers a NACK with the packet that was lost', async () => {
    const relay = await UdpRelay.create();
    try {
      const lost = 4;
      relay.drop = (packet) => relay.dropped === 0 && (packet[1]! & 0x7f) === 96 && packet.readUInt16BE(2) === lost;
      await publish({ editAnswer: (answer) => relay.between(answer) });
      const sequenceNumbers = () => server.video.map((packet) => packet.readUInt16BE(2));
      await eventually('packets come', () => server.video.length > 10);
      expect(sequenceNumbers()).not.toContain(lost);
      server.nack('1', server.video[0]!.readUInt32BE(8), lost);
      await eventually('it comes again', () => sequenceNumbers().includes(lost));
    } finally {
      relay.close();
    }
  });

  it('refuses to begin with anything but 201, with the words of the server', async () => {
    server.answerStatus = 409;
    const refused = await publish().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(WhipRefused);
    expect(refused).toMatchObject({ status: 409, body: '{"error":{"message":"no"}}' });
  });

  it('as HEVC offers nothing but H265', async () => {
    await publish({ codec: 'H265', until: 'posted' });
    expect(server.offer).toContain('H265/90000');
    expect(server.offer).not.toContain('H264');
  });

  it('takes the layers of a simulcast all or not at all', async () => {
    await expect(publish({ simulcast: true })).rejects.toThrow('0 of 2 layers');
    expect(server.offer).toMatch(/a=rid:0 send\r\na=rid:1 send\r\na=simulcast:send 0;1/);
  });
});

describe('ObsClock', () => {
  it('goes by the differences of dts, and what came before the track was open moves nothing', () => {
    const clock = new ObsClock(90_000);
    expect(clock.next(0, false)).toBeUndefined();
    expect(clock.next(33_333, false)).toBeUndefined();
    expect(clock.next(66_667, true)).toBe(3000);
    expect(clock.next(100_000, true)).toBe(6000);
  });
});
