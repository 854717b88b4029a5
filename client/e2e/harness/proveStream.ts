import type { BrowserContext, Page } from 'playwright-core';
import { expect } from 'vitest';
import type { ProofClipOptions } from '../clip/ProofClip.ts';
import { eventually } from './eventually.ts';
import './framelockWindow.ts';
import { judgeProof, type ProofVerdict } from './judgeProof.ts';
import { messagePackScript } from './messagePackScript.ts';
import { readEveryComposite, readerArguments, tapDetectionMessages, type ProofPage } from './proofReader.ts';

/** The viewport in which one canvas pixel is one of the proof's. */
export const proofViewport = { viewport: { width: 720, height: 800 }, deviceScaleFactor: 1 };

export interface ProveOptions {
  context: BrowserContext;
  watchUrl: string;
  clip: ProofClipOptions;
  /** Analysed frames that have to be shown before it is judged. */
  minimumAnalysedShown: number;
  /** Default webrtc. */
  transport?: 'webrtc' | 'hls';
  /** Detections one frame late, the fault that the proof must notice. */
  shift?: boolean;
  /** Called once the reading has begun, e.g. to switch layers. */
  meanwhile?: (viewer: Page) => Promise<void>;
}

export interface Proof {
  page: ProofPage;
  verdict: ProofVerdict;
  before: ViewerStats;
  stats: ViewerStats;
}

type ViewerStats = Awaited<ReturnType<typeof statsOf>>;

/** Watches a Stream that shows a proof clip, in Lock, and judges what was seen; the viewer stays open in the context. */
export async function proveStream(options: ProveOptions): Promise<Proof> {
  const { context, watchUrl, clip, minimumAnalysedShown, transport = 'webrtc', shift = false, meanwhile } = options;
  const viewer = await context.newPage();
  await viewer.addInitScript({ path: messagePackScript });
  await viewer.addInitScript(tapDetectionMessages, shift);
  await viewer.goto(`${watchUrl}?mode=lock&transport=${transport}`);
  await eventually('boxes are drawn', () => viewer.evaluate(() => (window.framelock?.stats().exact ?? 0) > 0), {
    withinMs: 60_000,
  });
  // HLS has no jitter buffer that has to find its delay.
  if (transport === 'webrtc') await settle(viewer);
  await viewer.evaluate(readEveryComposite, readerArguments);
  const before = await statsOf(viewer);
  await meanwhile?.(viewer);
  await eventually(
    'enough analysed frames were shown',
    async () => (await judgedSoFar(viewer, clip)).analysedShown >= minimumAnalysedShown,
    { withinMs: 240_000, everyMs: 1000 },
  );
  const page = await viewer.evaluate(() => window.proof);
  return { page, verdict: judgeProof(page, clip), before, stats: await statsOf(viewer) };
}

/**
 * At least 99 % of the analysed frames shown carry their own box, and no box drawn as exact is on another frame: by the
 * pixels, and by the player's own count.
 */
export function expectProof({ page, verdict, before, stats }: Proof, minimumDistinctFrames = 100): void {
  console.log(JSON.stringify({ verdict, sizes: page.sizes, stats }));
  expect(verdict.readable / verdict.composites).toBeGreaterThan(0.97);
  expect(verdict.distinctFrames).toBeGreaterThan(minimumDistinctFrames);
  expect(verdict.fittingShare).toBeGreaterThanOrEqual(0.99);
  expect(stats.wrongFrame).toBe(0);
  expect(stats.framesPresented).toBe(stats.exact + stats.interpolated + stats.extrapolated + stats.unanalysed);
  // The player's own count agrees with what was seen: nothing analysed and shown was drawn as anything but exact.
  expect(stats.exact - before.exact).toBeGreaterThanOrEqual(verdict.fitting * 0.99);
}

/** Lock has its delay when the jitter buffer target has not moved for two seconds. */
async function settle(viewer: Page): Promise<void> {
  let [last, since] = [-1, performance.now()];
  await eventually('Lock settles', async () => {
    const { jitterBufferTargetMs, mode } = await statsOf(viewer);
    if (Math.abs(jitterBufferTargetMs - last) > 20) [last, since] = [jitterBufferTargetMs, performance.now()];
    return mode === 'lock' && jitterBufferTargetMs > 0 && performance.now() - since > 2000;
  });
}

export function statsOf(viewer: Page) {
  return viewer.evaluate(() => window.framelock!.stats());
}

async function judgedSoFar(viewer: Page, size: ProofClipOptions): Promise<ProofVerdict> {
  return judgeProof(await viewer.evaluate((): ProofPage => window.proof), size);
}
