import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { Refusal, refusalOf } from '@framelock/server/protocol';
import { decodeAmf0, encodeAmf0, type Amf0Object, type Amf0Value } from './amf0.ts';
import { ChunkReader, messageType, type ChunkLimits, type RtmpMessage } from './ChunkReader.ts';
import { RtmpHandshake } from './RtmpHandshake.ts';
import { RtmpProtocolError } from './RtmpProtocolError.ts';
import { writeChunks } from './writeChunks.ts';

/** How a publisher ended. `finished`: it said so; `lost`: its connection broke; `silent`: no media for too long. */
export type PublisherEnd = 'finished' | 'lost' | 'silent' | 'refused' | 'closed';

/** Who gets what a publisher sends. */
export interface PublishTarget {
  /** Audio, video and data messages. */
  onMessage(message: RtmpMessage): void;
  /** Called once, the last. */
  onEnd(end: PublisherEnd, message: string): void;
}

export interface RtmpPublisher {
  readonly address: string;
  readonly closed: boolean;
  /** Tells the encoder why, and ends its connection. */
  close(reason: 'refused' | 'closed', message: string): void;
}

export interface RtmpLimits {
  /** From the connection to the end of the handshake, and from there to `publish`. */
  handshakeMs: number;
  publishMs: number;
  /** Without audio or video. */
  silenceMs: number;
  /** Before `publish`: nobody has shown a key yet. */
  strangerChunks: ChunkLimits;
  publisherChunks: ChunkLimits;
}

export const rtmpLimits: RtmpLimits = {
  handshakeMs: 5_000,
  publishMs: 5_000,
  silenceMs: 10_000,
  strangerChunks: { messageBytes: 64 * 1024, partialBytes: 128 * 1024, chunkStreams: 64 },
  publisherChunks: { messageBytes: 4 * 1024 * 1024, partialBytes: 8 * 1024 * 1024, chunkStreams: 64 },
};

export interface RtmpConnectionOptions {
  socket: Socket;
  log: Logger;
  limits: RtmpLimits;
  /**
   * Asked once per connection, answered within a limit of its own. The target is this publisher's from then on, and is
   * told its end. @throws Refusal, whose words the encoder is told.
   */
  onPublish(streamName: string, publisher: RtmpPublisher): Promise<PublishTarget>;
  /** For counters. */
  onRefused(reason: string): void;
}

/** `rtmp://host:port/live` is the address that every encoder is given. */
export const applicationName = 'live';
const chunkSize = 4096;
const windowBytes = 2_500_000;
/** The one message stream that `createStream` makes. */
const publishStreamId = 1;
const maxCommandsBeforePublish = 64;
/** Answers that the peer does not read. */
const maxUnsentBytes = 64 * 1024;
/** How long a refused encoder may take to read why. */
const lingerMs = 1_000;

type State = 'handshake' | 'connecting' | 'connected' | 'asking' | 'publishing' | 'closed';

/** One encoder's connection: handshake, `connect`, `createStream`, `publish`, then its media to a PublishTarget. */
export class RtmpConnection implements RtmpPublisher {
  readonly address: string;
  readonly #socket: Socket;
  readonly #options: RtmpConnectionOptions;
  readonly #log: Logger;
  readonly #handshake: RtmpHandshake;
  readonly #chunks: ChunkReader;
  #state: State = 'handshake';
  #timer: NodeJS.Timeout;
  #target: PublishTarget | undefined;
  /** `rtmp://host/live/<key>` with nothing as stream name: some encoders take the whole address as application. */
  #nameInApplication: string | undefined;
  #commands = 0;
  #receivedBytes = 0;
  #acknowledgedBytes = 0;
  #acknowledgeEvery = windowBytes;
  #sendChunkSize = 128;
  #lastMediaMs = 0;

