import { eventKindSchema, type EventView } from '@framelock/server/protocol';
import { describe, expect, it } from 'vitest';
import { eventKindNames, eventSentence, eventWords } from './eventWords.ts';

const base = { streamName: 'Door', zoneName: 'Till', trackId: 12, label: 'person', data: {} as EventView['data'] };

describe('words of events', () => {
  it('say who did what, where, and what else is known', () => {
    expect(eventSentence({ ...base, kind: 'entered' })).toBe('person #12 entered Till');
    expect(eventSentence({ ...base, kind: 'left', data: { dwellSeconds: 12.34, speedMps: 1.42 } })).toBe(
      'person #12 left Till: after 12 s, 1.4 m/s',
    );
    expect(eventSentence({ ...base, kind: 'dwell', data: { dwellSeconds: 30 } })).toBe(
      'person #12 stays in Till: for 30 s',
    );
    expect(eventSentence({ ...base, kind: 'entered', data: { cause: 'moved' } })).toBe('person #12 entered Till');
    expect(eventSentence({ ...base, kind: 'left', data: { cause: 'lost' } })).toContain('lost from sight');
  });

  it('are about the Stream, the brand or the rule where those are it', () => {
    expect(eventSentence({ ...base, kind: 'streamUp' })).toBe('Door went live');
    expect(eventWords({ ...base, kind: 'brandSeen', label: 'Acme', trackId: null }).who).toBe('Acme');
    expect(eventSentence({ ...base, kind: 'ruleFired', label: null, data: { ruleName: 'Night' } })).toBe('Night fired');
  });

  it('exist for every kind', () => {
    for (const kind of eventKindSchema.options) {
      expect(eventKindNames[kind]).toBeTruthy();
      expect(eventSentence({ ...base, kind, zoneName: null, label: null, trackId: null })).not.toContain('null');
    }
  });
});
