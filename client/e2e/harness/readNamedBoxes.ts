import type { Page } from 'playwright-core';
import './framelockWindow.ts';
import type { NamedBox, NamedComposite } from './judgeNames.ts';
import { readEveryComposite, readerArguments } from './proofReader.ts';

declare global {
  interface Window {
    namedBoxes: { rtp: number; boxes: NamedBox[] }[];
  }
}

/** From now on keeps what is drawn as exact; to be called once the player is there. */
export async function beginReading(viewer: Page): Promise<void> {
  await viewer.evaluate(() => {
    window.proof = { records: [], messages: [], sizes: {} };
    window.namedBoxes = [];
    window.framelock!.player.on('drawn', ({ kind, rtpTimestamp, boxes }) => {
      if (kind !== 'exact' || rtpTimestamp === null) return;
      const kept = boxes.map(({ label, score, x, y, w, h }) => ({ label, score, x, y, w, h }));
      window.namedBoxes.push({ rtp: rtpTimestamp, boxes: kept });
    });
  });
  await viewer.evaluate(readEveryComposite, { ...readerArguments, boxes: false });
}

/** Of a picture that was drawn twice the last one: its own detections may have come while it was shown. */
export async function namedComposites(viewer: Page): Promise<NamedComposite[]> {
  const [records, named] = await viewer.evaluate(() => [window.proof.records, window.namedBoxes] as const);
  const boxesOf = new Map(named.map(({ rtp, boxes }) => [rtp, boxes]));
  const composites = new Map<number, NamedComposite>();
  for (const { kind, rtp, cells, drawnAtMs } of records) {
    if (kind === 'exact') composites.set(rtp, { rtp, cells, boxes: boxesOf.get(rtp) ?? [], drawnAtMs });
  }
  return [...composites.values()];
}
