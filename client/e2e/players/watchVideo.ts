import type { Stall } from './PlayerReport.ts';

/** What a page saw of its own `<video>`. Times that end in `atS` count from when the player was started. */
export interface VideoWatch {
  startedAfterS: number | undefined;
  secondsPlayed: number;
  wallSeconds: number;
  stalls: Stall[];
  /** `waiting` and standstills before it counted: start-up. */
  stallsOfStartUp: number;
  gaps: string[];
  jumps: string[];
  errors: string[];
  errorsOfStartUp: string[];
  seeks: number;
  /** `perSecond`: decoded for each second of media that was played; a player can close up over holes, but not fill them. */
  pictures: { decoded: number; dropped: number; shown: number; longestStepMs: number; perSecond: number | null };
  leastBufferedAheadS: number | null;
  /** Behind the newest media in the playlist, as the player says. */
  behindEdgeS: (number | null)[];
  /** Behind the wall clock, by PROGRAM-DATE-TIME. */
  behindCaptureS: (number | null)[];
  pageLagMs: { p99: number; max: number };
  own: Record<string, unknown>;
}

export interface WatchedPlayer {
  /** Seconds behind the live edge, and the wall clock's Unix ms of what is shown. */
  behindEdgeS(): number | undefined;
  shownAtMs(): number | undefined;
  own(): Record<string, unknown>;
}

declare global {
  interface Window {
    watchedVideo: {
      element: HTMLVideoElement;
      error(words: string): void;
      player: WatchedPlayer;
      report(): VideoWatch;
    };
  }
}

/**
 * Runs in the page, so it stands alone. After `settleMs` of playing, everything counts: the element's `waiting`, its time
 * standing still for 250 ms, its time leaping, holes in what is buffered.
 */
