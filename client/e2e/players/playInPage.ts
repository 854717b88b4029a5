import { readFileSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import type { PlayerReport, SkippedPlayer } from './PlayerReport.ts';
import { watchVideo, type VideoWatch } from './watchVideo.ts';

export type PagePlayer = 'hls.js' | 'hls.js without LL' | 'Shaka Player' | 'Chromium';

interface PagePlayerParts {
  /** From `client/node_modules`; none: the browser's own. */
  script?: { path: string; package: string };
  /** Runs in the page; false: the browser can't. */
  start: (url: string) => Promise<boolean> | boolean;
  lowLatency: boolean;
}

/** As these players are out of the box, but for Shaka Player's `sequenceMode`. */
const pagePlayers: Record<PagePlayer, PagePlayerParts> = {
  'hls.js': {
    script: { path: 'hls.js/dist/hls.min.js', package: 'hls.js' },
    start: startHlsJs,
    lowLatency: true,
  },
  'hls.js without LL': {
    script: { path: 'hls.js/dist/hls.min.js', package: 'hls.js' },
    start: startHlsJsWithoutLowLatency,
    lowLatency: false,
  },
  'Shaka Player': {
    script: { path: 'shaka-player/dist/shaka-player.compiled.js', package: 'shaka-player' },
    start: startShaka,
    lowLatency: true,
  },
  Chromium: { start: startNative, lowLatency: true },
};

export interface PlayInPageOptions {
  browser: Browser;
  player: PagePlayer;
  /** Of the product, for a page of its origin. */
  origin: string;
  url: string;
  seconds: number;
  /** Of playing, before what happens counts. */
  settleMs: number;
}

/** Plays in a page of its own, beside nothing of ours but what watches the `<video>`. */
export async function playInPage(options: PlayInPageOptions): Promise<PlayerReport | SkippedPlayer> {
  const { browser, player, origin, url, seconds, settleMs } = options;
  const { script, start, lowLatency } = pagePlayers[player];
  // The product's pages forbid scripts from elsewhere; this page is of its origin and isn't one of them.
  const context = await browser.newContext({ viewport: { width: 480, height: 270 }, bypassCSP: true });
  try {
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(`page: ${error.message}`));
    page.on('crash', () => complaints.push('the page crashed'));
    await page.goto(`${origin}/healthz`);
    if (script) await page.addScriptTag({ path: moduleFile(script.path) });
    await page.evaluate(watchVideo, settleMs);
    if (!(await page.evaluate(start, url))) return { client: player, skipped: `${browser.version()} can't play HLS` };
    await page.waitForTimeout(seconds * 1000 + settleMs);
    const watch = await page.evaluate(() => window.watchedVideo.report());
    const version = script
      ? (JSON.parse(readFileSync(moduleFile(`${script.package}/package.json`), 'utf8')) as { version: string }).version
      : browser.version();
    return {
      client: player,
      version,
      playlist: url.split('/').at(-1)!,
      secondsPlayed: watch.secondsPlayed,
      stalls: watch.stalls,
      gaps: watch.gaps,
      jumps: watch.jumps,
      errors: [...complaints, ...watch.errors, ...notPlayed(watch), ...slower(watch)],
      figures: { lowLatency, ...figuresOf(watch) },
    };
  } finally {
    await context.close();
  }
}

function notPlayed({ startedAfterS, secondsPlayed, errorsOfStartUp }: VideoWatch): string[] {
  if (secondsPlayed > 0) return [];
  const when = startedAfterS === undefined ? 'it never played' : 'it played but did not go on';
  return [`${when}; ${errorsOfStartUp.join('; ')}`];
}

/**
 * Time that it lost besides its stalls, in standstills too short for one: a decoder or an audio clock that gets too little
 * of the cores. The machine's load beside it tells which.
 */
function slower({ secondsPlayed, wallSeconds, stalls }: VideoWatch): string[] {
  const lostS = wallSeconds - secondsPlayed - stalls.reduce((sum, { tookMs }) => sum + tookMs / 1000, 0);
  if (secondsPlayed === 0 || lostS < 0.5 + 0.01 * wallSeconds) return [];
  return [`slower than the clock: ${secondsPlayed} s in ${wallSeconds} s`];
}

const spreadNames = ['min', 'p50', 'p95', 'max'];
const named = (spread: (number | null)[]) => Object.fromEntries(spreadNames.map((name, i) => [name, spread[i]]));

