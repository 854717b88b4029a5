import type { Readable } from 'node:stream';
import { inputArguments } from './ffmpegArguments.ts';
import { FfmpegProcess } from './FfmpegProcess.ts';
import type { SourceInput } from './SourceInput.ts';

/**
 * A looping file as bytes that never end. FFmpeg 5.1 ends its bitstream filters with the first round (`A non-NULL packet
 * sent after an EOF`), so a file that is copied is looped by an FFmpeg of its own, in front of the one that sends. NUT
 * carries every codec and keeps time stamps exact.
 */
export function loopInput(bin: string, file: SourceInput): SourceInput {
  const everything = ['-map', '0:v:0?', '-map', '0:a:0?', '-c', 'copy', '-flush_packets', '1', '-f', 'nut', 'pipe:1'];
  let loop: FfmpegProcess | undefined;
  return {
    ffmpegArguments: ['-f', 'nut', '-i', 'pipe:0'],
    protocols: ['pipe'],
    ready: file.ready,
    ended: file.ended,
    openBytes: (): Readable => {
      loop = new FfmpegProcess({ bin, args: [...inputArguments(file, true), ...everything], readsOutput: true });
      return loop.output;
    },
    close: async () => {
      await loop?.stop();
      await file.close('requested');
    },
  };
}
