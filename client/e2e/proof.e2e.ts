import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProofClipOptions } from './clip/ProofClip.ts';
import { eventually } from './harness/eventually.ts';
import { judgeProof, type ProofVerdict } from './harness/judgeProof.ts';
import { Stage } from './harness/Stage.ts';
import { messagePackScript } from './harness/messagePackScript.ts';
import { readEveryComposite, readerArguments, tapDetectionMessages, type ProofPage } from './harness/proofReader.ts';

/**
 * The proof: each box is on the frame it was computed on. Truth (frame number, object's place) is read from the very
 * composited picture a viewer sees, and so is the drawn box. The object moves 0.4 of its width a frame, so a box one
 * frame off overlaps it by less than half; a control run with detections one frame late must fail the same check.
 */
const minimumAnalysedShown = 300;

interface ProofRun {
  codec: 'vp8' | 'h264' | 'vp9';
  svc?: string;
  shift?: boolean;
  switchLayers?: boolean;
}

// A busy machine shows fewer pictures a second; the proof then takes longer, and is as strict.
describe('every box is on its own frame', { timeout: 360_000 }, () => {
  let stage: Stage;
  const wrong: { misfits: number; wrongFrame: number }[] = [];

  beforeAll(async () => {
    // Every frame analysed: the control can then shift by exactly one.
    stage = await Stage.create({ ANALYSIS_MAX_FPS: '30' });
  });

  afterAll(() => stage?.close());

  async function prove({ codec, svc, shift = false, switchLayers = false }: ProofRun) {
    const stream = await stage.product.createStream(`proof ${codec} ${svc ?? ''}`);
    const context = await stage.browser.newContext({ viewport: { width: 720, height: 800 }, deviceScaleFactor: 1 });
    try {
      const publisher = await context.newPage();
      const query = new URLSearchParams({ autostart: '1', codec, width: '640', height: '360', fps: '30' });
      if (svc) query.set('svc', svc);
      await publisher.goto(`${stage.product.url}/publish/${stream.id}?${query}`);
      const viewer = await context.newPage();
      await viewer.addInitScript({ path: messagePackScript });
      await viewer.addInitScript(tapDetectionMessages, shift);
      await viewer.goto(`${stage.product.url}/watch/${stream.id}?mode=lock`);
      await eventually('boxes are drawn', () => viewer.evaluate(() => (window.framelock?.stats().exact ?? 0) > 0));
      await settle(viewer);
      await viewer.evaluate(readEveryComposite, readerArguments);
      const before = await statsOf(viewer);
      for (let spatial = 0; switchLayers && spatial < 6; spatial++) {
        await viewer.evaluate((layer) => window.framelock!.player.setLayer(layer), [0, 2, 1, 2, 0, 2][spatial]!);
        await viewer.waitForTimeout(2500);
      }
      await eventually(
        'enough analysed frames were shown',
        async () => (await judgedSoFar(viewer, stage.clip)).analysedShown >= minimumAnalysedShown,
        { withinMs: 240_000, everyMs: 1000 },
      );
      const page = await viewer.evaluate(() => window.proof);
      return { page, verdict: judgeProof(page, stage.clip), before, stats: await statsOf(viewer) };
    } finally {
      await context.close();
    }
  }

  function expectProof({ page, verdict, before, stats }: Awaited<ReturnType<typeof prove>>): void {
    console.log(JSON.stringify({ verdict, sizes: page.sizes, stats }));
    wrong.push({ misfits: verdict.exactMisfits, wrongFrame: stats.wrongFrame });
    expect(verdict.readable / verdict.composites).toBeGreaterThan(0.97);
    expect(verdict.distinctFrames).toBeGreaterThan(100);
    expect(verdict.fittingShare).toBeGreaterThanOrEqual(0.99);
    expect(stats.wrongFrame).toBe(0);
    expect(stats.framesPresented).toBe(stats.exact + stats.interpolated + stats.extrapolated + stats.unanalysed);
    // The player's own count agrees with what was seen: nothing analysed and shown was drawn as anything but exact.
    expect(stats.exact - before.exact).toBeGreaterThanOrEqual(verdict.fitting * 0.99);
  }

  // A busy machine may make more than 1 % of the detections late, so a run has a second try. Late is the only excuse: a
  // box drawn as exact that does not fit is never forgiven, in whichever run.
  it.each(['vp8', 'h264'] as const)('%s', { retry: 1 }, async (codec) => expectProof(await prove({ codec })));

  it('VP9 K-SVC, with the viewer switching layers', { retry: 1 }, async () => {
    const run = await prove({ codec: 'vp9', svc: 'L3T3_KEY', switchLayers: true });
    expectProof(run);
  });

  it('in no run, tried again or not, did a box drawn as exact miss its object', () => {
    expect(wrong.length).toBeGreaterThan(0);
    expect(wrong).toEqual(wrong.map(() => ({ misfits: 0, wrongFrame: 0 })));
  });

  it('control: with detections one frame late, the same check fails', async () => {
    const { verdict } = await prove({ codec: 'vp8', shift: true });
    console.log(JSON.stringify({ control: verdict }));
    expect(verdict.readable / verdict.composites).toBeGreaterThan(0.97);
    expect(verdict.fittingShare).toBeLessThan(0.05);
    expect(verdict.exactMisfits).toBeGreaterThan(minimumAnalysedShown * 0.9);
  });
});

/** Lock has its delay when the jitter buffer target has not moved for two seconds. */
async function settle(viewer: Page): Promise<void> {
  let [last, since] = [-1, performance.now()];
  await eventually('Lock settles', async () => {
    const { jitterBufferTargetMs, mode } = await statsOf(viewer);
    if (Math.abs(jitterBufferTargetMs - last) > 20) [last, since] = [jitterBufferTargetMs, performance.now()];
    return mode === 'lock' && jitterBufferTargetMs > 0 && performance.now() - since > 2000;
  });
}

function statsOf(viewer: Page) {
  return viewer.evaluate(() => window.framelock!.stats());
}

async function judgedSoFar(viewer: Page, size: ProofClipOptions): Promise<ProofVerdict> {
  return judgeProof(await viewer.evaluate((): ProofPage => window.proof), size);
}
