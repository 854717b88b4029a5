import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EncodedClip } from './harness/EncodedClip.ts';
import { eventually } from './harness/eventually.ts';
import { judgeProof } from './harness/judgeProof.ts';
import { ObsPublisher, type ObsPublisherOptions } from './harness/ObsPublisher.ts';
import { proofViewport, proveStream, statsOf, type Proof } from './harness/proveStream.ts';
import { Stage } from './harness/Stage.ts';

/** k/n of the largest, as OBS makes them; the number strip needs some four pixels a cell in the smallest. */
const layers = [
  { width: 1024, height: 576, bitrateBps: 3_000_000 },
  { width: 512, height: 288, bitrateBps: 1_500_000 },
  { width: 256, height: 144, bitrateBps: 800_000 },
];
/** As the player counts them: 0 is the smallest. Each is left and come back to. */
const tour = [1, 0, 2, 0, 1, 2];
const minimumAnalysedShown = { all: 300, each: 100 };
/** Pictures of a layer whose clock is not known, on each visit. */
const minimumUnanalysedShown = 40;

/**
 * OBS's simulcast: each viewer sees one layer, only the largest is analysed, and still each box is on its own frame, read
 * from the pictures themselves, through every switch. Where the layers' clocks can't be compared no box is exact.
 */
