import { Refusal } from '@framelock/server/protocol';
import { describe, expect, it } from 'vitest';
import { captureProblemWords, connectionProblemWords, problemOf } from './problemWords.ts';

describe('words for problems', () => {
  it('names the device and what to do', () => {
    expect(captureProblemWords('denied', '', 'microphone').title).toBe('Microphone access was denied');
    expect(captureProblemWords('insecure', '', 'camera').remedy).toBe('none');
    expect(captureProblemWords('inUse', '', 'camera').title).toBe('The camera is in use');
  });

  it('tells a second publisher apart from a lost network', () => {
    expect(connectionProblemWords('conflict', 'busy').title).toBe('Someone is publishing here already');
    expect(connectionProblemWords('unavailable', 'disconnected').hint).toBe('Disconnected.');
    expect(connectionProblemWords('unauthorized', 'no token').remedy).toBe('token');
  });

  it('says that a person stopped it, and not that the network did', () => {
    expect(connectionProblemWords('stopped', 'x').title).toBe('Publishing was stopped');
    expect(connectionProblemWords('takenOver', 'x').title).toBe('Another publisher took over');
  });

  it('does not take a missing Stream for a missing camera', () => {
    expect(captureProblemWords('notFound', '', 'camera').title).toBe('No camera found');
    expect(connectionProblemWords('notFound', 'no such Stream').title).toBe('This Stream is gone');
  });

  it('passes on words it does not know', () => {
    expect(connectionProblemWords('weird', 'the flux ran out')).toEqual({
      title: 'Something went wrong',
      hint: 'The flux ran out.',
      remedy: 'retry',
    });
  });
});

describe('problemOf', () => {
  it('reads Refusals, errors with a code, and anything else', () => {
    expect(problemOf(new Refusal('gone', 'no more'))).toEqual({ code: 'gone', message: 'no more' });
    expect(problemOf(Object.assign(new Error('no'), { code: 'denied' }))).toEqual({ code: 'denied', message: 'no' });
    expect(problemOf(undefined)).toEqual({ code: 'internal', message: 'an unknown error' });
  });
});
