import { PacketTimes, type PacketTime } from './PacketTimes.ts';
import { stallsOf } from './playFfmpeg.ts';
import type { PlayerReport, SkippedPlayer } from './PlayerReport.ts';
import { runTool } from './runTool.ts';

const launch = 'gst-launch-1.0';

/**
 * GStreamer's `hlsdemux2` in playbin3, decoded, and played against the clock into sinks that show nothing: what it says
 * of every buffer is checked, and that it never has to wait for media.
 */
export async function playGStreamer(url: string, seconds: number): Promise<PlayerReport | SkippedPlayer> {
  const version = await gstreamerVersion();
  if (version === undefined) return { client: 'GStreamer', skipped: `${launch} is not installed` };
  for (const element of ['hlsdemux2', 'playbin3', 'avdec_h264', 'avdec_aac', 'souphttpsrc']) {
    if (!(await gstreamerHas(element))) return { client: 'GStreamer', skipped: `it has no ${element}` };
  }
  const times = new PacketTimes();
  const waits: string[] = [];
  const errors: string[] = [];
  let playing = false;
  const run = await runTool({
    command: launch,
    arguments: [
      ...['-m', '-v', 'playbin3', `uri=${url}`],
      'video-sink=fakesink name=pictures sync=true silent=false',
      'audio-sink=fakesink name=sound sync=true silent=false',
    ],
    seconds,
    onLine: (line) => {
      const packet = bufferOf(line);
      if (packet) times.add(packet, performance.now());
      else if (line.includes('New clock')) playing = true;
      else if (/\((error|warning)\):/.test(line) || /^(ERROR|WARNING)/.test(line)) errors.push(line.slice(0, 300));
      else if (/buffering.*percent/.test(line) && playing) waits.push(line.slice(0, 200));
    },
  });
  errors.push(...run.complaints.filter((line) => line.trim() !== ''));
  if (run.early) errors.push(`it ended by itself: ${run.code ?? run.signal}`);
  return {
    client: 'GStreamer hlsdemux2',
    version,
    playlist: url.split('/').at(-1)!,
    secondsPlayed: Math.round(times.secondsRead * 10) / 10,
    stalls: stallsOf(times),
    gaps: times.gaps,
    jumps: times.jumps,
    errors,
    figures: { ...times.figures(), bufferingMessages: waits.length, lastBuffering: waits.at(-1) ?? null },
  };
}

/** `… last-message = chain   ******* (pictures:sink) (1382400 bytes, dts: none, pts: 0:00:01.000000000, duration: …` */
export function bufferOf(line: string): PacketTime | undefined {
  const found = /\((\w+):sink\) \(\d+ bytes, dts: [^,]+, pts: ([\d:.]+), duration: ([\d:.]+)/.exec(line);
  if (!found) return undefined;
  return { stream: found[1]!, ptsS: clockS(found[2]!), durationS: clockS(found[3]!) };
}

function clockS(text: string): number {
  const [hours, minutes, seconds] = text.split(':').map(Number);
  return hours! * 3600 + minutes! * 60 + seconds!;
}

async function gstreamerVersion(): Promise<string | undefined> {
  const lines: string[] = [];
  try {
    await runTool({ command: launch, arguments: ['--version'], seconds: 20, onLine: (line) => lines.push(line) });
  } catch {
    return undefined;
  }
  return /version (\S+)/.exec(lines.join('\n'))?.[1];
}

async function gstreamerHas(element: string): Promise<boolean> {
  try {
    const { code } = await runTool({ command: 'gst-inspect-1.0', arguments: ['--exists', element], seconds: 60 });
    return code === 0;
  } catch {
    return false;
  }
}
