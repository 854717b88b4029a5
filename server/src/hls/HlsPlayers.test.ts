import { expect, it } from 'vitest';
import { HlsPlayers } from './HlsPlayers.ts';

it('counts the most that waited at once, in this period and the one before', () => {
  let nowMs = 0;
  const players = new HlsPlayers(() => nowMs);
  expect(players.of('p')).toBe(0);
  const leave = [players.enter('p'), players.enter('p'), players.enter('p')];
  for (const one of leave) one();
  expect([players.of('p'), players.of('other')]).toEqual([3, 0]);
  nowMs = 2_000;
  const stays = players.enter('p');
  expect(players.of('p')).toBe(3);
  nowMs = 4_000;
  expect(players.of('p')).toBe(1);
  stays();
  nowMs = 60_000;
  expect(players.of('p')).toBe(0);
});

it('holds no more of those that nobody plays any more than it says', () => {
  const players = new HlsPlayers();
  const stays = players.enter('stays');
  for (let i = 0; i < 3_000; i++) players.enter(`p${i}`)();
  expect(players.size).toBeLessThanOrEqual(1_001);
  expect(players.of('stays')).toBe(1);
  stays();
});
