import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PeerOwners } from './PeerOwners.ts';

describe('PeerOwners', () => {
  let orphans: string[][];
  let owners: PeerOwners;

  beforeEach(() => {
    vi.useFakeTimers();
    orphans = [];
    owners = new PeerOwners({ graceMs: 5000, onOrphans: (peerIds) => orphans.push(peerIds) });
  });
  afterEach(() => {
    owners.close();
    vi.useRealTimers();
  });

  test('hands over the peers of a server that stays away', () => {
    owners.connect('a');
    owners.claim('a', 'p1');
    owners.claim('a', 'p2');
    owners.forget('p2');
    owners.disconnect('a');
    vi.advanceTimersByTime(4999);
    expect(orphans).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(orphans).toEqual([['p1']]);
    expect(owners.dump()).toEqual({});
  });

  test('keeps the peers of a server that redials under its name, or has a second connection', () => {
    owners.connect('a');
    owners.claim('a', 'p1');
    owners.disconnect('a');
    vi.advanceTimersByTime(3000);
    owners.connect('a');
    vi.advanceTimersByTime(60_000);
    owners.connect('a');
    owners.disconnect('a');
    vi.advanceTimersByTime(60_000);
    expect(orphans).toEqual([]);
  });

  test('a peer belongs to the server that used it last', () => {
    owners.connect('a');
    owners.connect('b');
    owners.claim('a', 'p1');
    owners.claim('b', 'p1');
    owners.disconnect('a');
    vi.advanceTimersByTime(60_000);
    expect(orphans).toEqual([]);
    owners.disconnect('b');
    vi.advanceTimersByTime(5000);
    expect(orphans).toEqual([['p1']]);
  });

  test('a server without peers leaves nothing', () => {
    owners.connect('a');
    owners.disconnect('a');
    vi.advanceTimersByTime(60_000);
    expect(orphans).toEqual([]);
    expect(owners.dump()).toEqual({});
  });
});
