import { monitorEventLoopDelay } from 'node:perf_hooks';
import { decodeSidecar, fromDifferences } from '../sidecar/sidecarBytes.ts';
import { LowLatencyClient } from './LowLatencyClient.ts';

/**
 * `node lowLatencyCommand.ts BASE SECONDS`: a `LowLatencyClient` in a process of its own, so that whoever drives browsers
 * beside it does not hold it up; the plain playlist goes through the same validator. Prints the report as one JSON line,
 * with how punctual the answers were and the media times of all pictures.
 */
const [base, seconds] = [process.argv[2]!, Number(process.argv[3])];
const plainEveryMs = 2_000;

const lag = monitorEventLoopDelay({ resolution: 10 });
lag.enable();
const arrivedMs: number[] = [];
const plainFetch = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  const response = await plainFetch(input, init);
  if (response.ok && String(input).includes('live.m3u8')) arrivedMs.push(performance.now());
  return response;
};

const client = new LowLatencyClient({ base });
const problems: string[] = [];
let plainPlaylists = 0;
const plain = setInterval(() => void lookAtPlain(), plainEveryMs);
setTimeout(() => (clearInterval(plain), client.stop()), seconds * 1000);
const began = performance.now();
const report = await client.play();
clearInterval(plain);
const waitsMs = arrivedMs.slice(1).map((at, i) => at - arrivedMs[i]!);
const pictures = pictureTicks();
const result = {
  ...report,
  problems: [...report.problems, ...problems],
  plainPlaylists,
  seconds: Math.round((performance.now() - began) / 100) / 10,
  /** Between two answers to blocking reloads: about a Part, whatever the reloads wait for. */
  betweenPlaylistsMs: { p50: at(waitsMs, 0.5), p99: at(waitsMs, 0.99), max: at(waitsMs, 1) },
  pictureTicks: pictures,
  ownEventLoopLagMs: { p99: Math.round(lag.percentile(99) / 1e6), max: Math.round(lag.max / 1e6) },
};
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));

/** As the sidecars tell them, in order. */
function pictureTicks(): number[] {
  const ticks = new Set<number>();
  for (const [name, bytes] of client.sidecars) {
    const sidecar = decodeSidecar(bytes);
    if (sidecar) for (const time of fromDifferences(sidecar.frames, sidecar.start)) ticks.add(time);
    else problems.push(`${name} is no sidecar`);
  }
  return [...ticks].sort((a, b) => a - b);
}

async function lookAtPlain(): Promise<void> {
  try {
    const response = await plainFetch(`${base}plain.m3u8`);
    if (!response.ok) problems.push(`${response.status} plain.m3u8`);
    else if (client.validator.playlist(await response.text())) plainPlaylists++;
  } catch (error) {
    problems.push(`plain.m3u8: ${(error as Error).message}`);
  }
}

function at(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const found = sorted[Math.floor(share * (sorted.length - 1))];
  return found === undefined ? null : Math.round(found);
}
