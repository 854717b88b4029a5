import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { opusPackets } from './oggPackets.ts';
import { splitAnnexB } from './packetizeH264.ts';

export interface EncodedLayer {
  width: number;
  height: number;
  bitrateBps: number;
}

export interface AccessUnit {
  /** Annex B, without access unit delimiters: encoders in OBS write none. */
  bytes: Buffer;
  keyFrame: boolean;
}

export interface EncodeOptions {
  /** Y4M; see openClip(). */
  path: string;
  fps: number;
  /** The first is what is not simulcast. Default: one, as large as the clip. */
  layers: readonly EncodedLayer[];
  keyFrameEveryS?: number;
}

const ffmpeg = process.env.FFMPEG_BIN || 'ffmpeg';
const opusFrameMs = 20;
/** High enough that the number strip stays readable in every frame: small bits would be the test's fault, not ours. */
export const proofBitrateBps = 3_000_000;
const accessUnitDelimiter = 9;
const keySlice = 5;

interface Manifest {
  fps: number;
  layers: readonly EncodedLayer[];
}

/**
 * A clip encoded once with the settings that OBS is to be given (x264, no B-frames, a key frame each `keyFrameEveryS`,
 * high profile), so that publishing it costs next to nothing. Its files can be read again by another process.
 */
export class EncodedClip {
  readonly folder: string;
  readonly fps: number;
  readonly layers: readonly (EncodedLayer & { accessUnits: AccessUnit[] })[];
  /** One packet each 20 ms, stereo. */
  readonly opus: readonly Uint8Array[];
  readonly opusFrameMs = opusFrameMs;

  private constructor(folder: string, manifest: Manifest, video: AccessUnit[][], opus: Uint8Array[]) {
    this.folder = folder;
    this.fps = manifest.fps;
    this.layers = manifest.layers.map((layer, i) => ({ ...layer, accessUnits: video[i]! }));
    this.opus = opus;
  }

  static async create({ path, fps, layers, keyFrameEveryS = 1 }: EncodeOptions, folder: string): Promise<EncodedClip> {
    await mkdir(folder, { recursive: true });
    const keyFrameEvery = String(Math.round(fps * keyFrameEveryS));
    const outputs = layers.flatMap(({ width, height, bitrateBps }, i) => [
      ...['-map', '0:v', '-vf', `scale=${width}:${height}`, '-pix_fmt', 'yuv420p'],
      ...['-c:v', 'libx264', '-preset', 'veryfast', '-profile:v', 'high', '-bf', '0', '-threads', '1'],
      ...['-g', keyFrameEvery, '-keyint_min', keyFrameEvery, '-sc_threshold', '0'],
      ...['-b:v', String(bitrateBps), '-maxrate', String(bitrateBps), '-bufsize', String(bitrateBps)],
      ...['-x264-params', 'aud=1', '-f', 'h264', join(folder, `layer${i}.h264`)],
    ]);
    const audio = ['-map', '1:a', '-c:a', 'libopus', '-b:a', '64k', '-frame_duration', String(opusFrameMs)];
    await promisify(execFile)(ffmpeg, [
      ...['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', '-i', path],
      ...['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000:duration=10', ...outputs],
      ...[...audio, '-ac', '2', '-f', 'ogg', join(folder, 'audio.ogg')],
    ]);
    await writeFile(join(folder, 'manifest.json'), JSON.stringify({ fps, layers } satisfies Manifest));
    return EncodedClip.read(folder);
  }

  /** An MP4 of the first layer with AAC, for publishers that copy. */
  async muxed(): Promise<string> {
    const path = join(this.folder, 'clip.mp4');
    await promisify(execFile)(ffmpeg, [
      ...['-hide_banner', '-loglevel', 'error', '-nostdin', '-y'],
      ...['-framerate', String(this.fps), '-i', join(this.folder, 'layer0.h264'), '-i', join(this.folder, 'audio.ogg')],
      ...['-map', '0:v', '-map', '1:a', '-c:v', 'copy', '-c:a', 'aac', '-b:a', '96k', '-shortest', path],
    ]);
    return path;
  }

  static async read(folder: string): Promise<EncodedClip> {
    const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Manifest;
    const video = manifest.layers.map(async (_, i) => accessUnits(await readFile(join(folder, `layer${i}.h264`))));
    const opus = opusPackets(await readFile(join(folder, 'audio.ogg')));
    return new EncodedClip(folder, manifest, await Promise.all(video), opus);
  }
}

const startCode = Buffer.of(0, 0, 0, 1);

/** Access units of a byte stream with delimiters, which are left out. */
export function accessUnits(bytes: Uint8Array): AccessUnit[] {
  const units: Uint8Array[][] = [];
  for (const unit of splitAnnexB(bytes)) {
    if ((unit[0]! & 0x1f) === accessUnitDelimiter) units.push([]);
    else if (units.length > 0) units.at(-1)!.push(unit);
  }
  return units.map((nalUnits) => ({
    bytes: Buffer.concat(nalUnits.flatMap((unit) => [startCode, unit])),
    keyFrame: nalUnits.some((unit) => (unit[0]! & 0x1f) === keySlice),
  }));
}
