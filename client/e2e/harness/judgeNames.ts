import { decodePictureCode } from '../clip/pictureCode.ts';
import type { MarkTruth } from '../clip/BrandClip.ts';
import { intersectionOverUnion } from './judgeProof.ts';
import type { ProofRecord } from './proofReader.ts';

export interface NamedBox {
  label: string;
  score: number;
  x: number;
  y: number;
  w: number;
  h: number;
}

/** One composite that the player drew as exact: its picture's pixels say which frame of the clip it is. */
export interface NamedComposite {
  rtp: number;
  cells: ProofRecord['cells'];
  boxes: NamedBox[];
  drawnAtMs: number;
}

export interface NameVerdict {
  /** Analysed frames shown with their own boxes, with a number that could be read. */
  frames: number;
  distinctFrames: number;
  /** Marks on them by the truth; found = a box of IoU 0.5 or more; named = and it bears the right name. */
  marks: number;
  found: number;
  named: number;
  /** Boxes with a brand's name that is not the name of a mark there, and frames with one. */
  wrongNames: number;
  framesWithWrongName: number;
  /** Marks not named, by name and clip frame: for whoever has to find out why. */
  missed: Record<string, number[]>;
  wrong: string[];
  unknown: number;
}

/** Holds names and places against the truth of the frame whose number is burnt into the very picture. */
export function judgeNames(
  composites: readonly NamedComposite[],
  truthOf: (frame: number) => readonly MarkTruth[],
  unknownLabel: string,
  minimumIou = 0.5,
): NameVerdict {
  const seen = new Set<number>();
  const verdict: NameVerdict = {
    ...{ frames: 0, distinctFrames: 0, marks: 0, found: 0, named: 0, wrongNames: 0, framesWithWrongName: 0 },
    ...{ missed: {}, wrong: [], unknown: 0 },
  };
  for (const { cells, boxes } of composites) {
    const frame = decodePictureCode(cells)?.frame;
    if (frame === undefined) continue;
    verdict.frames++;
    seen.add(frame);
    const truths = truthOf(frame);
    const fits = ({ x, y, w, h }: NamedBox, { box }: MarkTruth) =>
      intersectionOverUnion([x, y, x + w, y + h], box) >= minimumIou;
    for (const truth of truths) {
      const at = boxes.filter((box) => fits(box, truth));
      verdict.marks++;
      if (at.length > 0) verdict.found++;
      if (at.some(({ label }) => label === truth.name)) verdict.named++;
      else (verdict.missed[truth.name] ??= []).push(frame);
    }
    const named = boxes.filter(({ label }) => label !== unknownLabel);
    verdict.unknown += boxes.length - named.length;
    const wrong = named.filter((box) => !truths.some((truth) => truth.name === box.label && fits(box, truth)));
    verdict.wrongNames += wrong.length;
    if (wrong.length > 0) verdict.framesWithWrongName++;
    for (const { label } of wrong) verdict.wrong.push(`${label} at ${frame}`);
  }
  verdict.distinctFrames = seen.size;
  return verdict;
}
