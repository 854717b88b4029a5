import type { PublishedBy, StreamView } from '@framelock/server/protocol';

export const feedTabs = ['browser', 'obs', 'source'] as const;
export type FeedTab = (typeof feedTabs)[number];

/** A few characters, for cards and badges. */
export const feedNames: Record<PublishedBy, string> = {
  browser: 'Browser',
  whip: 'OBS (WHIP)',
  test: 'Test picture',
  file: 'File',
  rtmp: 'RTMP',
  rtsp: 'RTSP camera',
  srt: 'SRT',
};

/** For the middle of a sentence: "is fed by …". */
const feedPhrases: Record<PublishedBy, string> = {
  browser: 'a browser',
  whip: 'OBS or another WHIP encoder',
  test: 'the test picture',
  file: 'a file',
  rtmp: 'an RTMP encoder',
  rtsp: 'an RTSP camera',
  srt: 'SRT',
};

const tabOfFeed: Record<PublishedBy, FeedTab> = {
  browser: 'browser',
  whip: 'obs',
  rtmp: 'obs',
  test: 'source',
  file: 'source',
  rtsp: 'source',
  srt: 'source',
};

/** What feeds the Stream, or is set to: a Source that waits or tries again keeps others out as well. */
export function feedOf(stream: Pick<StreamView, 'publication' | 'source'>): PublishedBy | undefined {
  return stream.publication?.publishedBy ?? stream.source?.type;
}

export function tabOf(feed: PublishedBy | undefined): FeedTab | undefined {
  return feed && tabOfFeed[feed];
}

/** `?via=`: undefined where it names no tab. */
export function readVia(value: unknown): FeedTab | undefined {
  return feedTabs.find((tab) => tab === (Array.isArray(value) ? value[0] : value));
}

export interface FeedConflict {
  /** A sentence: what has the Stream now. */
  text: string;
  /** Words of the button that stops it. */
  action: string;
}

/** What `tab` has to say where the Stream is fed another way than its own. `mine`: this page's browser publishes. */
export function feedConflict(
  stream: Pick<StreamView, 'publication' | 'source'>,
  tab: FeedTab,
  mine: boolean,
): FeedConflict | undefined {
  if (mine && tab !== 'browser')
    return { text: 'This browser is publishing to the Stream now.', action: 'Stop this browser' };
  if (mine) return undefined;
  const feed = feedOf(stream);
  if (!feed) return undefined;
  if (feed !== 'browser' && tabOf(feed) === tab) return undefined;
  const running = stream.publication !== null;
  const text =
    feed === 'browser'
      ? tab === 'browser'
        ? 'Another browser is publishing to this Stream now.'
        : 'A browser is publishing to this Stream now.'
      : running
        ? `This Stream is fed by ${feedPhrases[feed]} now.`
        : `This Stream is set to be fed by ${feedPhrases[feed]}.`;
  return { text, action: 'Stop it' };
}
