import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDepacketiser } from './createDepacketiser.ts';
import type { BrokenReason, EncodedFrame, TapCodec } from './Depacketiser.ts';
import { ReorderBuffer } from './ReorderBuffer.ts';
import { parseRtpPacket } from './RtpPacket.ts';
import {
  expectedBytes,
  packetise,
  randomInt,
  seededRandom,
  writeRtp,
  type Random,
  type TestFrame,
} from './testPackets.ts';

const codecs: TapCodec[] = ['h264', 'vp8', 'vp9', 'av1', 'opus'];
const runs = { numRuns: 150, seed: 20261120 };

interface SentFrame extends TestFrame {
  timestamp: number;
  bytes: Buffer;
  datagrams: Buffer[];
}

function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => randomInt(random, 0, 255)));
}

/** Bytes that a payload format may look at are valid, the rest is noise. */
function randomFrame(codec: TapCodec, key: boolean, random: Random): TestFrame {
  const body = (): Buffer => randomBytes(random, randomInt(random, 1, random() < 0.3 ? 400 : 60));
  const headed = (...bytes: number[]): Buffer => Buffer.concat([Buffer.from(bytes), body()]);
  if (codec === 'h264') {
    const slices = Array.from({ length: randomInt(random, 1, 3) }, (_, i) =>
      headed(key ? 0x65 : 0x41, i === 0 ? 0x80 | randomInt(random, 0, 127) : randomInt(random, 0, 127)),
    );
    return { key, units: key ? [headed(0x67), headed(0x68), ...slices] : slices };
  }
  if (codec === 'opus') return { key: true, units: [body()] };
  if (codec === 'vp8') return { key, units: [headed((randomInt(random, 0, 255) & 0xfe) | (key ? 0 : 1))] };
  if (codec === 'vp9') {
    const layers = randomInt(random, 1, 3);
    return { key, units: Array.from({ length: layers }, () => headed(key ? 0x82 : 0x86)) };
  }
  const frameObu = random() < 0.5 ? headed(0x30, key ? 0x10 : 0x30) : headed(0x34, 0x08, key ? 0x10 : 0x30);
  return { key, units: key ? [headed(0x08), frameObu] : random() < 0.3 ? [headed(0x28), frameObu] : [frameObu] };
}

/** A stream with wrapping sequence numbers and timestamps, and padding-only probes in between. */
function randomStream(codec: TapCodec, count: number, random: Random): SentFrame[] {
  let sequenceNumber = 65_536 - randomInt(random, 0, 60);
  let timestamp = 2 ** 32 - randomInt(random, 0, 40_000);
  return Array.from({ length: count }, (_, i) => {
    const frame = randomFrame(codec, i === 0 || random() < 0.12, random);
    timestamp += 3000 + randomInt(random, -90, 90);
    const fields = { payloadType: 96, ssrc: 7, timestamp };
    const mtu = randomInt(random, 20, 120);
    const payloads = packetise(codec, frame, mtu, i, random);
    const datagrams = payloads.map((payload, p) =>
      writeRtp({ ...fields, sequenceNumber: sequenceNumber++, marker: p === payloads.length - 1 }, payload, random),
    );
    while (random() < 0.15) {
      datagrams.push(writeRtp({ ...fields, sequenceNumber: sequenceNumber++, marker: false }, Buffer.alloc(0)));
    }
    return { ...frame, timestamp: timestamp >>> 0, bytes: expectedBytes(codec, frame), datagrams };
  });
}

/** Each datagram one ms after the other through parser, reorder buffer and depacketiser. */
function receive(codec: TapCodec, datagrams: Buffer[]): { frames: EncodedFrame[]; broken: BrokenReason[] } {
  const frames: EncodedFrame[] = [];
  const broken: BrokenReason[] = [];
  const depacketiser = createDepacketiser(codec, {
    onFrame: (frame) => frames.push(frame),
    onBroken: (reason) => broken.push(reason),
  });
  const reorder = new ReorderBuffer({ maxWaitMs: 30, onPacket: (packet, gap) => depacketiser.push(packet, gap) });
  datagrams.forEach((datagram, nowMs) => {
    const packet = parseRtpPacket(datagram, nowMs);
    if (packet) reorder.push(packet);
    reorder.expire(nowMs);
  });
  reorder.expire(datagrams.length + 1000);
  return { frames, broken };
}

