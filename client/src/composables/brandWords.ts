import { type BrandList, type BrandView, type ImportResult } from '@framelock/server/protocol';
import { formatCount, plural } from './formatFigures.ts';
import { capital } from './problemWords.ts';

export interface BrandStateWords {
  text: string;
  tone: 'good' | 'warn' | 'bad' | 'plain';
  title: string;
}

/** What the state of a brand means to a person. */
export function brandStateWords({ state, problem }: Pick<BrandView, 'state' | 'problem'>): BrandStateWords {
  const why = problem && capital(problem);
  switch (state) {
    case 'ready':
      return {
        text: 'Recognised',
        tone: 'good',
        title: why ?? 'Found on all live streams whose model looks for brands',
      };
    case 'waiting':
      return {
        text: 'Waiting for a model',
        tone: 'warn',
        title: why ?? 'It is recognised as soon as an inference node with a brand model has looked at its images',
      };
    case 'off':
      return { text: 'Off', tone: 'plain', title: 'Its mark bears no name until it is switched on again' };
    case 'failed':
      return { text: 'Not recognisable', tone: 'bad', title: why ?? 'None of its images could be used' };
  }
}

/** `2 of your own · 412 recognised`. */
export function galleryWords({ total, recognised }: Pick<BrandList, 'total' | 'recognised'>, shown: number): string {
  const some = shown < total ? `${formatCount(shown)} of ${plural(total, 'brand')}` : plural(total, 'brand');
  return `${some} · ${formatCount(recognised)} recognised`;
}

/** A threshold as people set it: a higher one is stricter. */
export function thresholdWords(threshold: number | null, modelThreshold: number | undefined): string {
  if (threshold !== null) return percent(threshold);
  return modelThreshold === undefined ? 'by the model' : `${percent(modelThreshold)} by the model`;
}

/** What became of an import, in one sentence. */
export function importWords({ added, unchanged, refused }: ImportResult): string {
  const parts = [
    ...(added || (!unchanged && !refused.length) ? [`${plural(added, 'brand')} added`] : []),
    ...(unchanged ? [`${formatCount(unchanged)} already there`] : []),
    ...(refused.length ? [`${formatCount(refused.length)} refused`] : []),
  ];
  return parts.join(', ');
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
