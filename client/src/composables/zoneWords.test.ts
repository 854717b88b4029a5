import { expect, it } from 'vitest';
import { mayManage } from './mayManage.ts';
import { byLabelWords, secondsWords, zoneSilenceWords } from './zoneWords.ts';

it('says how long', () => {
  expect([null, 0, 4.24, 9.96, 59, 65, 7_800].map(secondsWords)).toEqual([
    ...['–', '0.0 s', '4.2 s', '10 s', '59 s', '1 min 5 s', '2 h 10 min'],
  ]);
});

it('says which labels, the most first', () => {
  expect(byLabelWords({})).toBe('');
  expect(byLabelWords({ dog: 1, person: 3, cat: 0 })).toBe('3 person, 1 dog');
  expect(byLabelWords({ a: 1, b: 2, c: 3, d: 4, e: 5, f: 6 })).toBe('6 f, 5 e, 4 d, 3 c, 3 others');
});

it('says why nobody counts', () => {
  expect(zoneSilenceWords('waiting', { state: 'off' })).toContain('when the stream plays');
  expect(zoneSilenceWords('playing', { state: 'running', computedBy: 'browser' })).toContain("publisher's browser");
  expect(zoneSilenceWords('playing', { state: 'unavailable' })).toContain('nobody counts');
  expect(zoneSilenceWords('playing', { state: 'running' })).toBeUndefined();
});

it('knows who may draw', () => {
  const caller = { kind: 'token', id: 'a', name: 'a', admin: false } as const;
  expect(mayManage(undefined, 's')).toBe(false);
  expect(mayManage({ ...caller, admin: true, grants: [] }, 's')).toBe(true);
  expect(mayManage({ ...caller, grants: [{ right: 'watch', streamId: 's' }] }, 's')).toBe(false);
  expect(mayManage({ ...caller, grants: [{ right: 'manage', streamId: 't' }] }, 's')).toBe(false);
  expect(mayManage({ ...caller, grants: [{ right: 'manage', streamId: 's' }] }, 's')).toBe(true);
  expect(mayManage({ ...caller, grants: [{ right: 'manage', streamId: null }] }, 's')).toBe(true);
});
