import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface EncoderOptions {
  /** Pictures per second; small pictures, since tests share two cores. */
  fps?: number;
  keyFrameEvery?: number;
  bFrames?: number;
  sound?: boolean;
  /** Otherwise until it is stopped. */
  seconds?: number;
}

/** FFmpeg as somebody's encoder: H264 (and AAC) over RTMP, as fast as it plays. */
export class FfmpegEncoder {
  readonly exited: Promise<{ code: number | null; stderr: string }>;
  readonly #child: ChildProcess;

  constructor(url: string, options: EncoderOptions = {}) {
    const { fps = 15, keyFrameEvery = 15, bFrames = 0, sound = true, seconds } = options;
    const input = ['-re', '-f', 'lavfi', '-i', `testsrc2=size=320x240:rate=${fps}`];
    if (sound) input.push('-re', '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000');
    const video = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', `${keyFrameEvery}`];
    const output = [...video, '-bf', `${bFrames}`, '-threads', '1', '-c:a', 'aac', '-f', 'flv', url];
    const limit = seconds === undefined ? [] : ['-t', `${seconds}`];
    const args = ['-hide_banner', '-nostdin', '-loglevel', 'error', ...input, ...limit, ...output];
    this.#child = spawn(process.env.FFMPEG_BIN ?? 'ffmpeg', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    this.#child.stderr!.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-8_000)));
    this.exited = once(this.#child, 'close').then(([code]) => ({ code: code as number | null, stderr }));
  }

  /** SIGTERM: it says goodbye, as OBS does. SIGKILL: it doesn't. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal);
    await this.exited;
  }
}
