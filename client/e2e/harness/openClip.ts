import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeProofClip, type ProofClipOptions } from '../clip/ProofClip.ts';

/** A proof clip in a folder of its own, for Chromium's fake camera; `close` removes it. */
export async function openClip(
  options: Partial<ProofClipOptions> = {},
): Promise<ProofClipOptions & { close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'framelock-clip-'));
  const clip = {
    width: 640,
    height: 360,
    fps: 30,
    frames: 300,
    diameter: 72,
    ...options,
    path: join(folder, 'proof.y4m'),
  };
  await writeProofClip(clip);
  return { ...clip, close: () => rm(folder, { recursive: true, force: true }) };
}
