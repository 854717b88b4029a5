import { describe, expect, it } from 'vitest';
import { feedConflict, feedOf, readVia, tabOf } from './feedWords.ts';

const publication = (publishedBy: 'browser' | 'whip' | 'test') => ({
  id: 'p1',
  startedAt: '2026-01-01T00:00:00Z',
  producers: [],
  publishedBy,
});
const source = (type: 'test' | 'rtmp') => ({ type, state: 'waiting', restarts: 0 }) as const;

describe('feeds', () => {
  it('read ?via= and nothing else', () => {
    expect(readVia('obs')).toBe('obs');
    expect(readVia(['source', 'obs'])).toBe('source');
    expect(readVia('constructor')).toBeUndefined();
    expect(readVia(undefined)).toBeUndefined();
  });

  it('are what publishes, and else what is set to', () => {
    expect(feedOf({ publication: null, source: null })).toBeUndefined();
    expect(feedOf({ publication: null, source: source('rtmp') })).toBe('rtmp');
    expect(tabOf('rtmp')).toBe('obs');
    expect(tabOf('whip')).toBe('obs');
    expect(tabOf(undefined)).toBeUndefined();
  });
});

describe('a Stream that is fed another way', () => {
  it('is said on the tabs that it is not fed by', () => {
    const fed = { publication: publication('whip'), source: null };
    expect(feedConflict(fed, 'obs', false)).toBeUndefined();
    expect(feedConflict(fed, 'browser', false)?.text).toBe('This Stream is fed by OBS or another WHIP encoder now.');
    expect(feedConflict(fed, 'source', false)?.action).toBe('Stop it');
  });

  it('tells an armed Source from a running one', () => {
    const armed = { publication: null, source: source('rtmp') };
    expect(feedConflict(armed, 'browser', false)?.text).toBe('This Stream is set to be fed by an RTMP encoder.');
    expect(feedConflict(armed, 'obs', false)).toBeUndefined();
  });

  it('tells this browser from another one', () => {
    const fed = { publication: publication('browser'), source: null };
    expect(feedConflict(fed, 'browser', true)).toBeUndefined();
    expect(feedConflict(fed, 'browser', false)?.text).toBe('Another browser is publishing to this Stream now.');
    expect(feedConflict(fed, 'obs', true)?.action).toBe('Stop this browser');
    expect(feedConflict({ publication: null, source: null }, 'obs', false)).toBeUndefined();
  });
});
