import type { operations } from '../../api/FramelockClient.ts';
import { type Call, type Command, text, wholeNumber } from '../Command.ts';
import { findStream } from '../findStream.ts';
import { range, rangeOf } from './exports.ts';

type TrackQuery = NonNullable<operations['listTracks']['parameters']['query']>;
type EventKind = NonNullable<operations['listEvents']['parameters']['query']>['kind'];

const fileTimeoutMs = 10 * 60_000;
const options = {
  stream: { type: 'string', value: 'STREAM', about: 'of one Stream' },
  ...range,
  label: { type: 'string', value: 'LABEL', about: 'only this one' },
  zone: { type: 'string', value: 'ID', about: 'was in this zone, or crossed this line' },
  limit: { type: 'string', value: 'N', about: 'so many at most, newest first', default: '50' },
  csv: { type: 'boolean', about: 'all of them, as CSV' },
  out: { type: 'string', short: 'o', value: 'FILE', about: 'with --csv: where to; else standard output' },
} as const;

async function filterOf(call: Call) {
  const named = text(call, 'stream');
  const streamId = named === undefined ? undefined : (await findStream(call.client, named)).id;
  return { streamId, ...rangeOf(call), label: text(call, 'label'), zoneId: text(call, 'zone') };
}

/** Pages until there are `limit`, or no more. */
async function collect<T>(
  limit: number,
  page: (query: { limit: number; cursor?: string }) => Promise<{ items: T[]; nextCursor: string | null }>,
): Promise<T[]> {
  const all: T[] = [];
  for (let cursor: string | null | undefined; all.length < limit && cursor !== null;) {
    const wanted = Math.min(200, limit - all.length);
    const answer = await page({ limit: wanted, ...(cursor === undefined ? {} : { cursor }) });
    all.push(...answer.items);
    cursor = answer.nextCursor;
  }
  return all;
}

const tracks: Command = {
  name: 'history tracks',
  about: 'objects that were seen, newest first: a line from the first to the last Frame of each',
  options: { ...options, score: { type: 'string', value: '0..1', about: 'at least, in its best Frame' } },
  async run(call) {
    const { client, output, values } = call;
    const limit = wholeNumber(call, 'limit', [1, 100_000])!;
    const score = text(call, 'score');
    const filter: TrackQuery = {
      ...(await filterOf(call)),
      ...(score === undefined ? {} : { minScore: Number(score) }),
    };
    if (values.csv === true) {
      const response = await client.raw('get', '/api/v1/tracks.csv', { query: filter, timeoutMs: fileTimeoutMs });
      return output.file(response, text(call, 'out') ?? '-');
    }
    const found = await collect(limit, async (page) => {
      const answer = await client.get('/api/v1/tracks', { query: { ...filter, ...page } });
      return { items: answer.tracks, nextCursor: answer.nextCursor };
    });
    output.table(
      { tracks: found },
      ['run', 'track', 'label', 'from', 'seconds', 'frames', 'best', 'zones'],
      found.map((track) => [
        ...[track.runId, track.trackId, track.label, track.from, track.seconds.toFixed(1), track.frames],
        ...[track.bestScore.toFixed(2), track.zoneIds.join(' ')],
      ]),
    );
  },
};

const events: Command = {
  name: 'history events',
  about: 'what happened, newest first: zones and lines, brands, Streams, rules',
  options: {
    ...options,
    kind: { type: 'string', value: 'KIND', about: 'such as entered, crossedIn, brandSeen, streamUp' },
  },
  async run(call) {
    const { client, output, values } = call;
    const limit = wholeNumber(call, 'limit', [1, 100_000])!;
    const filter = { ...(await filterOf(call)), kind: text(call, 'kind') as EventKind };
    if (values.csv === true) {
      const response = await client.raw('get', '/api/v1/events.csv', { query: filter, timeoutMs: fileTimeoutMs });
      return output.file(response, text(call, 'out') ?? '-');
    }
    const found = await collect(limit, async (page) => {
      const answer = await client.get('/api/v1/events', { query: { ...filter, ...page } });
      return { items: answer.events, nextCursor: answer.nextCursor };
    });
    output.table(
      { events: found },
      ['at', 'kind', 'stream', 'zone', 'label', 'track'],
      found.map((event) => [event.at, event.kind, event.streamName, event.zoneName, event.label, event.trackId]),
    );
  },
};

export const historyCommands = [tracks, events];
