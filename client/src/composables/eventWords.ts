import type { EventKind, EventView } from '@framelock/server/protocol';
import { spokenSeconds } from './exposureWords.ts';

export type EventTone = 'good' | 'info' | 'warn' | 'bad' | 'plain';

export interface EventWords {
  /** `entered Door`: what follows the object or the Stream that did it. */
  what: string;
  /** Who or what it is about: `person #12`, or the Stream. */
  who: string;
  /** More, where there is more: `stayed 12 s`, `1.4 m/s`. */
  detail: string;
  tone: EventTone;
}

/** Of a kind, for filters and legends. */
export const eventKindNames: Record<EventKind, string> = {
  entered: 'Entered a zone',
  left: 'Left a zone',
  dwell: 'Stayed in a zone',
  crossedIn: 'Crossed a line in',
  crossedOut: 'Crossed a line out',
  brandSeen: 'Brand seen',
  streamUp: 'Stream went live',
  streamDown: 'Stream ended',
  analysisLate: 'Analysis is late',
  analysisBack: 'Analysis is back',
  ruleFired: 'Rule fired',
};

const causes: Record<string, string> = {
  appeared: 'it was there when it was first seen',
  lost: 'it was lost from sight there',
  renamed: 'it was given another name',
  edited: 'the zone was changed',
  stopped: 'the analysis ended',
};

type Told = Pick<EventView, 'kind' | 'streamName' | 'zoneName' | 'trackId' | 'label' | 'data'>;

export function eventWords(event: Told): EventWords {
  const { kind, data, label, trackId } = event;
  const zone = event.zoneName ?? 'a zone';
  const object = [label ?? 'object', trackId === null ? '' : `#${trackId}`].filter(Boolean).join(' ');
  const text = (key: string) => (typeof data[key] === 'string' ? data[key] : '');
  const cause = causes[text('cause')] ?? '';
  const ofObject = (what: string, tone: EventTone, detail = '') => ({ who: object, what, tone, detail });
  const ofStream = (what: string, tone: EventTone, detail = '') => ({ who: event.streamName, what, tone, detail });
  switch (kind) {
    case 'entered':
      return ofObject(`entered ${zone}`, 'info', join(cause, speed(data)));
    case 'left':
      return ofObject(`left ${zone}`, 'plain', join(stay(data), cause, speed(data)));
    case 'dwell':
      return ofObject(`stays in ${zone}`, 'warn', join(stay(data, 'for '), speed(data)));
    case 'crossedIn':
      return ofObject(`crossed ${zone} in`, 'good', speed(data));
    case 'crossedOut':
      return ofObject(`crossed ${zone} out`, 'info', speed(data));
    case 'brandSeen':
      return { who: label ?? 'A brand', what: 'came on screen', tone: 'good', detail: '' };
    case 'streamUp':
      return ofStream('went live', 'good', text('reason'));
    case 'streamDown':
      return ofStream('ended', 'plain', text('reason'));
    case 'analysisLate':
      return ofStream('is analysed late', 'warn', text('reason'));
    case 'analysisBack':
      return ofStream('is analysed again', 'good', text('reason'));
    case 'ruleFired':
      return {
        who: text('ruleName') || 'A rule',
        what: 'fired',
        tone: 'warn',
        detail: join(label ?? '', text('reason')),
      };
  }
}

/** As one sentence, for a title or who hears it. */
export function eventSentence(event: Told): string {
  const { who, what, detail } = eventWords(event);
  return `${who} ${what}${detail ? `: ${detail}` : ''}`;
}

function stay(data: EventView['data'], before = 'after '): string {
  const seconds = data['dwellSeconds'];
  return typeof seconds === 'number' ? `${before}${spokenSeconds(seconds)}` : '';
}

function speed(data: EventView['data']): string {
  const mps = data['speedMps'];
  return typeof mps === 'number' ? `${mps.toFixed(1)} m/s` : '';
}

function join(...parts: string[]): string {
  return parts.filter(Boolean).join(', ');
}