/** Every frame that came out is one that was sent, whole, and everything since its key frame came out before it. */
function assertOnlyRightFrames(sent: SentFrame[], got: EncodedFrame[]): void {
  let previous = -1;
  for (const frame of got) {
    const index = sent.findIndex((s) => s.timestamp === frame.rtpTimestamp);
    assert(index > previous, 'in order, once');
    assert(frame.key || index === previous + 1, 'the frame before it came out, or it is a key frame');
    assert.equal(frame.key, sent[index]!.key);
    assert(sent[index]!.bytes.equals(frame.data), 'the bytes that were sent');
    previous = index;
  }
}

describe.each(codecs)('%s over RTP', (codec) => {
  it('comes out byte by byte when nothing is lost, reordering and duplicates included', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = seededRandom(seed);
        const sent = randomStream(codec, 30, random);
        const datagrams = sent.flatMap((frame) => frame.datagrams);
        const [head, ...tail] = datagrams;
        const shuffled = tail
          .flatMap((datagram, i) => {
            const at = { datagram, at: i + (random() < 0.2 ? randomInt(random, 1, 12) : 0) };
            return random() < 0.1 ? [at, { datagram, at: at.at + randomInt(random, 0, 10) }] : [at];
          })
          .sort((a, b) => a.at - b.at)
          .map(({ datagram }) => datagram);
        const { frames, broken } = receive(codec, [head!, ...shuffled]);
        expect(broken).toEqual([]);
        expect(frames.map((f) => f.rtpTimestamp)).toEqual(sent.map((s) => s.timestamp));
        assertOnlyRightFrames(sent, frames);
        if (codec === 'vp9')
          expect(frames.map((f) => f.unitBytes)).toEqual(sent.map((s) => s.units.map((u) => u.length)));
      }),
      runs,
    );
  });

  it('never gives a wrong frame under loss', () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0.005, max: 0.4, noNaN: true }), (seed, loss) => {
        const random = seededRandom(seed);
        const sent = randomStream(codec, 40, random);
        const datagrams = sent.flatMap((frame) => frame.datagrams).filter(() => random() >= loss);
        assertOnlyRightFrames(sent, receive(codec, datagrams).frames);
      }),
      runs,
    );
  });

  it('gives every frame of a run that nothing was lost of, from its key frame on', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = seededRandom(seed);
        const sent = randomStream(codec, 40, random);
        const hurt = sent[randomInt(random, 1, 20)]!;
        hurt.datagrams.splice(randomInt(random, 0, hurt.datagrams.length - 1), 1);
        const { frames } = receive(
          codec,
          sent.flatMap((frame) => frame.datagrams),
        );
        const nextKey = sent.findIndex((frame, i) => i > sent.indexOf(hurt) + 1 && frame.key);
        const expected = nextKey < 0 ? [] : sent.slice(nextKey).map((frame) => frame.timestamp);
        expect(frames.slice(frames.length - expected.length).map((f) => f.rtpTimestamp)).toEqual(expected);
      }),
      runs,
    );
  });

  it('takes any bytes without a throw', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = seededRandom(seed);
        const datagrams = randomStream(codec, 20, random).flatMap((frame) => frame.datagrams);
        for (const datagram of datagrams) {
          if (random() < 0.5) datagram[randomInt(random, 0, datagram.length - 1)] = randomInt(random, 0, 255);
          if (random() < 0.1) datagrams.push(randomBytes(random, randomInt(random, 0, 60)));
          if (datagrams.length > 2000) break;
        }
        receive(
          codec,
          datagrams.map((d) => (random() < 0.1 ? d.subarray(0, randomInt(random, 0, d.length)) : d)),
        );
      }),
      runs,
    );
  });

  it('ends a frame at the timestamp change when its marker is missing', () => {
    const random = seededRandom(5);
    const sent = randomStream(codec, 12, random);
    for (const frame of sent) for (const datagram of frame.datagrams) datagram[1]! &= 0x7f;
    const { frames } = receive(
      codec,
      sent.flatMap((frame) => frame.datagrams),
    );
    const ended = codec === 'opus' ? sent : sent.slice(0, -1);
    expect(frames.map((f) => f.rtpTimestamp)).toEqual(ended.map((s) => s.timestamp));
  });

  it('gives nothing before the first key frame', () => {
    const sent = randomStream(codec, 20, seededRandom(9));
    const joined = sent.slice(1);
    const firstKey = joined.findIndex((frame) => frame.key);
    const { frames } = receive(
      codec,
      joined.flatMap((frame) => frame.datagrams),
    );
    expect(frames[0]?.rtpTimestamp).toBe(joined[firstKey]?.timestamp);
  });
});
