/** A process that runs an FFmpeg as Sources do, tells its pid, and waits to be killed. */
import { FfmpegProcess } from '../source/FfmpegProcess.ts';

const input = ['-nostdin', '-re', '-f', 'lavfi', '-i', 'sine', '-c:a', 'pcm_s16le', '-f', 'framecrc', 'pipe:1'];
let told = false;
const ffmpeg = new FfmpegProcess({
  bin: process.argv[2]!,
  args: input,
  onLine: () => {
    if (!told) process.stdout.write(`${ffmpeg.pid}\n`);
    told = true;
  },
});
await ffmpeg.exited;
