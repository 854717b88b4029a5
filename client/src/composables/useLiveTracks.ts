import { useIntervalFn } from '@vueuse/core';
import { shallowRef } from 'vue';
import { unixNowMs } from '../signaling/ClockOffset.ts';
import { LiveTracks, type LiveTrack } from './liveTracks.ts';

const renderEveryMs = 400;

/** What the player draws, as rows: taken with every picture, rendered a few times a second. */
export function useLiveTracks() {
  const ledger = new LiveTracks();
  const tracks = shallowRef<readonly LiveTrack[]>([]);
  const nowMs = shallowRef(unixNowMs());

  useIntervalFn(() => {
    const now = unixNowMs();
    const next = ledger.list(now);
    if (next.length === 0 && tracks.value.length === 0) return;
    nowMs.value = now;
    tracks.value = next;
  }, renderEveryMs);

  return { tracks, nowMs, add: ledger.add.bind(ledger), clear: () => ledger.clear() };
}