  constructor(options: RtmpConnectionOptions) {
    const { socket, limits } = options;
    this.#options = options;
    this.#socket = socket;
    this.address = socket.remoteAddress ?? 'unknown';
    this.#log = options.log.child({ address: this.address });
    this.#handshake = new RtmpHandshake((bytes) => this.#write(bytes));
    this.#chunks = new ChunkReader(limits.strangerChunks, (message) => this.#onMessage(message));
    this.#timer = setTimeout(() => this.#abandon('handshakeTimeout', 'no handshake came'), limits.handshakeMs);
    socket.setNoDelay(true);
    socket.on('data', (data) => this.#onData(data));
    socket.on('error', () => {}); // 'close' follows
    socket.once('end', () => this.#onGone());
    socket.once('close', () => this.#onGone());
  }

  get closed(): boolean {
    return this.#state === 'closed';
  }

  get publishing(): boolean {
    return this.#state === 'publishing';
  }

  close(reason: 'refused' | 'closed', message: string): void {
    if (this.closed) return;
    if (this.#state === 'publishing' || this.#state === 'asking') {
      this.#status('error', reason === 'refused' ? 'NetStream.Publish.Rejected' : 'NetStream.Publish.Denied', message);
    }
    this.#end(reason, message);
  }

  #onData(data: Buffer): void {
    if (this.closed) return; // read and thrown away, so that the encoder gets our last words and no reset
    try {
      if (this.#state === 'handshake') this.#onHandshake(data);
      else this.#onChunks(data);
    } catch (error) {
      if (!(error instanceof RtmpProtocolError)) throw error;
      this.#abandon('protocol', error.message);
    }
  }

  #onHandshake(data: Buffer): void {
    const rest = this.#handshake.push(data);
    if (!rest) return;
    this.#state = 'connecting';
    this.#setTimer(this.#options.limits.publishMs, () => this.#abandon('publishTimeout', 'it did not publish'));
    if (rest.length > 0) this.#onChunks(rest);
  }

  #onChunks(data: Buffer): void {
    this.#receivedBytes += data.length;
    this.#chunks.push(data);
    if (this.#receivedBytes - this.#acknowledgedBytes < this.#acknowledgeEvery || this.closed) return;
    this.#acknowledgedBytes = this.#receivedBytes;
    this.#control(messageType.acknowledgement, this.#receivedBytes >>> 0);
  }

  #onMessage(message: RtmpMessage): void {
    if (this.closed) return;
    switch (message.type) {
      case messageType.audio:
      case messageType.video:
      case messageType.aggregate:
        if (this.#state !== 'publishing') throw new RtmpProtocolError('media before publish');
        this.#lastMediaMs = performance.now();
        return this.#target!.onMessage(message);
      case messageType.dataAmf0:
      case messageType.dataAmf3:
        if (this.#state === 'publishing') this.#target!.onMessage(message);
        return;
      case messageType.commandAmf0:
        return this.#onCommand(decodeAmf0(message.payload));
      case messageType.commandAmf3: // a 0 byte, then AMF0
        return this.#onCommand(decodeAmf0(message.payload.subarray(1)));
      case messageType.windowAcknowledgementSize:
        if (message.payload.length >= 4) this.#acknowledgeEvery = Math.max(message.payload.readUInt32BE(0), chunkSize);
        return;
      case messageType.userControl:
        return this.#onUserControl(message.payload);
    }
  }

  /** Section 7.1.7: ping request (6) is answered with its own timestamp (7). */
  #onUserControl(payload: Buffer): void {
    if (payload.length < 6 || payload.readUInt16BE(0) !== 6) return;
    const answer = Buffer.from(payload.subarray(0, 6));
    answer.writeUInt16BE(7);
    this.#send(2, messageType.userControl, 0, answer);
  }

  #onCommand([name, transactionId, object, ...parameters]: Amf0Value[]): void {
    if (typeof name !== 'string' || typeof transactionId !== 'number')
      throw new RtmpProtocolError('a nameless command');
    if (this.#state !== 'publishing' && ++this.#commands > maxCommandsBeforePublish) {
      throw new RtmpProtocolError(`more than ${maxCommandsBeforePublish} commands and no publish`);
    }
    switch (name) {
      case 'connect':
        return this.#onConnect(transactionId, object);
      case 'createStream':
        return this.#command(0, '_result', transactionId, null, publishStreamId);
      case 'releaseStream':
      case 'FCPublish':
      case 'getStreamLength':
        return this.#command(0, '_result', transactionId, null, undefined);
      case 'publish':
        return this.#onPublish(parameters[0]);
      case 'play':
        return this.#refuse(
          'NetStream.Play.Failed',
          'play',
          'streams are only taken here; they are watched in a browser',
        );
      case 'FCUnpublish':
      case 'deleteStream':
      case 'closeStream':
        if (this.#state === 'publishing') this.#end('finished', 'the encoder stopped');
    }
    // Everything else (_checkbw, _result of our own…) needs no answer.
  }

  #onConnect(transactionId: number, object: Amf0Value): void {
    if (this.#state !== 'connecting') throw new RtmpProtocolError('connect came twice');
    const { app, objectEncoding } = isObject(object) ? object : ({} as Amf0Object);
    const [application, name] = typeof app === 'string' ? app.split('?')[0]!.replace(/\/+$/, '').split('/') : [];
    if (application !== applicationName) {
      const description = `the server address ends with /${applicationName} (rtmp://host:port/${applicationName}); the stream key has a field of its own`;
      const info = { level: 'error', code: 'NetConnection.Connect.InvalidApp', description };
      this.#command(0, '_error', transactionId, null, info);
      return this.#refused('application', description);
    }
    this.#nameInApplication = name;
    this.#state = 'connected';
    this.#control(messageType.windowAcknowledgementSize, windowBytes);
    this.#send(2, messageType.setPeerBandwidth, 0, Buffer.concat([u32(windowBytes), Buffer.of(2)])); // 2: dynamic
    this.#control(messageType.setChunkSize, chunkSize);
    const server = { fmsVer: 'FMS/3,0,1,123', capabilities: 31 };
    const info = {
      level: 'status',
      code: 'NetConnection.Connect.Success',
      description: 'connected',
      objectEncoding: typeof objectEncoding === 'number' ? objectEncoding : 0,
    };
    this.#command(0, '_result', transactionId, server, info);
  }

  #onPublish(given: Amf0Value): void {
    if (this.#state !== 'connected') throw new RtmpProtocolError('publish before connect, or twice');
    const name = typeof given === 'string' ? given.split('?')[0]! : '';
    this.#state = 'asking';
    clearTimeout(this.#timer); // whoever is asked has a limit of his own
    this.#options.onPublish(name || this.#nameInApplication || '', this).then(
      (target) => this.#onGranted(target),
      (error: unknown) => {
        if (!(error instanceof Refusal)) this.#log.error({ error: (error as Error).message }, 'publish failed');
        this.#refuse('NetStream.Publish.BadName', 'publish', refusalOf(error).message);
      },
    );
  }

  #onGranted(target: PublishTarget): void {
    if (this.closed) return target.onEnd('lost', 'the encoder went away');
    this.#target = target;
    this.#state = 'publishing';
    this.#chunks.allow(this.#options.limits.publisherChunks);
    this.#lastMediaMs = performance.now();
    this.#watchSilence(this.#options.limits.silenceMs);
    this.#send(2, messageType.userControl, 0, Buffer.concat([Buffer.alloc(2), u32(publishStreamId)])); // StreamBegin
    this.#status('status', 'NetStream.Publish.Start', 'publishing');
  }

