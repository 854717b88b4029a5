import { useLocalStorage } from '@vueuse/core';
import { defaultOverlayOptions, type OverlayOptions } from '../player/Player.ts';

/** What a person chooses of the overlay; the rest of `OverlayOptions` is for those who embed the player. */
export type OverlayChoices = Omit<OverlayOptions, 'trackIds' | 'speeds' | 'lineWidthPx' | 'fontSizePx'>;

/** As this browser remembers them, for all Streams. */
export function useOverlayOptions() {
  const { trackIds: _1, speeds: _2, lineWidthPx: _3, fontSizePx: _4, ...choices } = defaultOverlayOptions;
  return useLocalStorage<OverlayChoices>('framelock.overlay', choices, { mergeDefaults: true });
}
