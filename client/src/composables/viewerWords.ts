import type { HlsView } from '@framelock/server/protocol';
import { formatCount, plural } from './formatFigures.ts';

export interface ViewerCount {
  total: number;
  /** `3 viewers` */
  text: string;
  /** How many of each, for who points at it. */
  title: string;
}

/**
 * Who watches, by both transports. HLS players are those that wait for the next Part at this server; `watchesByHls`:
 * this page is one, which is known sooner than the server tells.
 */
export function viewerCount(
  webRtc: number,
  hls: Pick<HlsView, 'players'> | null | undefined,
  watchesByHls = false,
): ViewerCount {
  const byHls = Math.max(hls?.players ?? 0, watchesByHls ? 1 : 0);
  const total = webRtc + byHls;
  const unseen = byHls > 0 ? '. Who watches through a CDN, or has paused, is not counted.' : '';
  return {
    total,
    text: plural(total, 'viewer'),
    title: `${formatCount(webRtc)} by WebRTC, ${formatCount(byHls)} by HLS${unseen}`,
  };
}
