import { zstdDecompressSync } from 'node:zlib';
import { decode } from '@msgpack/msgpack';
import { type HistoryBatch, videoClockRate } from '../protocol/index.ts';

const maxRawBytes = 16 * 1024 * 1024;

/** How many objects one analysed Frame shows. */
export interface FrameCount {
  atMs: number;
  rtpTimestamp: number;
  count: number;
}

/** At most so many objects with one of these labels (null = any) are in one Frame of the batch. */
export function mostInFrame(
  { mostByLabel }: Pick<HistoryBatch, 'mostByLabel'>,
  labels: readonly string[] | null,
): number {
  let most = 0;
  for (const [label, count] of Object.entries(mostByLabel)) if (takes(labels, label)) most += count;
  return most;
}

/** Every Frame of the batch, in its order. @throws where its detections can't be read. */
export function* frameCounts(batch: HistoryBatch, labels: readonly string[] | null): Generator<FrameCount> {
  const packed = Buffer.from(batch.detections, 'base64');
  const bytes = zstdDecompressSync(packed, { maxOutputLength: maxRawBytes });
  const wanted = batch.model.labels.map((label) => takes(labels, label));
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = bytes.readUInt32LE(at);
    // Not by its schema: viewers got these very bytes, and that would be most of the work.
    const message = decode(bytes.subarray(at + 4, at + 4 + length)) as { rtp?: unknown; o?: unknown };
    at += 4 + length;
    if (typeof message?.rtp !== 'number' || !Array.isArray(message.o)) throw new Error('no detection message');
    let count = 0;
    for (const object of message.o as (number[] | null)[]) if (object && wanted[object[1]!]) count++;
    yield { atMs: atMsOf(batch, message.rtp), rtpTimestamp: message.rtp, count };
  }
}

/** By media time after the batch's first Frame, whose arrival is known; RTP timestamps wrap. */
function atMsOf({ fromMs, firstRtp }: HistoryBatch, rtp: number): number {
  return fromMs + ((rtp - firstRtp) | 0) / (videoClockRate / 1000);
}

const takes = (labels: readonly string[] | null, label: string): boolean => labels === null || labels.includes(label);
