import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseParser, type SseMessage } from './SseParser.ts';

function parse(pieces: readonly string[]): SseMessage[] {
  const found: SseMessage[] = [];
  const parser = new SseParser((message) => found.push(message));
  for (const piece of pieces) parser.add(piece);
  return found;
}

const text = ': hello\n\nid: 7\nevent: thing\ndata: {"a":1}\n\ndata: two\ndata: lines\n\nretry: 100\n\n';
const expected = [
  { id: '7', event: 'thing', data: '{"a":1}' },
  { id: '7', event: 'message', data: 'two\nlines' },
];

describe('SseParser', () => {
  it('reads messages, skips comments, and keeps the last id', () => {
    expect(parse([text])).toEqual(expected);
    expect(parse([text.replaceAll('\n', '\r\n')])).toEqual(expected);
  });

  it('gives the same wherever the text is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(text.length)), fc.boolean(), (cuts, carriage) => {
        const whole = carriage ? text.replaceAll('\n', '\r\n') : text;
        const places = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
        const pieces = places.slice(1).map((end, i) => whole.slice(places[i], end));
        expect(parse(pieces)).toEqual(expected);
      }),
      { seed: 20_261_122, numRuns: 200 },
    );
  });

  it('tells nothing of a message that is not finished', () => {
    expect(parse(['data: half'])).toEqual([]);
    expect(parse(['data: half\n'])).toEqual([]);
  });
});
