import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './harness/eventually.ts';
import { Stage } from './harness/Stage.ts';
import { playable, playTogether, type GroupReport, type PlayerName } from './players/playTogether.ts';

const seconds = 20;
const players: PlayerName[] = ['validator', 'FFmpeg', 'ffprobe', 'hls.js', 'hls.js without LL', 'Shaka Player'];
const pages = ['hls.js', 'hls.js without LL', 'Shaka Player'] as const;
/** Share of what is published; the rates are those of two stretches that do not begin at the same time. */
const leastPictures = 0.9;
/** Three pages that decode, one that encodes, on two cores: a short hold-up is the machine's. */
const stallsAllowed = 1;

/** `pnpm bench:hls-play` for a few seconds: players of others, with nothing of ours but what watches them. */
describe("over HLS, others' players play what we serve", { timeout: 240_000, retry: 1 }, () => {
  let stage: Stage;
  let streamId: string;

  beforeAll(async () => {
    stage = await Stage.create();
    const { product } = stage;
    streamId = (await product.createStream('hls players')).id;
    const publisher = await (await stage.browser.newContext()).newPage();
    await publisher.goto(`${product.url}/publish/${streamId}?autostart=1&codec=h264&width=640&height=360&fps=30`);
    await eventually('it is live', async () => (await product.stream(streamId)).state === 'live', { withinMs: 60_000 });
    await playable(product, streamId);
    await publisher.waitForTimeout(6_000); // three Segments: what players without low latency begin with
  });

  afterAll(() => stage?.close());

  it('all of them at once, and the validator has no complaint', async () => {
    const { product, browser } = stage;
    const report = await playTogether({ product, browser, streamId, players, seconds });
    console.log(JSON.stringify({ machine: report.machine, clients: report.clients.map(brief) }));
    for (const name of players) {
      const client = played(report, name);
      expect({ name, gaps: client.gaps, errors: client.errors.filter(isFault) }).toEqual({
        name,
        gaps: [],
        errors: [],
      });
      expect(client.stalls.length, `stalls of ${name}`).toBeLessThanOrEqual(stallsAllowed);
    }
    for (const name of ['validator', 'FFmpeg'] as const) {
      expect(played(report, name).jumps).toEqual([]);
      expect(played(report, name).stalls).toEqual([]);
    }
    expect(played(report, 'FFmpeg').figures).toMatchObject({ picturesCompared: expect.any(Number) });
    for (const name of ['FFmpeg', ...pages] as const) {
      expect(played(report, name).secondsPlayed, name).toBeGreaterThan(seconds * 0.75);
    }
    // Also of a player that closes up over what it lost, so that neither holes nor stalls tell of it.
    const published = pictureRate(played(report, 'FFmpeg'));
    for (const name of pages) {
      const { pictures } = played(report, name).figures as { pictures: { perSecond: number } };
      expect(pictures.perSecond / published, `pictures of ${name}`).toBeGreaterThan(leastPictures);
    }
  });

  it('control: with an hls process that stands still, the same look finds the stall', async () => {
    const { product, browser } = stage;
    const playing = playTogether({ product, browser, streamId, players: ['hls.js'], seconds });
    await new Promise((resolve) => setTimeout(resolve, 12_000)); // start-up is over
    await product.freeze('sfu/src/hls/main.ts', 6_000);
    const { stalls } = played(await playing, 'hls.js');
    console.log(JSON.stringify({ control: stalls }));
    expect(stalls.length).toBeGreaterThan(0);
    expect(Math.max(...stalls.map(({ tookMs }) => tookMs))).toBeGreaterThan(1_000);
    // It had nothing left to play: that is how a late origin looks, and not a busy machine.
    expect(Math.min(...stalls.map(({ bufferedAheadS }) => bufferedAheadS))).toBeLessThan(0.5);
  });
});

function played({ clients }: GroupReport, name: string) {
  const found = clients.find(({ client }) => client === name);
  if (!found) throw new Error(`${name} did not report`);
  if ('skipped' in found) throw new Error(`${name} was skipped: ${found.skipped}`);
  return found;
}

/** Of what FFmpeg read, whose times are checked one by one. */
function pictureRate({ figures }: ReturnType<typeof played>): number {
  const { video } = figures.streams as { video: { packets: number; seconds: number } };
  return video.packets / video.seconds;
}

/** A stall that is allowed is an error to hls.js, which goes on; and busy cores make a page slow without one. */
const isFault = (error: string): boolean =>
  !/^(bufferStalledError|bufferNudgeOnStall|slower than the clock)/.test(error);

function brief(client: GroupReport['clients'][number]) {
  if ('skipped' in client) return client;
  const { secondsPlayed, stalls, gaps, jumps, errors, figures } = client;
  const { behindEdgeS, behindCaptureS, pageLagMs, leastAheadS, pictures, streams } = figures;
  return {
    ...{ client: client.client, secondsPlayed, stalls, gaps, jumps, errors },
    ...{ behindEdgeS, behindCaptureS, pageLagMs, leastAheadS, pictures, streams },
  };
}
