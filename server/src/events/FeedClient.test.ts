import { describe, expect, it } from 'vitest';
import { streamEvent } from './eventViews.ts';
import { FeedClient, readFeedId } from './FeedClient.ts';

const eventOf = (n: number) =>
  streamEvent('streamUp', { id: 's', name: 'S' }, { publicationId: `p${n}`, atMs: 1000 + n });

function reading(maxWaiting?: number) {
  const told = { closed: 0, lost: 0 };
  const client = new FeedClient({
    ...{ onClosed: () => told.closed++, onLost: () => told.lost++ },
    ...(maxWaiting === undefined ? {} : { maxWaiting }),
  });
  const reader = client.stream.getReader();
  const decoder = new TextDecoder();
  const next = async (): Promise<string | undefined> => {
    const { value, done } = await reader.read();
    return done ? undefined : decoder.decode(value);
  };
  return { client, reader, next, told };
}

describe('FeedClient', () => {
  it('tells each event with an id that says since when', async () => {
    const { client, next } = reading();
    const first = next();
    client.event(eventOf(1));
    const text = (await first)!;
    expect(text).toBe(`id: 1001_streamUp:p1\ndata: ${JSON.stringify(eventOf(1))}\n\n`);
    expect(readFeedId(/^id: (.*)$/m.exec(text)![1]!)).toEqual({ atMs: 1001, id: 'streamUp:p1' });
    expect(readFeedId('7')).toBeUndefined();
  });

  it('drops the oldest for a reader that is too slow, and says how many', async () => {
    const { client, next, told } = reading(2);
    for (let n = 1; n <= 5; n++) client.event(eventOf(n));
    expect(told.lost).toBe(3);
    expect(await next()).toBe('event: lost\ndata: {"count":3}\n\n');
    expect(await next()).toContain('p4');
    expect(await next()).toContain('p5');
    client.beat();
    expect(await next()).toBe(': beat\n\n');
  });

  it('ends with its reader, and by itself', async () => {
    const gone = reading();
    await gone.reader.cancel();
    expect(gone.told.closed).toBe(1);
    gone.client.event(eventOf(1));
    gone.client.close();
    const ended = reading();
    const waiting = ended.next();
    ended.client.close();
    expect(await waiting).toBeUndefined();
  });
});
