import type { InputLook } from './decideMedia.ts';
import { inputArguments, packetLinesOutput } from './ffmpegArguments.ts';
import { FfmpegProcess } from './FfmpegProcess.ts';
import { findSps } from './h264Sps.ts';
import { PacketWatch } from './PacketWatch.ts';
import type { SourceInput } from './SourceInput.ts';

export interface LookOptions {
  bin: string;
  input: SourceInput;
  secrets: readonly string[];
  /** Ends it early; then its promise is rejected with LookFailed. */
  signal: AbortSignal;
  /** Until the first packet. */
  timeoutMs: number;
}

/** Enough to see B-frames: encoders put at most 16 between two others. Files come faster than time and show more. */
const livePackets = 20;
const filePackets = 400;
/** From the first packet on. */
const maxLookMs = 4_000;
const maxSideBytes = 256 * 1024;

/** For people. */
export class LookFailed extends Error {
  override readonly name = 'LookFailed';
}

/** Reads the first packets of an input and says what is in it. @throws LookFailed */
export async function lookAtInput(options: LookOptions): Promise<InputLook> {
  const look = await lookOnce(options, true);
  // An output for which there is no video stops all of FFmpeg: look again without it.
  if (typeof look === 'string' && /no video or audio/.test(look)) {
    const again = await lookOnce(options, false);
    if (typeof again !== 'string') return again;
    throw new LookFailed(again);
  }
  if (typeof look === 'string') throw new LookFailed(look);
  return look;
}

async function lookOnce(options: LookOptions, withVideo: boolean): Promise<InputLook | string> {
  const { bin, input, secrets, signal, timeoutMs } = options;
  const wanted = input.protocols.includes('file') ? filePackets : livePackets;
  const watch = new PacketWatch();
  const side: Buffer[] = [];
  let sideBytes = 0;
  let enough = false;
  const firstPacketOf = withVideo
    ? ['-map', '0:v:0', '-c', 'copy', '-bsf:v', 'dump_extra=freq=keyframe', '-frames:v', '1', '-f', 'data', 'pipe:3']
    : [];
  const ffmpeg = new FfmpegProcess({
    bin,
    args: [...inputArguments(input, false), ...packetLinesOutput(), ...firstPacketOf],
    stdin: input.openBytes?.(),
    secrets,
    forbidden: input.forbidden,
    onLine: (line) => {
      if (!watch.take(line) || enough) return;
      timer ??= setTimeout(finish, maxLookMs);
      if (isEnough(watch, wanted)) finish();
    },
    onSide: (chunk) => {
      if (sideBytes < maxSideBytes) side.push(chunk);
      sideBytes += chunk.length;
    },
  });
  let timer: NodeJS.Timeout | undefined;
  const finish = (): void => {
    enough = true;
    void ffmpeg.kill();
  };
  const connectTimer = setTimeout(finish, timeoutMs);
  signal.addEventListener('abort', finish, { once: true });
  const exit = await ffmpeg.exited;
  clearTimeout(connectTimer);
  clearTimeout(timer);
  signal.removeEventListener('abort', finish);
  if (signal.aborted) return 'it was ended meanwhile';
  if (exit.forbidden) return exit.message;
  const look = summarise(watch, Buffer.concat(side));
  if (look.video || look.audio) return look;
  return enough ? 'no video or audio came in time' : exit.message;
}

function isEnough(watch: PacketWatch, wanted: number): boolean {
  const video = watch.stream('video');
  if (!video) return watch.packets('audio') >= 3;
  if (watch.packets('video') === 0) return false;
  return video.codec !== 'h264' || watch.reorders || watch.packets('video') >= wanted;
}

function summarise(watch: PacketWatch, side: Buffer): InputLook {
  const video = watch.packets('video') > 0 ? watch.stream('video') : undefined;
  const audio = watch.stream('audio');
  const { reorders, longestKeyGapSeconds } = watch;
  return {
    video: video && {
      codec: video.codec ?? 'unknown',
      width: video.width ?? 0,
      height: video.height ?? 0,
      reorders,
      longestKeyGapSeconds,
      sps: video.codec === 'h264' ? findSps(side) : undefined,
    },
    audio:
      audio && (watch.packets('audio') > 0 || video)
        ? { codec: audio.codec ?? 'unknown', sampleRate: audio.sampleRate ?? 0 }
        : undefined,
  };
}
