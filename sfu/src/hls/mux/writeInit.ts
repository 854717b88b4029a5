import { hlsTimescale } from '@framelock/server/protocol';
import { findSps } from '../../source/h264Sps.ts';
import type { AudioFormat, InitSection, VideoFormat } from '../media.ts';
import { box, fullBox, text, u16, u32, u8 } from './boxes.ts';

export const videoTrackId = 1;
export const audioTrackId = 2;

/** ftyp + moov of one H264 and, if there is audio, one AAC track, both in ticks of 90 kHz (ISO/IEC 14496-12, -14, -15). */
export function writeInit(index: number, video: VideoFormat, audio: AudioFormat | null): InitSection {
  const tracks = [videoTrack(video), ...(audio ? [audioTrack(audio)] : [])];
  const extensions = [trex(videoTrackId, nonSyncSample), ...(audio ? [trex(audioTrackId, syncSample)] : [])];
  const moov = box('moov', movieHeader(), ...tracks, box('mvex', ...extensions));
  return {
    index,
    data: Buffer.concat([box('ftyp', text('iso6'), u32(1), text('iso6avc1mp41')), moov]),
    codecs: [video.codec, ...(audio ? [audio.codec] : [])],
    width: video.width,
    height: video.height,
    hasAudio: audio !== null,
  };
}

/** sample_flags (14496-12, 8.8.3.1): depends on no other. */
export const syncSample = 0x02000000;
/** Depends on others, and is no sync sample. */
export const nonSyncSample = 0x01010000;

const unityMatrix = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);
const undetermined = 0x55c4;

function movieHeader(): Buffer {
  const nextTrackId = 3;
  return fullBox(
    'mvhd',
    0,
    0,
    u32(0, 0, hlsTimescale, 0, 0x10000),
    u16(0x0100, 0),
    u32(0, 0),
    unityMatrix,
    u32(0, 0, 0, 0, 0, 0, nextTrackId),
  );
}

const trex = (trackId: number, flags: number): Buffer => fullBox('trex', 0, 0, u32(trackId, 1, 0, 0, flags));

function track(options: {
  id: number;
  handler: string;
  name: string;
  volume: number;
  size: [number, number];
  mediaHeader: Buffer;
  sampleEntry: Buffer;
}): Buffer {
  const enabledInMovie = 3;
  const tkhd = fullBox(
    'tkhd',
    0,
    enabledInMovie,
    u32(0, 0, options.id, 0, 0, 0, 0),
    u16(0, 0, options.volume, 0),
    unityMatrix,
    u32(options.size[0] * 0x10000, options.size[1] * 0x10000),
  );
  const mdhd = fullBox('mdhd', 0, 0, u32(0, 0, hlsTimescale, 0), u16(undetermined, 0));
  const hdlr = fullBox('hdlr', 0, 0, u32(0), text(options.handler), u32(0, 0, 0), text(`${options.name}\0`));
  const selfContained = fullBox('url ', 0, 1);
  const dinf = box('dinf', fullBox('dref', 0, 0, u32(1), selfContained));
  const stbl = box(
    'stbl',
    fullBox('stsd', 0, 0, u32(1), options.sampleEntry),
    fullBox('stts', 0, 0, u32(0)),
    fullBox('stsc', 0, 0, u32(0)),
    fullBox('stsz', 0, 0, u32(0, 0)),
    fullBox('stco', 0, 0, u32(0)),
  );
  return box('trak', tkhd, box('mdia', mdhd, hdlr, box('minf', options.mediaHeader, dinf, stbl)));
}

function videoTrack(video: VideoFormat): Buffer {
  const dpi72 = 0x480000;
  const sampleEntry = box(
    'avc1',
    u8(0, 0, 0, 0, 0, 0),
    u16(1, 0, 0),
    u32(0, 0, 0),
    u16(video.width, video.height),
    u32(dpi72, dpi72, 0),
    u16(1),
    Buffer.alloc(32),
    u16(0x18, 0xffff),
    box('avcC', avcConfiguration(video)),
  );
  return track({
    id: videoTrackId,
    handler: 'vide',
    name: 'VideoHandler',
    volume: 0,
    size: [video.width, video.height],
    mediaHeader: fullBox('vmhd', 0, 1, u16(0, 0, 0, 0)),
    sampleEntry,
  });
}

/** AVCDecoderConfigurationRecord, 14496-15, 5.3.3.1. */
export function avcConfiguration({ sps, pps }: Pick<VideoFormat, 'sps' | 'pps'>): Buffer {
  const lengthSize4 = 0xff;
  const oneSps = 0xe1;
  const record = [
    u8(1, sps[1] ?? 0, sps[2] ?? 0, sps[3] ?? 0, lengthSize4, oneSps),
    u16(sps.length),
    sps,
    u8(1),
    u16(pps.length),
    pps,
  ];
  const baselineMainExtended = [66, 77, 88];
  const facts = baselineMainExtended.includes(sps[1] ?? 0) ? undefined : findSps(annexB(sps));
  if (facts) {
    const depth = 0xf8 | (facts.bitDepth - 8);
    record.push(u8(0xfc | facts.chromaFormat, depth, depth, 0));
  }
  return Buffer.concat(record);
}

const annexB = (nal: Buffer): Buffer => Buffer.concat([u8(0, 0, 0, 1), nal]);

function audioTrack(audio: AudioFormat): Buffer {
  // 16.16; a rate that does not fit is told by the AudioSpecificConfig alone.
  const rate = audio.sampleRate < 0x10000 ? audio.sampleRate * 0x10000 : 0;
  const sampleEntry = box(
    'mp4a',
    u8(0, 0, 0, 0, 0, 0),
    u16(1),
    u32(0, 0),
    u16(audio.channels, 16, 0, 0),
    u32(rate),
    fullBox('esds', 0, 0, esDescriptor(audio.config)),
  );
  return track({
    id: audioTrackId,
    handler: 'soun',
    name: 'SoundHandler',
    volume: 0x0100,
    size: [0, 0],
    mediaHeader: fullBox('smhd', 0, 0, u16(0, 0)),
    sampleEntry,
  });
}

/** ISO/IEC 14496-1, 7.2.6.5. */
function esDescriptor(config: Buffer): Buffer {
  const mpeg4Audio = 0x40;
  const audioStream = 0x15;
  const decoder = descriptor(4, u8(mpeg4Audio, audioStream, 0, 0, 0), u32(0, 0), descriptor(5, config));
  const slConfigOfMp4 = descriptor(6, u8(2));
  return descriptor(3, u16(audioTrackId), u8(0), decoder, slConfigOfMp4);
}

function descriptor(tag: number, ...payloads: readonly Buffer[]): Buffer {
  const payload = Buffer.concat(payloads);
  const length = payload.length;
  // Always four bytes of length, as most writers do; readers take both.
  return Buffer.concat([u8(tag, 0x80 | (length >> 21), 0x80 | ((length >> 14) & 0x7f), 0x80 | ((length >> 7) & 0x7f), length & 0x7f), payload]); // prettier-ignore
}
