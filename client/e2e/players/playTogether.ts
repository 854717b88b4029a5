import type { Browser } from 'playwright-core';
import { eventually } from '../harness/eventually.ts';
import type { Product } from '../harness/Product.ts';
import { MachineLoad } from './MachineLoad.ts';
import { comparePictures } from './comparePictures.ts';
import { playFfmpeg, probe } from './playFfmpeg.ts';
import { playGStreamer } from './playGStreamer.ts';
import { playInPage, type PagePlayer } from './playInPage.ts';
import { playValidator } from './playValidator.ts';
import { faultsOf, type PlayerReport, type SkippedPlayer, type Stall } from './PlayerReport.ts';

export type PlayerName = 'validator' | 'FFmpeg' | 'ffprobe' | 'GStreamer' | PagePlayer;

export interface PlayTogetherOptions {
  product: Product;
  /** For the players' pages. */
  browser: Browser;
  streamId: string;
  players: readonly PlayerName[];
  seconds: number;
  settleMs?: number;
}

export interface GroupReport {
  together: readonly PlayerName[];
  seconds: number;
  clients: ((PlayerReport & { faults: number }) | SkippedPlayer)[];
  machine: Record<string, unknown>;
}

/** Waits for the first Segment, as a player would, which is also what has the Stream packaged. */
export async function playable(product: Product, streamId: string): Promise<void> {
  await eventually(
    'HLS is there',
    async () => (await fetch(`${product.url}/hls/${streamId}/index.m3u8`)).status === 200,
    { withinMs: 60_000, everyMs: 500 },
  );
}

/** All of them at the same time. Each stall says how busy the machine was then. */
export async function playTogether(options: PlayTogetherOptions): Promise<GroupReport> {
  const { product, browser, streamId, players, seconds, settleMs = 5_000 } = options;
  const { publication } = await product.stream(streamId);
  if (!publication) throw new Error('nothing is published');
  const origin = product.url;
  const folder = `${origin}/hls/${streamId}/${publication.id}/`;
  const index = `${origin}/hls/${streamId}/index.m3u8`;
  const inPage = (player: PagePlayer, url = index) => playInPage({ browser, player, origin, url, seconds, settleMs });
  // Those without a page run as long as those that need time to start up.
  const allSeconds = seconds + settleMs / 1000;
  const run: Record<PlayerName, () => Promise<PlayerReport | SkippedPlayer>> = {
    validator: () => playValidator(folder, allSeconds),
    FFmpeg: () => playFfmpeg(`${folder}live.m3u8`, allSeconds),
    ffprobe: () => probe(`${folder}live.m3u8`),
    GStreamer: () => playGStreamer(index, allSeconds),
    'hls.js': () => inPage('hls.js'),
    'hls.js without LL': () => inPage('hls.js without LL', `${folder}plain.m3u8`),
    'Shaka Player': () => inPage('Shaka Player'),
    Chromium: () => inPage('Chromium'),
  };
  const load = new MachineLoad();
  const during = (stall: Stall) => ({ ...stall, unixMs: Math.round(stall.unixMs), machine: load.near(stall.unixMs) });
  try {
    const reports = await Promise.all(players.map((name) => run[name]()));
    const validator = reports.find(({ client }) => client === 'validator') as PlayerReport | undefined;
    const listed = validator?.pictureTicks;
    return {
      together: players,
      seconds,
      clients: reports.map((report) => {
        if ('skipped' in report) return report;
        const { pictureTicks, ...shown } = report;
        if (listed && pictureTicks && report !== validator) {
          const { words, compared } = comparePictures(pictureTicks, listed);
          shown.gaps.push(...words);
          shown.figures.picturesCompared = compared;
        }
        return { ...shown, faults: faultsOf(shown), stalls: shown.stalls.map((stall) => during(stall)) };
      }),
      machine: load.close(),
    };
  } finally {
    load.close();
  }
}
