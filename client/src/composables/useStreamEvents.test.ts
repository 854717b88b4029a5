import type { EventView } from '@framelock/server/protocol';
import { describe, expect, it } from 'vitest';
import { mergeEvents } from './useStreamEvents.ts';

const eventOf = (id: string, seconds: number) =>
  ({ id, at: new Date(seconds * 1000).toISOString() }) as unknown as EventView;

describe('mergeEvents', () => {
  it('has the newest first, each once, and no more than asked for', () => {
    const known = [eventOf('c', 3), eventOf('a', 1)];
    const merged = mergeEvents(known, [eventOf('b', 2), eventOf('c', 3), eventOf('d', 4)], 3);
    expect(merged.map(({ id }) => id)).toEqual(['d', 'c', 'b']);
    expect(known).toHaveLength(2);
  });
});
