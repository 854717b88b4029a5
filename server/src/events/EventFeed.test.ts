import pino from 'pino';
import { expect, it } from 'vitest';
import type { EventView } from '../protocol/index.ts';
import { EventFeed } from './EventFeed.ts';
import type { EventMetrics } from './EventMetrics.ts';
import { streamEvent } from './eventViews.ts';

const eventOf = (n: number): EventView =>
  streamEvent('streamUp', { id: 's', name: 'S' }, { publicationId: `p${n}`, atMs: 1_000_000 + n });
const counter = { inc: () => undefined };

/** The first messages for a reader that comes again after event 0, where `count` others are stored. */
async function toldAfter(count: number, messages: number): Promise<string[]> {
  const stored = Array.from({ length: count + 1 }, (_, n) => eventOf(n)).reverse();
  const feed = new EventFeed({
    read: (_query, limit) => Promise.resolve(stored.slice(0, limit)),
    hasOthers: () => Promise.resolve(false),
    metrics: { streamedLost: counter, streamsRefused: counter } as unknown as EventMetrics,
    logger: pino({ level: 'silent' }),
  });
  const stream = feed.open({ address: 'a', lastEventId: '1000000_streamUp:p0', stillMay: () => true });
  const told: string[] = [];
  const decoder = new TextDecoder();
  for await (const bytes of stream) if (told.push(decoder.decode(bytes)) === messages) break;
  expect(feed.readers).toBe(0);
  await feed.close();
  return told;
}
const idOf = (text: string): string | undefined => /^id: \d+_(.*)$/m.exec(text)?.[1];

it('tells all that was missed, up to 1,000 events, oldest first', async () => {
  const [hello, ...told] = await toldAfter(1_000, 1_001);
  expect(hello).toContain('retry:');
  expect(told.map(idOf)).toEqual(Array.from({ length: 1_000 }, (_, n) => `streamUp:p${n + 1}`));
});

it('tells the newest of more, and says that there were more', async () => {
  const [, lost, ...told] = await toldAfter(1_200, 1_002);
  expect(lost).toBe('event: lost\ndata: {"count":null}\n\n');
  expect(told.map(idOf)).toEqual(Array.from({ length: 1_000 }, (_, n) => `streamUp:p${n + 201}`));
});
