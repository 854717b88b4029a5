import { expect, it } from 'vitest';
import type { HlsFigures, PlayerStats } from '../player/PlayerStats.ts';
import { hlsRows, playerRows } from './statsRows.ts';

const hls: HlsFigures = {
  ...{ lowLatency: true, stalls: 1, droppedParts: 0, sidecars: { loaded: 40, missing: 2 } },
  ...{ bufferedMs: 1_240, playbackRate: 1.05, exact: true, partTargetMs: 333 },
};
const stats = { transport: 'hls', hls, detections: { lost: 0 } } as unknown as PlayerStats;
const names = (rows: { name: string }[]): string[] => rows.map(({ name }) => name);

it('in HLS tells what HLS knows, and nothing that only WebRTC has', () => {
  const values = Object.fromEntries(hlsRows(stats).map(({ name, value }) => [name, value]));
  expect(values).toMatchObject({
    'Buffered ahead': '1240 ms',
    'Playback rate': '1.05 ×',
    'Detection files': '40, 2 missing',
    'Part target': '333 ms',
  });
  expect(names(playerRows(stats))).not.toContain('Jitter buffer target');
  expect(names(playerRows({ ...stats, transport: 'webrtc', hls: null }))).toContain('Jitter buffer target');
});

it('says where a browser does not tell what is exact, and keeps quiet of Parts where there are none', () => {
  const rows = hlsRows({ hls: { ...hls, exact: false, partTargetMs: null } });
  expect(names(rows)).toContain('Exactness');
  expect(names(rows)).not.toContain('Part target');
  expect(hlsRows({ hls: null })).toEqual([]);
});
