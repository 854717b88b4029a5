import { PacketTimes, type PacketTime } from './PacketTimes.ts';
import type { PlayerReport, SkippedPlayer, Stall } from './PlayerReport.ts';
import { runTool } from './runTool.ts';

const launch = 'gst-launch-1.0';

const lateMs = 250;

/**
 * GStreamer's `hlsdemux2` in playbin3, decoded, and played against the clock into sinks that show nothing. What its sinks
 * log of each buffer is checked: its time, and how late it was for the clock.
 */
export async function playGStreamer(url: string, seconds: number): Promise<PlayerReport | SkippedPlayer> {
  const version = await gstreamerVersion();
  if (version === undefined) return { client: 'GStreamer', skipped: `${launch} is not installed` };
  for (const element of ['hlsdemux2', 'playbin3', 'avdec_h264', 'avdec_aac', 'souphttpsrc']) {
    if (!(await gstreamerHas(element))) return { client: 'GStreamer', skipped: `it has no ${element}` };
  }
  const times = new PacketTimes();
  const lateness = new Lateness();
  const errors: string[] = [];
  const run = await runTool({
    command: launch,
    // Messages of the sinks themselves would do, but gst-launch loses some when two come at once; logs are complete.
    environment: { GST_DEBUG: 'basesink:5', GST_DEBUG_NO_COLOR: '1' },
    arguments: [
      ...['-m', 'playbin3', `uri=${url}`],
      'video-sink=fakesink name=pictures sync=true',
      'audio-sink=fakesink name=sound sync=true',
    ],
    seconds,
    onLine: (line) => {
      if (/\((error|warning)\):/.test(line)) errors.push(line.slice(0, 300));
    },
    onErrorLine: (line) => {
      const packet = bufferOf(line);
      if (packet) times.add(packet, performance.now());
      else lateness.line(line);
      return line.includes(' DEBUG ');
    },
  });
  errors.push(...run.complaints.filter((line) => line.trim() !== '').slice(0, 50));
  if (times.secondsRead === 0) errors.push('it played nothing');
  if (run.early) errors.push(`it ended by itself: ${run.code ?? run.signal}`);
  // It plays in real time, so what it has ahead lies before its sinks, where nobody sees it.
  const { leastAheadS: _, ...figures } = times.figures();
  return {
    client: 'GStreamer hlsdemux2',
    version,
    playlist: url.split('/').at(-1)!,
    secondsPlayed: Math.round(times.secondsRead * 10) / 10,
    stalls: lateness.stalls,
    gaps: times.gaps,
    jumps: times.jumps,
    errors,
    figures: { ...figures, latestForTheClockMs: Math.round(lateness.latestMs) },
    pictureTicks: times.ticksOf('pictures'),
  };
}

/** How late buffers were for the clock that they are played by: a run of late ones is one Stall. */
class Lateness {
  readonly stalls: Stall[] = [];
  latestMs = 0;
  #open: Stall | undefined;

  line(text: string): void {
    const found = /<(\w+)> clock returned -?\d+, jitter (-?)([\d:.]+)/.exec(text);
    if (!found) return;
    const ms = found[2] === '-' ? 0 : clockS(found[3]!) * 1000;
    this.latestMs = Math.max(this.latestMs, ms);
    if (ms < lateMs) this.#open = undefined;
    else if (this.#open) this.#open.tookMs = Math.max(this.#open.tookMs, Math.round(ms));
    else {
      this.#open = { unixMs: Date.now(), tookMs: Math.round(ms), bufferedAheadS: 0, pageLagMs: 0, event: false };
      this.stalls.push(this.#open);
    }
  }
}

/** `… gst_base_sink_chain_unlocked:<pictures> got times start: 1:42:38.471566666, end: 99:99:99.999999999`: no end known. */
export function bufferOf(line: string): PacketTime | undefined {
  const found = /chain_unlocked:<(\w+)> got times start: ([\d:.]+), end: ([\d:.]+)/.exec(line);
  if (!found || found[2]!.startsWith('99:')) return undefined;
  const ptsS = clockS(found[2]!);
  // Pictures have the time that a steady frame rate would give them, where they have any.
  const known = found[1] === 'sound' && !found[3]!.startsWith('99:');
  return { stream: found[1]!, ptsS, durationS: known ? clockS(found[3]!) - ptsS : 0 };
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
