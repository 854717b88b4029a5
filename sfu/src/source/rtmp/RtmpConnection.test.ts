import { duplexPair, type Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { Refusal } from '@framelock/server/protocol';
import { decodeAmf0, encodeAmf0, type Amf0Value } from './amf0.ts';
import { ChunkReader, messageType, type RtmpMessage } from './ChunkReader.ts';
import { RtmpConnection, rtmpLimits, type PublishTarget, type RtmpConnectionOptions } from './RtmpConnection.ts';
import { writeChunks } from './writeChunks.ts';

const key = 'the-right-key';

/** An encoder's end of a connection that goes over no network. */
class TestEncoder {
  readonly connection: RtmpConnection;
  readonly target = { onMessage: vi.fn(), onEnd: vi.fn() } satisfies PublishTarget;
  readonly refused = vi.fn();
  readonly messages: RtmpMessage[] = [];
  readonly #peer: Duplex;
  #handshakeBytes = 0;

  constructor(options: Partial<RtmpConnectionOptions> = {}) {
    const [own, peer] = duplexPair();
    this.#peer = peer;
    const reader = new ChunkReader(rtmpLimits.publisherChunks, (message) => this.messages.push(message));
    peer.on('data', (data: Buffer) => {
      const rest = data.subarray(Math.max(0, 3073 - this.#handshakeBytes));
      this.#handshakeBytes += data.length - rest.length;
      reader.push(rest);
    });
    peer.on('error', () => {});
    const socket = Object.assign(own, { setNoDelay: () => {}, remoteAddress: '192.0.2.1' }) as unknown as Socket;
    this.connection = new RtmpConnection({
      socket,
      log: pino({ level: 'silent' }),
      limits: rtmpLimits,
      onPublish: async (name) => {
        if (name !== key) throw new Refusal('notFound', 'the stream key is wrong');
        return this.target;
      },
      onRefused: this.refused,
      ...options,
    });
  }

  async send(...parts: Buffer[]): Promise<void> {
    for (const part of parts) if (!this.#peer.destroyed && this.#peer.writable) this.#peer.write(part);
    for (let turn = 0; turn < 6; turn++) await nextTurn();
  }

  async end(): Promise<void> {
    this.#peer.end();
    for (let turn = 0; turn < 6; turn++) await nextTurn();
  }

  /** Every command and status that came, decoded. */
  get answers(): Amf0Value[][] {
    return this.messages
      .filter(({ type }) => type === messageType.commandAmf0)
      .map(({ payload }) => decodeAmf0(payload));
  }

  get lastCode(): unknown {
    return (this.answers.at(-1)?.at(-1) as Record<string, unknown> | undefined)?.['code'];
  }

  get lastWords(): unknown {
    return (this.answers.at(-1)?.at(-1) as Record<string, unknown> | undefined)?.['description'];
  }
}

const handshake = [Buffer.concat([Buffer.of(3), Buffer.alloc(1536, 7)]), Buffer.alloc(1536, 9)];

function command(...values: Amf0Value[]): Buffer {
  const payload = encodeAmf0(...values);
  return writeChunks(3, { type: messageType.commandAmf0, timestampMs: 0, streamId: 0, payload }, 128);
}

const connect = (app = 'live'): Buffer => command('connect', 1, { app, tcUrl: `rtmp://host/${app}` });
const createStream = command('createStream', 4, null);
const publish = (name: string): Buffer => command('publish', 5, null, name, 'live');
const video = (bytes = 500): Buffer =>
  writeChunks(4, { type: messageType.video, timestampMs: 40, streamId: 1, payload: Buffer.alloc(bytes, 0x17) }, 128);

async function publishing(): Promise<TestEncoder> {
  const encoder = new TestEncoder();
  await encoder.send(...handshake, connect(), createStream, publish(key));
  expect(encoder.lastCode).toBe('NetStream.Publish.Start');
  return encoder;
}

describe('RtmpConnection', () => {
  it('leads an encoder from the handshake to its media, and hears it stop', async () => {
    const encoder = await publishing();
    expect(encoder.answers.map(([name]) => name)).toEqual(['_result', '_result', 'onStatus']);
    await encoder.send(video());
    expect(encoder.target.onMessage.mock.calls[0]![0]).toMatchObject({ type: messageType.video, timestampMs: 40 });
    await encoder.send(command('deleteStream', 0, null, 1));
    expect(encoder.target.onEnd.mock.calls).toEqual([['finished', 'the encoder stopped']]);
    await encoder.end();
    expect(encoder.target.onEnd).toHaveBeenCalledOnce();
  });

  it('takes the key from the address where the encoder put it there', async () => {
    const encoder = new TestEncoder();
    await encoder.send(...handshake, connect(`live/${key}`), createStream, publish(''));
    expect(encoder.lastCode).toBe('NetStream.Publish.Start');
    await encoder.end();
  });

  it('tells what is wrong with the key or the address', async () => {
    const wrongKey = new TestEncoder();
    await wrongKey.send(...handshake, connect(), createStream, publish('another-key'));
    expect([wrongKey.lastCode, wrongKey.lastWords]).toEqual(['NetStream.Publish.BadName', 'the stream key is wrong']);
    expect(wrongKey.connection.closed).toBe(true);
    expect(wrongKey.target.onEnd).not.toHaveBeenCalled();
    const wrongApp = new TestEncoder();
    await wrongApp.send(...handshake, connect('app'));
    expect(wrongApp.answers[0]![0]).toBe('_error');
    expect(wrongApp.lastCode).toBe('NetConnection.Connect.InvalidApp');
    expect(wrongApp.lastWords).toMatch(/ends with \/live/);
    const player = new TestEncoder();
    await player.send(...handshake, connect(), command('play', 5, null, key));
    expect(player.lastCode).toBe('NetStream.Play.Failed');
    await Promise.all([wrongKey.end(), wrongApp.end(), player.end()]);
  });

  it('answers pings and acknowledges what it received', async () => {
    const encoder = await publishing();
    const ping = Buffer.from('000600001234', 'hex');
    const window = Buffer.from('00002000', 'hex');
    const control = (type: number, payload: Buffer): Buffer =>
      writeChunks(2, { type, timestampMs: 0, streamId: 0, payload }, 128);
    await encoder.send(control(messageType.userControl, ping), control(messageType.windowAcknowledgementSize, window));
    const pong = encoder.messages.at(-1)!;
    expect([pong.type, pong.payload.toString('hex')]).toEqual([messageType.userControl, '000700001234']);
    await encoder.send(video(10_000));
    expect(encoder.messages.at(-1)!.type).toBe(messageType.acknowledgement);
    expect(encoder.messages.at(-1)!.payload.readUInt32BE()).toBeGreaterThan(10_000);
    await encoder.end();
  });

  it('ends who says nothing, at each step', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      const mute = new TestEncoder();
      vi.advanceTimersByTime(5_000);
      expect(mute.connection.closed).toBe(true);
      expect(mute.refused.mock.calls).toEqual([['handshakeTimeout']]);
      const idle = new TestEncoder();
      await idle.send(...handshake, connect());
      vi.advanceTimersByTime(5_000);
      expect(idle.refused.mock.calls).toEqual([['publishTimeout']]);
      const silent = await publishing();
      vi.advanceTimersByTime(6_000);
      await silent.send(video());
      vi.advanceTimersByTime(9_000);
      expect(silent.connection.closed).toBe(false);
      vi.advanceTimersByTime(1_000);
      expect(silent.target.onEnd.mock.calls).toEqual([['silent', 'the encoder sent nothing for 10 s']]);
      vi.advanceTimersByTime(2_000); // our last words' time is over: the socket is gone too
    } finally {
      vi.useRealTimers();
    }
  });

  it('takes no media, no long message and no flood of commands from who has shown no key', async () => {
    const early = new TestEncoder();
    await early.send(...handshake, connect(), video());
    expect(early.refused.mock.calls).toEqual([['protocol']]);
    const long = new TestEncoder();
    await long.send(...handshake, connect(), video(70_000));
    expect(long.refused.mock.calls).toEqual([['protocol']]);
    const flood = new TestEncoder();
    await flood.send(...handshake, connect(), ...Array.from({ length: 64 }, () => createStream));
    expect(flood.refused.mock.calls).toEqual([['protocol']]);
    const web = new TestEncoder();
    await web.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    expect(web.connection.closed).toBe(true);
  });

  it('tells a target that was granted to an encoder that has left meanwhile', async () => {
    const granted = Promise.withResolvers<PublishTarget>();
    const encoder = new TestEncoder({ onPublish: () => granted.promise });
    await encoder.send(...handshake, connect(), publish(key));
    await encoder.end();
    expect(encoder.connection.closed).toBe(true);
    granted.resolve(encoder.target);
    await nextTurn();
    expect(encoder.target.onEnd).toHaveBeenCalledOnce();
  });

  it('survives any bytes at any step, and ends once', async () => {
    const valid = [...handshake, connect(), createStream, publish(key), video(300), video(3_000)];
    const hostile = fc.record({
      /** Right up to here, then anything. */
      right: fc.nat(valid.length),
      flips: fc.array(fc.tuple(fc.nat(8_000), fc.nat(255)), { maxLength: 6 }),
      junk: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }),
      cut: fc.integer({ min: 1, max: 2_000 }),
    });
    await fc.assert(
      fc.asyncProperty(hostile, async ({ right, flips, junk, cut }) => {
        const encoder = new TestEncoder();
        const bytes = Buffer.concat([...valid.slice(0, right), ...junk.map((one) => Buffer.from(one))]);
        for (const [at, value] of flips) if (at < bytes.length) bytes[at] = value;
        for (let at = 0; at < bytes.length; at += cut) await encoder.send(bytes.subarray(at, at + cut));
        await encoder.end();
        expect(encoder.connection.closed).toBe(true);
        expect(encoder.target.onEnd.mock.calls.length).toBeLessThanOrEqual(1);
        expect(encoder.refused.mock.calls.length).toBeLessThanOrEqual(1);
      }),
      { seed: 3401, numRuns: 300 },
    );
  });
});
