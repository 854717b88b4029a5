import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FfmpegProcess } from '../source/FfmpegProcess.ts';
import { until } from './until.ts';

/** A camera as RFC 2326 has it: H264 by RTP inside the RTSP connection, and nothing else. An FFmpeg plays `clip` for it. */
export class RtspCamera {
  readonly #server: Server;
  readonly #udp: UdpSocket;
  readonly #ffmpeg: FfmpegProcess;
  readonly #sdp: string;
  readonly #credentials: string | undefined;
  readonly #playing = new Set<Socket>();
  readonly #sockets = new Set<Socket>();
  readonly requests: string[] = [];

  private constructor(server: Server, udp: UdpSocket, ffmpeg: FfmpegProcess, sdp: string, credentials?: string) {
    this.#server = server;
    this.#udp = udp;
    this.#ffmpeg = ffmpeg;
    this.#sdp = sdp;
    this.#credentials = credentials;
    udp.on('message', (packet) => this.#relay(packet));
    server.on('connection', (socket) => this.#serve(socket));
  }

  /** `credentials`: `user:password`, if it asks for them. */
  static async create(bin: string, clip: string, credentials?: string): Promise<RtspCamera> {
    const folder = mkdtempSync(join(tmpdir(), 'framelock-camera-'));
    const udp = createSocket('udp4').bind(0, '127.0.0.1');
    await once(udp, 'listening');
    const sdpFile = join(folder, 'sdp');
    const { port } = udp.address();
    const output = [
      '-map',
      '0:v:0',
      '-c',
      'copy',
      '-sdp_file',
      sdpFile,
      '-f',
      'rtp',
      `rtp://127.0.0.1:${port}?pkt_size=1200`,
    ];
    const ffmpeg = new FfmpegProcess({ bin, args: ['-nostdin', '-re', '-stream_loop', '-1', '-i', clip, ...output] });
    const read = (): string => {
      try {
        return readFileSync(sdpFile, 'utf8');
      } catch {
        return '';
      }
    };
    const sdp = await until('the SDP', () => (/m=video/.test(read()) ? read() : undefined));
    rmSync(folder, { recursive: true });
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new RtspCamera(server, udp, ffmpeg, sdp, credentials);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** RFC 2326, 10.12: `$`, channel, length. */
  #relay(packet: Buffer): void {
    const frame = Buffer.concat([Buffer.from([0x24, 0, packet.length >> 8, packet.length & 0xff]), packet]);
    for (const socket of this.#playing) socket.write(frame);
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    let text = '';
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#playing.delete(socket);
      this.#sockets.delete(socket);
    });
    socket.on('data', (chunk) => {
      // RTCP of the client comes as frames between requests; a request begins with a letter.
      if (chunk[0] === 0x24) return;
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        this.#answer(socket, text.slice(0, end));
        text = text.slice(end + 4);
      }
    });
  }

  #answer(socket: Socket, request: string): void {
    const [method = '', url = ''] = request.split(' ');
    this.requests.push(method);
    const header = (name: string): string => new RegExp(`^${name}: *(.*)$`, 'im').exec(request)?.[1] ?? '';
    const reply = (status: string, headers: string[] = [], body = ''): void => {
      const length = body ? [`Content-Length: ${body.length}`] : [];
      const lines = [`RTSP/1.0 ${status}`, `CSeq: ${header('CSeq')}`, ...headers, ...length];
      socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
    };
    const expected = this.#credentials && `Basic ${Buffer.from(this.#credentials).toString('base64')}`;
    if (method === 'OPTIONS') return reply('200 OK', ['Public: DESCRIBE, SETUP, PLAY, TEARDOWN']);
    if (expected && header('Authorization') !== expected) {
      return reply('401 Unauthorized', ['WWW-Authenticate: Basic realm="camera"']);
    }
    if (!/\/live/.test(url)) return reply('404 Not Found');
    if (method === 'DESCRIBE')
      return reply('200 OK', ['Content-Type: application/sdp'], this.#sdp.replace(/^SDP:\s*/, ''));
    if (method === 'SETUP') {
      if (!header('Transport').includes('TCP')) return reply('461 Unsupported Transport');
      return reply('200 OK', ['Transport: RTP/AVP/TCP;unicast;interleaved=0-1', 'Session: 1234']);
    }
    reply('200 OK', ['Session: 1234']);
    if (method === 'PLAY') this.#playing.add(socket);
    if (method === 'TEARDOWN') socket.end();
  }

  /** Sends no packet any more, as a camera whose cable is pulled. */
  goSilent(): void {
    this.#playing.clear();
  }

  get sockets(): number {
    return this.#sockets.size;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await this.#ffmpeg.kill();
    this.#udp.close();
  }
}
