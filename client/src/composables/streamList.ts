import type { StreamView } from '@framelock/server/protocol';
import { analysisWords } from './analysisWords.ts';
import { sourceTrouble } from './sourceWords.ts';
import { viewerCount } from './viewerWords.ts';

export const streamFilters = ['all', 'live', 'problems', 'idle'] as const;
export type StreamFilter = (typeof streamFilters)[number];
export const streamSorts = ['live', 'name', 'newest', 'viewers'] as const;
export type StreamSort = (typeof streamSorts)[number];

export interface StreamListWish {
  search: string;
  filter: StreamFilter;
  sort: StreamSort;
}

/** So many Streams are seen at a glance; a list of more can be searched. */
export const manyStreams = 5;

/** `reconnecting`: what feeds it was lost, and is tried again. */
export type Standing = 'live' | 'reconnecting' | 'idle';

export function standingOf({ state, source }: Pick<StreamView, 'state' | 'source'>): Standing {
  if (state === 'live') return 'live';
  return source?.state === 'retrying' ? 'reconnecting' : 'idle';
}

export interface StreamProblem {
  short: string;
  long: string;
}

type Judged = Pick<StreamView, 'state' | 'source' | 'analysis' | 'hls'>;

/** What somebody should look at, the worst first; undefined = all is well. */
export function problemOfStream(stream: Judged, nowMs: number): StreamProblem | undefined {
  const trouble = stream.source && sourceTrouble(stream.source, nowMs);
  if (trouble) return { short: trouble.short, long: trouble.long };
  if (stream.state !== 'live') return undefined;
  const { tone, short, long } = analysisWords(stream.analysis);
  if (tone === 'bad' || tone === 'warn') return { short, long };
  const { hls } = stream;
  if (hls?.state === 'failed') return { short: 'HLS stopped', long: hls.alert ?? 'It is tried again.' };
  return hls?.alert ? { short: 'HLS has a problem', long: hls.alert } : undefined;
}

const passes: Record<StreamFilter, (stream: StreamView, nowMs: number) => boolean> = {
  all: () => true,
  live: ({ state }) => state === 'live',
  problems: (stream, nowMs) => problemOfStream(stream, nowMs) !== undefined,
  idle: ({ state }) => state === 'idle',
};

const newestFirst = (a: StreamView, b: StreamView) =>
  b.createdAt.localeCompare(a.createdAt) || a.id.localeCompare(b.id);
const viewersOf = ({ viewers, hls }: StreamView) => viewerCount(viewers, hls).total;

const orders: Record<StreamSort, (a: StreamView, b: StreamView) => number> = {
  live: (a, b) => Number(b.state === 'live') - Number(a.state === 'live') || newestFirst(a, b),
  name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }) || newestFirst(a, b),
  newest: newestFirst,
  viewers: (a, b) => viewersOf(b) - viewersOf(a) || newestFirst(a, b),
};

/** What is shown, in its order. Equal ones keep their order, so that nothing jumps from one answer to the next. */
export function listedStreams(streams: readonly StreamView[], wish: StreamListWish, nowMs: number): StreamView[] {
  const words = wish.search.trim().toLocaleLowerCase();
  return streams
    .filter((one) => passes[wish.filter](one, nowMs))
    .filter(({ name, id }) => !words || name.toLocaleLowerCase().includes(words) || id === words)
    .toSorted(orders[wish.sort]);
}

export function countByFilter(streams: readonly StreamView[], nowMs: number): Record<StreamFilter, number> {
  const count = (filter: StreamFilter) => streams.filter((one) => passes[filter](one, nowMs)).length;
  return { all: streams.length, live: count('live'), problems: count('problems'), idle: count('idle') };
}

export function wishOfAddress(query: Record<string, unknown>): StreamListWish {
  const text = (key: string) => (typeof query[key] === 'string' ? query[key] : '');
  return {
    search: text('q'),
    filter: streamFilters.find((one) => one === query['show']) ?? 'all',
    sort: streamSorts.find((one) => one === query['sort']) ?? 'live',
  };
}

export function addressOfWish({ search, filter, sort }: StreamListWish): Record<string, string> {
  return {
    ...(search ? { q: search } : {}),
    ...(filter === 'all' ? {} : { show: filter }),
    ...(sort === 'live' ? {} : { sort }),
  };
}
