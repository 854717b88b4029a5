import type { PlayerReport } from './PlayerReport.ts';
import { runTool } from './runTool.ts';

const command = new URL('../../../sfu/src/hls/testing/lowLatencyCommand.ts', import.meta.url).pathname;

/** The product's own LL-HLS client and validator, in a process of its own. `base`: the Publication's folder. */
export async function playValidator(base: string, seconds: number): Promise<PlayerReport> {
  let text = '';
  const run = await runTool({
    command: process.execPath,
    arguments: [command, base, String(seconds)],
    seconds: seconds + 30,
    onLine: (line) => (text += line),
  });
  const report = JSON.parse(text || '{}') as {
    problems?: string[];
    seconds?: number;
    ended?: boolean;
    pictureTicks?: number[];
  };
  const {
    problems = [`it said nothing: ${run.complaints.join('\n').slice(0, 500)}`],
    pictureTicks = [],
    ...figures
  } = report;
  if (report.ended) problems.push('the playlist ended before the run did');
  return {
    client: 'validator',
    version: 'RFC 8216bis, sfu/src/hls/testing',
    playlist: 'live.m3u8, plain.m3u8',
    secondsPlayed: report.seconds ?? 0,
    ...{ stalls: [], gaps: [], jumps: [], errors: problems },
    figures: { ...figures, pictures: pictureTicks.length },
    pictureTicks,
  };
}
