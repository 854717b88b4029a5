import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { openBrowser } from '../../client/e2e/harness/openBrowser.ts';
import { eventually } from '../../client/e2e/harness/eventually.ts';
import { Stage } from '../../client/e2e/harness/Stage.ts';
import { playable, playTogether, type GroupReport, type PlayerName } from '../../client/e2e/players/playTogether.ts';
import { describeRun } from './machine.ts';

/**
 * `pnpm bench:hls-play`: a 720p30 publication (H264 and Opus, from Chromium) played by FFmpeg, ffprobe, GStreamer, hls.js
 * with and without low latency, Shaka Player and Chromium's own HLS, and read by the validator, for `--seconds`. Ends with
 * 1 when any of them met a stall, a gap, a leap of the time, an error.
 *
 * Each page decodes 720p in software: where that is more than the cores can carry, they take turns (`--groups`).
 */
const allTogether: PlayerName[] = [
  ...(['validator', 'FFmpeg', 'ffprobe', 'hls.js', 'hls.js without LL'] as const),
  ...(['Shaka Player', 'GStreamer', 'Chromium'] as const),
];
const inTurns: PlayerName[][] = [
  ['validator', 'FFmpeg', 'ffprobe', 'hls.js'],
  ['validator', 'hls.js without LL'],
  ['validator', 'Shaka Player'],
  ['validator', 'Chromium', 'GStreamer'],
];
const coresForAll = 6;

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '300' },
    /** Names with `,` between those that play together and `;` between groups. */
    groups: { type: 'string' },
    out: { type: 'string', default: 'deploy/bench/results/hls-play.json' },
  },
});
const seconds = Number(flags.seconds);
const groups = flags.groups
  ? flags.groups.split(';').map((group) => group.split(',') as PlayerName[])
  : cpus().length >= coresForAll
    ? [allTogether]
    : inTurns;
const unknown = groups.flat().filter((name) => !allTogether.includes(name));
if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: not one of ${allTogether.join(', ')}`);

const [width, height] = [1280, 720];
const stage = await Stage.create({}, { width, height, diameter: Math.round(height / 5), frames: 300 });
let faults = 0;
try {
  const reports = await play();
  for (const { clients } of reports) for (const client of clients) faults += 'faults' in client ? client.faults : 0;
  const result = {
    what: 'hls-play',
    ...describeRun(),
    input: { width, height, fps: stage.clip.fps, video: 'H264 of Chromium, copied', audio: 'Opus, to AAC' },
    how:
      groups.length > 1
        ? `${cpus().length} cores can't decode all pages at once beside the publisher: groups, one after the other`
        : 'all at the same time',
    faults,
    groups: reports,
  };
  const text = `${JSON.stringify(result, null, 2)}\n`;
  mkdirSync(dirname(flags.out), { recursive: true });
  writeFileSync(flags.out, text);
  process.stdout.write(`${text}written to ${flags.out}\n`);
} finally {
  await stage.close();
}
process.exit(faults > 0 ? 1 : 0);

async function play(): Promise<GroupReport[]> {
  const { product } = stage;
  const stream = await product.createStream('bench hls play');
  const context = await stage.browser.newContext();
  const publisher = await context.newPage();
  const query = new URLSearchParams({ autostart: '1', codec: 'h264', width: String(width), height: String(height) });
  await publisher.goto(`${product.url}/publish/${stream.id}?${query}&fps=${stage.clip.fps}`);
  await eventually('it is live', async () => (await product.stream(stream.id)).state === 'live', { withinMs: 60_000 });
  await playable(product, stream.id);
  await publisher.waitForTimeout(10_000); // its bitrate has risen, and the playlist holds a few Segments
  // A process tree of their own, so that what the players take from the publisher is only time of the cores.
  const browser = await openBrowser();
  try {
    const reports: GroupReport[] = [];
    for (const players of groups) {
      process.stderr.write(`${players.join(', ')}: ${seconds} s\n`);
      const report = await playTogether({ product, browser, streamId: stream.id, players, seconds });
      for (const client of report.clients) process.stderr.write(`  ${line(client)}\n`);
      reports.push(report);
    }
    return reports;
  } finally {
    await browser.close();
  }
}

function line(client: GroupReport['clients'][number]): string {
  if ('skipped' in client) return `${client.client}: skipped, ${client.skipped}`;
  const { stalls, gaps, jumps, errors, secondsPlayed } = client;
  const counts = `${stalls.length} stalls, ${gaps.length} gaps, ${jumps.length} jumps, ${errors.length} errors`;
  const first = [...errors, ...gaps, ...jumps].slice(0, 3).map((words) => `\n    ${words.slice(0, 200)}`);
  return `${client.client}: ${secondsPlayed} s, ${counts}${first.join('')}`;
}
