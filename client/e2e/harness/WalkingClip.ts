import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeProofClip, type ProofClipOptions } from '../clip/ProofClip.ts';
import { EncodedClip } from './EncodedClip.ts';
import type { Product } from './Product.ts';
import { setSource, sourceIs } from './streamSource.ts';

/** A marker that walks to the right and back again at one speed for ever, so that who crosses what when is known. */
export const walk = { left: 0.15, right: 0.85, y: 0.5, periodS: 10, diameter: 72, width: 640, height: 360, fps: 30 };
/** Shares of the picture's width in a second. */
export const walkSpeed = (2 * (walk.right - walk.left)) / walk.periodS;

function walkTruth(n: number, { width, height, diameter, frames }: ProofClipOptions) {
  const part = n / frames;
  const x = walk.left + (walk.right - walk.left) * (part < 0.5 ? 2 * part : 2 - 2 * part);
  return { frame: n, cx: Math.round(x * width * 2), cy: Math.round(walk.y * height * 2), diameter: diameter * 2 };
}

/** Feeds a Stream with it, from a file that the product plays by itself: its timestamps are true on a slow machine too. */
export async function publishWalk(product: Product, streamId: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'framelock-clip-'));
  try {
    const { width, height, fps, diameter, periodS } = walk;
    const path = join(folder, 'walk.y4m');
    await writeProofClip({ width, height, fps, diameter, frames: periodS * fps, path }, walkTruth);
    const layers = [{ width, height, bitrateBps: 1_500_000 }];
    const clip = await EncodedClip.create({ path, fps, layers }, join(folder, 'encoded'));
    await mkdir(product.sourceFilesDir, { recursive: true });
    await copyFile(await clip.muxed(), join(product.sourceFilesDir, 'walk.mp4'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  await setSource(product, streamId, { type: 'file', url: 'walk.mp4', loop: true });
  await sourceIs(product, streamId, 'running');
}
