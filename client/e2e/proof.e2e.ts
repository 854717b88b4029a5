import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProof, proofViewport, proveStream, type Proof } from './harness/proveStream.ts';
import { Stage } from './harness/Stage.ts';

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

  async function prove({ codec, svc, shift = false, switchLayers = false }: ProofRun): Promise<Proof> {
    const stream = await stage.product.createStream(`proof ${codec} ${svc ?? ''}`);
    const context = await stage.browser.newContext(proofViewport);
    try {
      const publisher = await context.newPage();
      const query = new URLSearchParams({ autostart: '1', codec, width: '640', height: '360', fps: '30' });
      if (svc) query.set('svc', svc);
      await publisher.goto(`${stage.product.url}/publish/${stream.id}?${query}`);
      return await proveStream({
        context,
        watchUrl: `${stage.product.url}/watch/${stream.id}`,
        clip: stage.clip,
        minimumAnalysedShown,
        shift,
        meanwhile: async (viewer) => {
          for (let spatial = 0; switchLayers && spatial < 6; spatial++) {
            await viewer.evaluate((layer) => window.framelock!.player.setLayer(layer), [0, 2, 1, 2, 0, 2][spatial]!);
            await viewer.waitForTimeout(2500);
          }
        },
      });
    } finally {
      await context.close();
    }
  }

  function judge(proof: Proof): void {
    wrong.push({ misfits: proof.verdict.exactMisfits, wrongFrame: proof.stats.wrongFrame });
    expectProof(proof);
  }

  // A busy machine may make more than 1 % of the detections late, so a run has a second try. Late is the only excuse: a
  // box drawn as exact that does not fit is never forgiven, in whichever run.
  it.each(['vp8', 'h264'] as const)('%s', { retry: 1 }, async (codec) => judge(await prove({ codec })));

  it('VP9 K-SVC, with the viewer switching layers', { retry: 1 }, async () => {
    judge(await prove({ codec: 'vp9', svc: 'L3T3_KEY', switchLayers: true }));
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