export function watchVideo(settleMs: number): void {
  const [everyMs, stillMs, leapS, holeS] = [50, 250, 0.2, 0.05];
  const element = document.createElement('video');
  Object.assign(element, { muted: true, autoplay: true, playsInline: true });
  document.body.replaceChildren(element);

  const began = performance.now();
  const stalls: Stall[] = [];
  const gaps: string[] = [];
  const jumps: string[] = [];
  const errors: string[] = [];
  const errorsOfStartUp: string[] = [];
  const lags: number[] = [];
  const edges: number[] = [];
  const captures: number[] = [];
  const recentLags: { at: number; ms: number }[] = [];
  let firstPlayed: number | undefined;
  let countsFrom: number | undefined;
  let playedFromS = 0;
  let decodedBefore = 0;
  let stallsOfStartUp = 0;
  let seeks = 0;
  let leastAheadS = Number.POSITIVE_INFINITY;
  let open: { stall: Stall; at: number } | undefined;
  let last = { at: began, time: 0 };
  let movedAt = began;
  let shown = 0;
  let longestStepMs = 0;
  let lastMediaTime: number | undefined;

  const atS = () => ((performance.now() - began) / 1000).toFixed(1);
  const counts = () => countsFrom !== undefined;
  const ahead = () => {
    const { buffered, currentTime } = element;
    for (let i = 0; i < buffered.length; i++) {
      if (buffered.start(i) <= currentTime + 0.1 && buffered.end(i) >= currentTime)
        return buffered.end(i) - currentTime;
    }
    return 0;
  };
  const stall = (at: number, event: boolean) => {
    if (firstPlayed === undefined) return;
    if (open) {
      open.stall.event ||= event;
      return;
    }
    const unixMs = performance.timeOrigin + at;
    open = { at, stall: { unixMs, tookMs: 0, bufferedAheadS: ahead(), pageLagMs: 0, event } };
    if (counts()) stalls.push(open.stall);
    else stallsOfStartUp++;
  };
  const goesOn = (at: number) => {
    if (!open) return;
    const from = open.at - 1_000;
    open.stall.tookMs = Math.round(at - open.at);
    open.stall.pageLagMs = Math.round(Math.max(0, ...recentLags.filter((lag) => lag.at >= from).map(({ ms }) => ms)));
    open = undefined;
  };

  element.addEventListener('waiting', () => stall(performance.now(), true));
  element.addEventListener('seeking', () => (seeks += counts() ? 1 : 0));
  element.addEventListener('error', () => window.watchedVideo.error(`video: ${element.error?.message || 'error'}`));
  element.addEventListener('pause', () => counts() && jumps.push(`paused at ${atS()} s`));

  const step: VideoFrameRequestCallback = (_now, { mediaTime }) => {
    element.requestVideoFrameCallback(step);
    if (!counts()) return;
    shown++;
    if (lastMediaTime !== undefined) longestStepMs = Math.max(longestStepMs, (mediaTime - lastMediaTime) * 1000);
    lastMediaTime = mediaTime;
  };
  element.requestVideoFrameCallback(step);

  const holes = () => {
    const { buffered, currentTime } = element;
    for (let i = 1; i < buffered.length; i++) {
      const [end, next] = [buffered.end(i - 1), buffered.start(i)];
      if (end < currentTime - 1 || next - end < holeS) continue;
      const words = `nothing from ${end.toFixed(2)} to ${next.toFixed(2)}`;
      if (!gaps.includes(words)) gaps.push(words);
    }
  };

  let tick = 0;
  let due = began + everyMs;
  setInterval(() => {
    const at = performance.now();
    const late = Math.max(0, at - due);
    due = at + everyMs;
    lags.push(late);
    recentLags.push({ at, ms: late });
    if (recentLags.length > 200) recentLags.shift();
    const time = element.currentTime;
    const moved = time - last.time;
    if (time > 0 && moved > 0 && firstPlayed === undefined && element.readyState >= 3) firstPlayed = at;
    if (firstPlayed !== undefined && !counts() && at - firstPlayed >= settleMs) {
      [countsFrom, playedFromS] = [at, time];
      decodedBefore = element.getVideoPlaybackQuality().totalVideoFrames;
      open = undefined;
    } else if (counts()) {
      const expected = ((at - last.at) / 1000) * element.playbackRate;
      if (moved < -0.001 || moved > expected + leapS) {
        jumps.push(`${last.time.toFixed(2)} to ${time.toFixed(2)} in ${expected.toFixed(2)} s, at ${atS()} s`);
      }
      leastAheadS = Math.min(leastAheadS, ahead());
      holes();
    }
    if (moved > 0) {
      movedAt = at;
      goesOn(at);
    } else if (at - movedAt > stillMs && late < stillMs) stall(movedAt, false);
    last = { at, time };
    if (++tick % 10 === 0 && counts()) {
      const { player } = window.watchedVideo;
      const [edge, shownAt] = [player.behindEdgeS(), player.shownAtMs()];
      if (edge !== undefined && Number.isFinite(edge)) edges.push(edge);
      if (shownAt !== undefined && Number.isFinite(shownAt)) captures.push((Date.now() - shownAt) / 1000);
    }
  }, everyMs);

  const spread = (values: number[]) => {
    const sorted = values.toSorted((a, b) => a - b);
    const place = (share: number) => sorted[Math.floor(share * (sorted.length - 1))];
    return [place(0), place(0.5), place(0.95), place(1)].map((value) =>
      value === undefined ? null : Math.round(value * 100) / 100,
    );
  };

  window.watchedVideo = {
    element,
    error: (words) => (counts() ? errors : errorsOfStartUp).push(`${words}, at ${atS()} s`),
    player: { behindEdgeS: () => undefined, shownAtMs: () => undefined, own: () => ({}) },
    report: () => {
      const at = performance.now();
      goesOn(at);
      const quality = element.getVideoPlaybackQuality();
      const sorted = lags.toSorted((a, b) => a - b);
      const secondsPlayed = counts() ? Math.round((element.currentTime - playedFromS) * 10) / 10 : 0;
      const decoded = quality.totalVideoFrames;
      return {
        startedAfterS: firstPlayed === undefined ? undefined : Math.round((firstPlayed - began) / 100) / 10,
        secondsPlayed,
        wallSeconds: countsFrom === undefined ? 0 : Math.round((at - countsFrom) / 100) / 10,
        stalls: stalls.map((one) => ({ ...one, bufferedAheadS: Math.round(one.bufferedAheadS * 100) / 100 })),
        stallsOfStartUp,
        gaps,
        jumps,
        errors,
        errorsOfStartUp,
        seeks,
        pictures: {
          decoded,
          dropped: quality.droppedVideoFrames,
          shown,
          longestStepMs: Math.round(longestStepMs),
          perSecond: secondsPlayed > 0 ? Math.round(((decoded - decodedBefore) / secondsPlayed) * 10) / 10 : null,
        },
        leastBufferedAheadS: Number.isFinite(leastAheadS) ? Math.round(leastAheadS * 100) / 100 : null,
        behindEdgeS: spread(edges),
        behindCaptureS: spread(captures),
        pageLagMs: {
          p99: Math.round(sorted[Math.floor(0.99 * (sorted.length - 1))] ?? 0),
          max: Math.round(sorted.at(-1) ?? 0),
        },
        own: window.watchedVideo.player.own(),
      };
    },
  };
}
