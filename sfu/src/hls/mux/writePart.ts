import { hlsEventScheme, hlsTimescale } from '@framelock/server/protocol';
import type { AudioSample, MediaTime, VideoSample } from '../media.ts';
import { writeU64 } from './boxes.ts';
import { audioTrackId, nonSyncSample, syncSample, videoTrackId } from './writeInit.ts';

/** A detection message on its way into an emsg. */
export interface MediaEvent {
  time: MediaTime;
  message: Uint8Array;
}

export interface PartContent {
  /** moof's sequence_number. */
  sequenceNumber: number;
  video: readonly VideoSample[];
  /** Ticks, one for each. */
  videoDurations: readonly number[];
  audio: readonly AudioSample[];
  audioDurations: readonly number[];
  events: readonly MediaEvent[];
  /** emsg id of the first of them; the others count up. */
  firstEventId: number;
}

const eventHead = 8 + 4 + 4 + 8 + 4 + 4 + hlsEventScheme.length + 1 + 1;
const mfhdSize = 16;
const tfhdSize = 16;
const tfdtSize = 20;
const trunHead = 20;
const videoEntry = 12;
const audioEntry = 8;

/** emsg boxes, moof, mdat (ISO/IEC 14496-12) in one allocation: video's samples first, then audio's. */
export function writePart(content: PartContent): Buffer {
  const { video, audio, events } = content;
  const videoTraf = 8 + tfhdSize + tfdtSize + trunHead + videoEntry * video.length;
  const audioTraf = audio.length === 0 ? 0 : 8 + tfhdSize + tfdtSize + trunHead + audioEntry * audio.length;
  const moofSize = 8 + mfhdSize + videoTraf + audioTraf;
  const videoBytes = bytesOf(video);
  const mdatSize = 8 + videoBytes + bytesOf(audio);
  const eventBytes = events.reduce((sum, event) => sum + eventHead + event.message.length, 0);

  const into = Buffer.allocUnsafe(eventBytes + moofSize + mdatSize);
  let at = 0;
  events.forEach((event, i) => (at = writeEvent(into, at, event, content.firstEventId + i)));
  at = writeHead(into, at, moofSize, 'moof');
  at = writeHead(into, at, mfhdSize, 'mfhd');
  at = into.writeUInt32BE(0, at);
  at = into.writeUInt32BE(content.sequenceNumber % 2 ** 32, at);

  at = writeTrafHead(into, at, videoTraf, videoTrackId, video[0]!.time);
  at = writeTrunHead(into, at, 0x701, videoEntry, video.length, moofSize + 8);
  for (let i = 0; i < video.length; i++) {
    at = into.writeUInt32BE(content.videoDurations[i]!, at);
    at = into.writeUInt32BE(video[i]!.data.length, at);
    at = into.writeUInt32BE(video[i]!.key ? syncSample : nonSyncSample, at);
  }
  if (audio.length > 0) {
    at = writeTrafHead(into, at, audioTraf, audioTrackId, audio[0]!.time);
    at = writeTrunHead(into, at, 0x301, audioEntry, audio.length, moofSize + 8 + videoBytes);
    for (let i = 0; i < audio.length; i++) {
      at = into.writeUInt32BE(content.audioDurations[i]!, at);
      at = into.writeUInt32BE(audio[i]!.data.length, at);
    }
  }
  at = writeHead(into, at, mdatSize, 'mdat');
  for (const sample of video) at += sample.data.copy(into, at);
  for (const sample of audio) at += sample.data.copy(into, at);
  return into;
}

function bytesOf(samples: readonly { data: Buffer }[]): number {
  let bytes = 0;
  for (const sample of samples) bytes += sample.data.length;
  return bytes;
}

function writeHead(into: Buffer, at: number, size: number, type: string): number {
  into.writeUInt32BE(size, at);
  into.write(type, at + 4, 'latin1');
  return at + 8;
}

/** Begin of a traf with its tfhd (default-base-is-moof) and tfdt (64 bit). */
function writeTrafHead(into: Buffer, at: number, size: number, trackId: number, time: MediaTime): number {
  at = writeHead(into, at, size, 'traf');
  at = writeHead(into, at, tfhdSize, 'tfhd');
  at = into.writeUInt32BE(0x020000, at);
  at = into.writeUInt32BE(trackId, at);
  at = writeHead(into, at, tfdtSize, 'tfdt');
  at = into.writeUInt32BE(0x01000000, at);
  return writeU64(into, time, at);
}

/** `flags`: data offset, and which of duration, size and flags each of its entries has. */
function writeTrunHead(
  into: Buffer,
  at: number,
  flags: number,
  entryBytes: number,
  count: number,
  dataOffset: number,
): number {
  at = writeHead(into, at, trunHead + entryBytes * count, 'trun');
  at = into.writeUInt32BE(flags, at);
  at = into.writeUInt32BE(count, at);
  return into.writeInt32BE(dataOffset, at);
}

/** emsg version 1 (ISO/IEC 23009-1, 5.10.3.3): its presentation time is media time. */
function writeEvent(into: Buffer, at: number, { time, message }: MediaEvent, id: number): number {
  at = writeHead(into, at, eventHead + message.length, 'emsg');
  at = into.writeUInt32BE(0x01000000, at);
  at = into.writeUInt32BE(hlsTimescale, at);
  at = writeU64(into, time, at);
  // No duration: it belongs to the one picture of that time.
  at = into.writeUInt32BE(0, at);
  at = into.writeUInt32BE(id % 2 ** 32, at);
  at += into.write(hlsEventScheme, at, 'latin1');
  // Ends of scheme and of the empty value.
  at = into.writeUInt16BE(0, at);
  into.set(message, at);
  return at + message.length;
}
