import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { FramecrcReader } from './FramecrcReader.ts';
import { PacketTimes } from './PacketTimes.ts';
import type { PlayerReport, SkippedPlayer, Stall } from './PlayerReport.ts';
import { runTool } from './runTool.ts';

const ffmpeg = process.env.FFMPEG_BIN || 'ffmpeg';
const ffprobe = join(dirname(ffmpeg), basename(ffmpeg).replace('ffmpeg', 'ffprobe'));

/**
 * FFmpeg reads the InitSection again with every reload of a live playlist and says so; it did with every fMP4 stream.
 */
const harmless = 'Found duplicated MOOV Atom. Skipped it';

/**
 * FFmpeg reads the playlist as it grows, and copies: the time of every packet is checked as it comes, and what was kept
 * is decoded after the run, when it takes no time from others.
 */
export async function playFfmpeg(url: string, seconds: number): Promise<PlayerReport> {
  const folder = await mkdtemp(join(tmpdir(), 'framelock-play-'));
  try {
    const kept = join(folder, 'kept.nut');
    const times = new PacketTimes();
    const reader = new FramecrcReader();
    const maps = ['-map', '0:v:0', '-map', '0:a:0', '-c', 'copy', '-copyts'];
    const run = await runTool({
      command: ffmpeg,
      arguments: [
        ...['-hide_banner', '-nostats', '-loglevel', 'level+warning', '-i', url],
        ...[...maps, '-flush_packets', '1', '-f', 'framecrc', 'pipe:1'],
        ...[...maps, '-y', '-f', 'nut', kept],
      ],
      seconds,
      onLine: (line) => {
        const packet = reader.line(line);
        // Its HLS demuxer does not hand on how long pictures take.
        if (packet) times.add(packet.stream === 'video' ? { ...packet, durationS: 0 } : packet, performance.now());
      },
    });
    const serious = run.complaints.filter((line) => !line.includes(harmless));
    const errors = serious.map((line) => `while reading: ${line}`);
    if (times.secondsRead === 0) errors.push('it read nothing');
    if (run.early) errors.push(`it ended by itself: ${run.code ?? run.signal}`);
    const decoded = await decode(kept);
    errors.push(...decoded.complaints.map((line) => `while decoding: ${line}`));
    const read = times.figures();
    return {
      client: 'FFmpeg',
      version: await versionOf(ffmpeg),
      playlist: nameOf(url),
      secondsPlayed: Math.round(times.secondsRead * 10) / 10,
      stalls: stallsOf(times),
      gaps: times.gaps,
      jumps: times.jumps,
      errors,
      figures: {
        ...read,
        decodedPictures: decoded.pictures,
        duplicatedMoovWarnings: run.complaints.length - serious.length,
      },
      pictureTicks: times.ticksOf('video'),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A reader that had nothing to hand out when a player of it would have needed it. */
function stallsOf(times: PacketTimes): Stall[] {
  const aheadS = times.leastAheadS;
  if (aheadS === undefined || aheadS >= 0) return [];
  const tookMs = Math.round(-aheadS * 1000);
  return [{ unixMs: times.latestUnixMs, tookMs, bufferedAheadS: 0, pageLagMs: 0, event: false }];
}

async function decode(path: string): Promise<{ complaints: string[]; pictures: number }> {
  let pictures = 0;
  const { complaints } = await runTool({
    command: ffmpeg,
    arguments: [
      ...['-hide_banner', '-nostats', '-loglevel', 'level+warning', '-progress', 'pipe:1', '-i', path],
      // Pictures come when the camera had them: in a time base of the frame rate two of them may share a tick.
      ...['-map', '0', '-fps_mode', 'passthrough', '-enc_time_base:v', '1:90000', '-f', 'null', '-'],
    ],
    seconds: 600,
    onLine: (line) => {
      const frame = /^frame=(\d+)/.exec(line);
      if (frame) pictures = Number(frame[1]);
    },
  });
  return { complaints, pictures };
}

/** What the playlist says to ffprobe, which has to find one video and one audio stream without a warning. */
export async function probe(url: string): Promise<PlayerReport | SkippedPlayer> {
  let text = '';
  try {
    const run = await runTool({
      command: ffprobe,
      arguments: [
        ...['-hide_banner', '-loglevel', 'level+warning', '-show_format', '-show_streams', '-of', 'json'],
        ...['-read_intervals', '%+4', url],
      ],
      seconds: 60,
      onLine: (line) => (text += line),
    });
    const { streams = [] } = JSON.parse(text || '{}') as { streams?: Record<string, unknown>[] };
    const errors = [...run.complaints];
    if (run.code !== 0) errors.push(`it ended with ${run.code ?? run.signal}`);
    const kinds = streams.map(({ codec_type: type }) => type).toSorted();
    if (kinds.join() !== 'audio,video') errors.push(`it found ${kinds.join(', ') || 'no stream'}`);
    const names = [
      'codec_name',
      'profile',
      'width',
      'height',
      'avg_frame_rate',
      'sample_rate',
      'channels',
      'time_base',
    ];
    return {
      client: 'ffprobe',
      version: await versionOf(ffprobe),
      playlist: nameOf(url),
      secondsPlayed: 0,
      ...{ stalls: [], gaps: [], jumps: [], errors },
      figures: {
        streams: streams.map((stream) => Object.fromEntries(names.map((name) => [name, stream[name]]))),
      },
    };
  } catch (error) {
    return { client: 'ffprobe', skipped: (error as Error).message };
  }
}

async function versionOf(command: string): Promise<string> {
  const lines: string[] = [];
  await runTool({ command, arguments: ['-version'], seconds: 10, onLine: (line) => lines.push(line) });
  return /version (\S+)/.exec(lines[0] ?? '')?.[1] ?? 'unknown';
}

const nameOf = (url: string): string => url.split('/').at(-1)!;
