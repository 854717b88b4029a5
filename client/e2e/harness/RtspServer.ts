import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import type { EncodedClip } from './EncodedClip.ts';
import { pace } from './pace.ts';
import { packetizeH264, splitAnnexB } from './packetizeH264.ts';
import { newRtpStream, writeRtpPacket, writeSenderReport, type RtpStream } from './rtpPacket.ts';

const payloadTypes = { video: 96, audio: 97 };
const senderReportEveryMs = 1_000;

/**
 * A camera: RTSP 1.0 (RFC 2326) over TCP, interleaved, H264 and Opus of an encoded clip in real time for each caller.
 * UDP is refused with 461, as many cameras behind NAT do.
 */
export class RtspServer {
  readonly url: string;
  readonly #clip: EncodedClip;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(clip: EncodedClip, server: Server) {
    this.#clip = clip;
    this.#server = server;
    this.url = `rtsp://127.0.0.1:${(server.address() as AddressInfo).port}/camera`;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      const session = new RtspSession(clip, socket, this.url);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        session.close();
        this.#sockets.delete(socket);
      });
    });
  }

  static async create(clip: EncodedClip): Promise<RtspServer> {
    const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new RtspServer(clip, server);
  }

  get callers(): number {
    return this.#sockets.size;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

interface Request {
  method: string;
  url: string;
  headers: Record<string, string>;
}

class RtspSession {
  readonly #clip: EncodedClip;
  readonly #socket: Socket;
  readonly #url: string;
  /** Interleaved channel of each stream that was set up. */
  readonly #channels: { video?: number; audio?: number } = {};
  #received = Buffer.alloc(0);
  #stop: (() => void)[] = [];

  constructor(clip: EncodedClip, socket: Socket, url: string) {
    this.#clip = clip;
    this.#socket = socket;
    this.#url = url;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      for (let request = this.#take(); request; request = this.#take()) this.#answer(request);
    });
  }

  #take(): Request | undefined {
    // The caller's RTCP comes interleaved: skipped.
    while (this.#received[0] === 0x24 && this.#received.length >= 4) {
      const end = 4 + this.#received.readUInt16BE(2);
      if (this.#received.length < end) return undefined;
      this.#received = this.#received.subarray(end);
    }
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const [first, ...lines] = this.#received.toString('latin1', 0, end).split('\r\n');
    this.#received = this.#received.subarray(end + 4);
    const [method, url] = first!.split(' ');
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    return { method: method!, url: url ?? '', headers };
  }

  #answer({ method, url, headers }: Request): void {
    const reply = (status: string, fields: Record<string, string> = {}, body = '') => {
      const all = { CSeq: headers.cseq ?? '0', ...fields, ...(body ? { 'Content-Length': String(body.length) } : {}) };
      const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
      this.#socket.write(`RTSP/1.0 ${status}\r\n${lines.join('')}\r\n${body}`);
    };
    const session = { Session: '12345678;timeout=60' };
    if (method === 'OPTIONS') reply('200 OK', { Public: 'OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER' });
    else if (method === 'DESCRIBE') {
      reply('200 OK', { 'Content-Base': `${this.#url}/`, 'Content-Type': 'application/sdp' }, this.#describe());
    } else if (method === 'SETUP') {
      const channel = /interleaved=(\d+)-/.exec(headers.transport ?? '')?.[1];
      if (channel === undefined) return reply('461 Unsupported Transport');
      this.#channels[url.endsWith('audio') ? 'audio' : 'video'] = Number(channel);
      const transport = `RTP/AVP/TCP;unicast;interleaved=${channel}-${Number(channel) + 1}`;
      reply('200 OK', { ...session, Transport: transport });
    } else if (method === 'PLAY') {
      reply('200 OK', { ...session, Range: 'npt=now-' });
      this.#play();
    } else if (method === 'TEARDOWN') {
      reply('200 OK', session);
      this.#socket.end();
    } else reply('200 OK', session);
  }

  #describe(): string {
    const parameterSets = splitAnnexB(this.#clip.layers[0]!.accessUnits[0]!.bytes)
      .filter((unit) => [7, 8].includes(unit[0]! & 0x1f))
      .map((unit) => Buffer.from(unit).toString('base64'));
    return [
      ...['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=camera', 'c=IN IP4 0.0.0.0', 't=0 0', 'a=control:*'],
      ...[`m=video 0 RTP/AVP ${payloadTypes.video}`, `a=rtpmap:${payloadTypes.video} H264/90000`],
      `a=fmtp:${payloadTypes.video} packetization-mode=1;sprop-parameter-sets=${parameterSets.join(',')}`,
      'a=control:video',
      ...[`m=audio 0 RTP/AVP ${payloadTypes.audio}`, `a=rtpmap:${payloadTypes.audio} opus/48000/2`, 'a=control:audio'],
      '',
    ].join('\r\n');
  }

  #play(): void {
    const { fps, layers, opus, opusFrameMs } = this.#clip;
    const { accessUnits } = layers[0]!;
    const { video, audio } = this.#channels;
    const beginMs = Date.now();
    if (video !== undefined) {
      const stream = newRtpStream(0x11111111, payloadTypes.video);
      const report = this.#reporter(video + 1, stream, 90_000, beginMs);
      const send = (n: number) => {
        const timestamp = Math.round((n * 90_000) / fps);
        const unit = accessUnits[n % accessUnits.length]!.bytes;
        for (const packet of packetizeH264(unit, timestamp, stream)) this.#interleave(video, packet);
        report(timestamp);
      };
      this.#stop.push(pace(1000 / fps, send));
    }
    if (audio !== undefined) {
      const stream = newRtpStream(0x22222222, payloadTypes.audio);
      const report = this.#reporter(audio + 1, stream, 48_000, beginMs);
      const send = (n: number) => {
        const timestamp = n * opusFrameMs * 48;
        const payload = [opus[n % opus.length]!];
        this.#interleave(audio, writeRtpPacket(stream, { timestamp, marker: true, payload }));
        report(timestamp);
      };
      this.#stop.push(pace(opusFrameMs, send));
    }
  }

  /** The time of a report is the frame's own, not that of a late timer: FFmpeg dates what follows by it. */
  #reporter(channel: number, stream: RtpStream, clockRate: number, beginMs: number): (timestamp: number) => void {
    let lastMs = -Infinity;
    return (timestamp) => {
      const atMs = beginMs + (timestamp / clockRate) * 1000;
      if (atMs - lastMs < senderReportEveryMs) return;
      lastMs = atMs;
      this.#interleave(channel, writeSenderReport(stream, atMs, timestamp));
    };
  }

  /** RFC 2326 section 10.12. */
  #interleave(channel: number, packet: Buffer): void {
    if (this.#socket.destroyed) return;
    const header = Buffer.of(0x24, channel, 0, 0);
    header.writeUInt16BE(packet.length, 2);
    this.#socket.write(Buffer.concat([header, packet]));
  }

  close(): void {
    for (const stop of this.#stop.splice(0)) stop();
  }
}
