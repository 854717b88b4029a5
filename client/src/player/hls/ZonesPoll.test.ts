import type { ZoneSettings, ZonesNow } from '@framelock/server/protocol';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ZonesPoll } from './ZonesPoll.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const at = (x: number, y: number) => ({ x, y });
const nothing: ZoneSettings = { zones: [], lines: [], scale: null };
const line = {
  id: 'l',
  name: 'L',
  colour: '#ff8800',
  anchor: 'bottom',
  labels: null,
  from: at(0, 0),
  to: at(1, 1),
} as const;
const drawn: ZoneSettings = { ...nothing, lines: [line] };

function polling() {
  const server = { zones: nothing, now: { publicationId: 'p', live: null } as ZonesNow, away: false };
  const asked: string[] = [];
  const told: unknown[] = [];
  const poll = new ZonesPoll({
    getZones: async () => {
      asked.push('zones');
      if (server.away) throw new Error('away');
      return server.zones;
    },
    getZonesNow: async () => {
      asked.push('now');
      return server.now;
    },
    onZones: (zones) => told.push(zones),
    onZonesNow: (now) => told.push(now),
  });
  return { server, asked, told, poll };
}

it('asks for figures only where something is drawn, and tells what is drawn when it is another', async () => {
  const { server, asked, told, poll } = polling();
  await vi.advanceTimersByTimeAsync(9_500);
  expect(asked).toEqual(['zones']);
  expect(told).toEqual([nothing]);
  server.zones = drawn;
  await vi.advanceTimersByTimeAsync(3_000);
  expect(told.slice(1)).toEqual([drawn, server.now, server.now, server.now]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked.filter((what) => what === 'zones')).toHaveLength(3);
  expect(told.filter((what) => what === drawn)).toHaveLength(1);
  poll.close();
});

it('goes on after a server that did not answer, and ends', async () => {
  const { server, asked, told, poll } = polling();
  server.away = true;
  await vi.advanceTimersByTimeAsync(2_500);
  expect(told).toEqual([]);
  server.away = false;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(told).toEqual([nothing]);
  server.zones = drawn;
  await vi.advanceTimersByTimeAsync(11_000);
  expect(told[1]).toEqual(drawn);
  poll.close();
  const before = asked.length;
  await vi.advanceTimersByTimeAsync(20_000);
  expect(asked).toHaveLength(before);
});
