import { audioOutput, videoOutput } from '../ffmpegArguments.ts';
import type { SourceInput } from '../SourceInput.ts';

/** A moving picture for whoever has no camera at hand. */
export function openTestPicture(): SourceInput {
  const copied = { codec: 'h264', how: 'transcoded', profileLevelId: '42e01f', interlaced: false } as const;
  return {
    ffmpegArguments: ['-re', '-f', 'lavfi', '-i', 'testsrc2=s=1280x720:r=30', '-re', '-f', 'lavfi', '-i', 'anullsrc'],
    protocols: ['file'],
    drawn: {
      output: (kind, output) =>
        kind === 'video'
          ? videoOutput(copied, output)
          : audioOutput('transcoded', output).map((one) => one.replace('0:a', '1:a')),
      packetLines: ['-map', '1:a', '-c', 'pcm_s16le', '-f', 'framecrc', 'pipe:1'],
    },
    ready: Promise.resolve(),
    ended: new Promise(() => {}),
    close: () => {},
  };
}
