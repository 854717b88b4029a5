import type { Player } from '../../src/player/Player.ts';

declare global {
  interface Window {
    /** Set by the watch page (public contract). */
    framelock?: { stats(): ReturnType<Player['stats']>; player: Player };
  }
}