  #watchSilence(inMs: number): void {
    const { silenceMs } = this.#options.limits;
    this.#setTimer(inMs, () => {
      const leftMs = this.#lastMediaMs + silenceMs - performance.now();
      if (leftMs > 0) return this.#watchSilence(leftMs);
      this.#end('silent', `the encoder sent nothing for ${Math.round(silenceMs / 1000)} s`);
    });
  }

  #refuse(code: string, reason: string, description: string): void {
    if (this.closed) return;
    this.#status('error', code, description);
    this.#refused(reason, description);
  }

  #refused(reason: string, message: string): void {
    this.#options.onRefused(reason);
    this.#log.info({ reason, message }, 'RTMP refused');
    this.#end('refused', message);
  }

  /** Something that no encoder does, or that came too late: there is nobody to explain it to. */
  #abandon(reason: string, message: string): void {
    if (this.closed) return;
    this.#options.onRefused(reason);
    this.#log.info({ reason, message }, 'RTMP connection ended');
    this.#end('lost', message);
  }

  #onGone(): void {
    this.#end('lost', 'the encoder went away without a word: it crashed, or its network did');
  }

  #end(end: PublisherEnd, message: string): void {
    if (this.closed) return;
    this.#state = 'closed';
    this.#target?.onEnd(end, message);
    this.#target = undefined;
    this.#socket.end();
    this.#setTimer(lingerMs, () => this.#socket.destroy());
    if (end === 'lost') this.#socket.destroy();
  }

  #setTimer(inMs: number, then: () => void): void {
    clearTimeout(this.#timer);
    if (!this.#socket.destroyed) this.#timer = setTimeout(then, inMs);
  }

  #status(level: 'status' | 'error', code: string, description: string): void {
    this.#command(publishStreamId, 'onStatus', 0, null, { level, code, description });
  }

  #command(streamId: number, ...values: Amf0Value[]): void {
    this.#send(3, messageType.commandAmf0, streamId, encodeAmf0(...values));
  }

  #control(type: number, value: number): void {
    this.#send(2, type, 0, u32(value));
  }

  #send(chunkStreamId: number, type: number, streamId: number, payload: Buffer): void {
    this.#write(writeChunks(chunkStreamId, { type, timestampMs: 0, streamId, payload }, this.#sendChunkSize));
    if (type === messageType.setChunkSize) this.#sendChunkSize = chunkSize;
  }

  #write(bytes: Buffer): void {
    if (!this.#socket.writable) return;
    this.#socket.write(bytes);
    if (this.#socket.writableLength > maxUnsentBytes) this.#abandon('unread', 'it does not read our answers');
  }
}

function isObject(value: Amf0Value): value is Amf0Object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