function figuresOf(watch: VideoWatch): Record<string, unknown> {
  const { startedAfterS, wallSeconds, stallsOfStartUp, errorsOfStartUp, seeks, pictures, pageLagMs, own } = watch;
  return {
    ...{ startedAfterS, wallSeconds, stallsOfStartUp, errorsOfStartUp, seeks, pictures, pageLagMs },
    leastBufferedAheadS: watch.leastBufferedAheadS,
    behindEdgeS: named(watch.behindEdgeS),
    behindCaptureS: named(watch.behindCaptureS),
    own,
  };
}

const moduleFile = (path: string): string => new URL(`../../node_modules/${path}`, import.meta.url).pathname;

interface HlsJs {
  on(
    event: string,
    listener: (event: string, data: { details: string; fatal: boolean; reason?: string }) => void,
  ): void;
  loadSource(url: string): void;
  attachMedia(video: HTMLVideoElement): void;
  latency: number;
  targetLatency: number | null;
  playingDate: Date | null;
}

/** Both run in the page, and so can't share what is outside of them. */
function startHlsJs(url: string): boolean {
  const { Hls } = window as unknown as { Hls: new (options: object) => HlsJs };
  const hls = new Hls({ lowLatencyMode: true });
  const { element, error } = window.watchedVideo;
  hls.on('hlsError', (_, { details, fatal, reason }) => error(`${fatal ? 'fatal: ' : ''}${details} ${reason ?? ''}`));
  window.watchedVideo.player = {
    behindEdgeS: () => hls.latency,
    shownAtMs: () => hls.playingDate?.getTime(),
    own: () => ({ targetLatencyS: hls.targetLatency }),
  };
  hls.loadSource(url);
  hls.attachMedia(element);
  return true;
}

function startHlsJsWithoutLowLatency(url: string): boolean {
  const { Hls } = window as unknown as { Hls: new (options: object) => HlsJs };
  const hls = new Hls({ lowLatencyMode: false });
  const { element, error } = window.watchedVideo;
  hls.on('hlsError', (_, { details, fatal, reason }) => error(`${fatal ? 'fatal: ' : ''}${details} ${reason ?? ''}`));
  window.watchedVideo.player = {
    behindEdgeS: () => hls.latency,
    shownAtMs: () => hls.playingDate?.getTime(),
    own: () => ({ targetLatencyS: hls.targetLatency }),
  };
  hls.loadSource(url);
  hls.attachMedia(element);
  return true;
}

interface ShakaError {
  code: number;
  category: number;
  severity: number;
  data: unknown[];
}

/**
 * Its default, `sequenceMode: false`, loses Parts (shaka-player#10589): where media time is above the playlist's, which it
 * nearly always is here, it adds 1 ms to `timestampOffset` for the Edge of old, takes that for a change at the next
 * append, and calls `SourceBuffer.abort()`, after which the browser drops what comes before a key frame. Whether 1 ms
 * is a change is a matter of how doubles round at this RTP timestamp: with two Publications of three.
 * Repaired by shaka-player#10559, which is in no release up to 5.2.12.
 */
async function startShaka(url: string): Promise<boolean> {
  interface Player {
    attach(video: HTMLVideoElement): Promise<void>;
    configure(settings: object): boolean;
    load(url: string): Promise<void>;
    addEventListener(type: 'error', listener: (event: { detail: ShakaError }) => void): void;
    getStats(): Record<string, unknown> & { liveLatency: number };
    getPlayheadTimeAsDate(): Date | null;
  }
  const { shaka } = window as unknown as { shaka: { polyfill: { installAll(): void }; Player: new () => Player } };
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  const { element, error } = window.watchedVideo;
  const words = ({ severity, category, code, data }: ShakaError) =>
    `${severity === 2 ? 'fatal: ' : ''}${category}.${code} ${String(data?.[0] ?? '').slice(0, 200)}`;
  player.addEventListener('error', ({ detail }) => error(words(detail)));
  player.configure({ streaming: { lowLatencyMode: true }, manifest: { hls: { sequenceMode: true } } });
  window.watchedVideo.player = {
    behindEdgeS: () => player.getStats().liveLatency,
    shownAtMs: () => player.getPlayheadTimeAsDate()?.getTime(),
    own: () => {
      const { stallsDetected, gapsJumped, bufferingTime, nonFatalErrorCount } = player.getStats();
      return { stallsDetected, gapsJumped, bufferingTime, nonFatalErrorCount };
    },
  };
  await player.attach(element);
  try {
    await player.load(url);
  } catch (failure) {
    error(words(failure as ShakaError));
  }
  return true;
}

function startNative(url: string): boolean {
  const { element } = window.watchedVideo;
  const can = element.canPlayType('application/vnd.apple.mpegurl');
  if (can === '') return false;
  element.src = url;
  window.watchedVideo.player.own = () => ({ canPlayType: can });
  return true;
}