describe('simulcast from an OBS-like publisher', { timeout: 360_000 }, () => {
  let stage: Stage;
  let folder: string;
  let clip: EncodedClip;

  beforeAll(async () => {
    const { width, height } = layers[0]!;
    stage = await Stage.create({ ANALYSIS_MAX_FPS: '30' }, { width, height, diameter: 116 });
    folder = await mkdtemp(join(tmpdir(), 'framelock-simulcast-'));
    clip = await EncodedClip.create({ path: stage.clip.path, fps: stage.clip.fps, layers }, folder);
  });

  afterAll(async () => {
    await stage?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function prove(
    options: Partial<ObsPublisherOptions>,
    meanwhile: (viewer: Page, streamId: string) => Promise<void>,
    analysedShown = minimumAnalysedShown.all,
  ): Promise<Proof> {
    const { id, whipUrl, streamKey } = await stage.product.createStream('simulcast');
    const publisher = await ObsPublisher.create({ whipUrl, bearer: streamKey, clip, simulcast: true, ...options });
    const context = await stage.browser.newContext(proofViewport);
    try {
      const run = await proveStream({
        ...{ context, watchUrl: `${stage.product.url}/watch/${id}`, clip: stage.clip },
        minimumAnalysedShown: analysedShown,
        meanwhile: (viewer) => meanwhile(viewer, id),
      });
      console.log(JSON.stringify({ verdict: run.verdict, byLayer: byLayer(run), stats: run.stats }));
      return run;
    } finally {
      await context.close();
      await publisher.close();
    }
  }

  function byLayer({ page }: Proof) {
    return layers.map(({ width }) => {
      const records = page.records.filter((record) => record.pictureWidth === width);
      return { width, ...judgeProof({ ...page, records }, stage.clip) };
    });
  }

  async function timelines(streamId: string) {
    const { publication } = await stage.product.stream(streamId);
    return publication!.producers.flatMap(({ layer }) => (layer ? [layer.timeline] : []));
  }

  function analysedShown(viewer: Page, layer: number): Promise<number> {
    const { width } = layers.at(-1 - layer)!;
    return viewer.evaluate((pictureWidth) => {
      const { messages, records } = window.proof;
      const analysed = new Set<number | null>(messages);
      return records.filter((one) => one.pictureWidth === pictureWidth && analysed.has(one.analysedRtp)).length;
    }, width);
  }

  function pictures(viewer: Page, layer: number): Promise<number> {
    const { width } = layers.at(-1 - layer)!;
    return viewer.evaluate(
      (pictureWidth) => window.proof.records.filter((one) => one.pictureWidth === pictureWidth).length,
      width,
    );
  }

  async function show(viewer: Page, layer: number): Promise<void> {
    await viewer.evaluate((wanted) => window.framelock!.player.setLayer(wanted), layer);
    await eventually(`layer ${layer} is shown`, async () => (await statsOf(viewer)).layer === layer);
  }

  async function seeAllLayers(viewer: Page, streamId: string, offsets: number[]): Promise<void> {
    // A check that met a busy machine says so, and the next one comes 10 s later.
    let last: unknown;
    const allKnown = async () => {
      const lines = await timelines(streamId);
      last = lines;
      return lines.every(({ state }) => state === 'known');
    };
    await eventually('all timelines are known', allKnown, { withinMs: 90_000, everyMs: 250 }).catch((error: Error) => {
      throw new Error(`${error.message}: ${JSON.stringify(last)}`);
    });
    const known = (await timelines(streamId)).map((one) => (one.state === 'known' ? one.offsetTicks : undefined));
    expect(known).toEqual(offsets);
    for (const [visit, layer] of tour.entries()) {
      await show(viewer, layer);
      // As long as a slow machine needs: half of what a layer must show on each of its two visits.
      const least = minimumAnalysedShown.each * (visit < tour.length / 2 ? 0.5 : 1);
      await eventually(`layer ${layer} is seen`, async () => (await analysedShown(viewer, layer)) > least, {
        ...{ withinMs: 60_000, everyMs: 500 },
      });
      expect((await statsOf(viewer)).layerTimeline).toBe('known');
    }
  }

  function expectExactOnEachLayer(run: Proof): void {
    for (const layer of byLayer(run)) {
      expect(layer.readable / layer.composites).toBeGreaterThan(0.97);
      expect(layer.analysedShown).toBeGreaterThanOrEqual(minimumAnalysedShown.each);
      expect(layer.exactMisfits).toBe(0);
      expect(layer.fittingShare).toBeGreaterThanOrEqual(0.99);
    }
    expect(run.stats.wrongFrame).toBe(0);
  }

  it('on each layer, and through every switch, each box is on its own frame', { retry: 1 }, async () => {
    const run = await prove({}, (viewer, id) => seeAllLayers(viewer, id, [0, 0, 0]));
    expectExactOnEachLayer(run);
  });

  it('also where layers are whole frames off, though their timestamps coincide', { retry: 1 }, async () => {
    const run = await prove({ lostFrames: [0, 1, 2] }, (viewer, id) => seeAllLayers(viewer, id, [0, 3000, 6000]));
    expectExactOnEachLayer(run);
  });

  it('where the clocks of the layers can not be compared, no box is drawn as exact on the others, and it says why', async () => {
    const run = await prove(
      {
        firstTimestamps: [1_000_000, 4_294_960_000, 77_777],
        sendDelayMs: (layer) => (layer === 0 ? 0 : Math.random() * 150),
      },
      async (viewer, id) => {
        await eventually('the timelines are found unknown', async () => {
          return (await timelines(id)).filter(({ state }) => state === 'unknown').length === 2;
        });
        for (const layer of [1, 0, 2, 0, 1]) {
          await show(viewer, layer);
          const before = await pictures(viewer, layer);
          await eventually(
            `layer ${layer} is seen`,
            async () => (await pictures(viewer, layer)) >= before + minimumUnanalysedShown,
            { withinMs: 60_000, everyMs: 500 },
          );
          const stats = await statsOf(viewer);
          if (layer === 2) expect(stats.layerTimeline).toBe('known');
          else
            expect([stats.layerTimeline, stats.layerTimelineReason]).toEqual([
              'unknown',
              expect.stringMatching(/\w+ \w+/),
            ]);
        }
        await show(viewer, 2);
      },
      60,
    );
    const [largest, ...others] = layers.map(({ width }) =>
      run.page.records.filter((one) => one.pictureWidth === width),
    );
    expect(largest!.some(({ kind }) => kind === 'exact')).toBe(true);
    for (const records of others) {
      expect(records.length).toBeGreaterThanOrEqual(minimumUnanalysedShown);
      expect(new Set(records.map(({ kind }) => kind))).toEqual(new Set(['unanalysed']));
      expect(records.filter(({ box }) => box !== null)).toEqual([]);
    }
    expect([run.verdict.exactMisfits, run.stats.wrongFrame]).toEqual([0, 0]);
  });
});
