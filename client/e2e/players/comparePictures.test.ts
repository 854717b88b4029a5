import { describe, expect, it } from 'vitest';
import { comparePictures } from './comparePictures.ts';

const listed = Array.from({ length: 100 }, (_, n) => 90_000 + n * 3000);

const differences = (got: number[], than = listed) => comparePictures(got, than).words;

describe('comparePictures', () => {
  it('compares where both have been', () => {
    expect(comparePictures(listed, listed)).toEqual({ words: [], compared: 100 });
    expect(comparePictures(listed.slice(10), listed.slice(0, 50))).toEqual({ words: [], compared: 40 });
  });

  it('finds the one that is lost, doubled, moved', () => {
    expect(differences(listed.toSpliced(50, 1))).toEqual(['the picture at 240000 is missing']);
    expect(differences(listed.toSpliced(50, 0, listed[49]!))).toHaveLength(1);
    expect(differences(listed.with(50, listed[50]! + 900))).toHaveLength(2);
  });

  it('does not call it the same where there is nothing to compare', () => {
    expect(differences([])).toHaveLength(1);
    expect(differences([1, 2])).toHaveLength(1);
    expect(differences(listed, [])).toHaveLength(1);
  });
});
