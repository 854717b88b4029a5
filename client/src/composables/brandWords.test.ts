import { describe, expect, it } from 'vitest';
import { brandStateWords, galleryWords, importWords, thresholdWords } from './brandWords.ts';

describe('words of the gallery', () => {
  it('say what a state means, and why where the server knows', () => {
    expect(brandStateWords({ state: 'ready' })).toMatchObject({ text: 'Recognised', tone: 'good' });
    expect(brandStateWords({ state: 'failed', problem: 'no mark in it' })).toMatchObject({ title: 'No mark in it' });
    expect(brandStateWords({ state: 'off' }).tone).toBe('plain');
    expect(brandStateWords({ state: 'waiting' }).tone).toBe('warn');
  });

  it('count what is shown and what is recognised', () => {
    expect(galleryWords({ total: 1, recognised: 1 }, 1)).toBe('1 brand · 1 recognised');
    expect(galleryWords({ total: 3_000, recognised: 2_990 }, 60)).toBe('60 of 3,000 brands · 2,990 recognised');
  });

  it("name the threshold, or that it is the model's own", () => {
    expect(thresholdWords(0.725, 0.6)).toBe('73 %');
    expect(thresholdWords(null, 0.6)).toBe('60 % by the model');
    expect(thresholdWords(null, undefined)).toBe('by the model');
  });

  it('tell an import', () => {
    expect(importWords({ added: 2, unchanged: 0, refused: [] })).toBe('2 brands added');
    expect(importWords({ added: 0, unchanged: 0, refused: [] })).toBe('0 brands added');
    expect(importWords({ added: 0, unchanged: 3, refused: [{ name: 'a', reason: 'b' }] })).toBe(
      '3 already there, 1 refused',
    );
  });
});
