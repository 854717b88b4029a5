import { expect, it } from 'vitest';
import { readZoneSettings } from './readZoneSettings.ts';

const at = (x: number, y: number) => ({ x, y });
const zone = { id: 'a', name: 'A', colour: '#ff8800', polygon: [at(0, 0), at(1, 0), at(1, 1)] };
const line = { id: 'b', name: 'B', colour: '#ff8800', from: at(0, 0), to: at(1, 1) };
const rest = { anchor: 'bottom', labels: null };

it('reads what was stored; nothing where nothing was, or nothing can be made of it', () => {
  const empty = { zones: [], lines: [], scale: null };
  for (const stored of [null, undefined, 'x', 3, [], { zones: 'x' }]) expect(readZoneSettings(stored)).toEqual(empty);
  const whole = { zones: [{ ...zone, ...rest, dwellSeconds: null }], lines: [{ ...line, ...rest }], scale: null };
  expect(readZoneSettings({ zones: [zone], lines: [line] })).toEqual(whole);
  expect(readZoneSettings(whole)).toEqual(whole);
});

it('leaves out what is not valid (any more), and keeps the rest', () => {
  const stored = {
    zones: [zone, { ...zone, id: 'c', polygon: [] }, 7],
    lines: [{ ...line, colour: 'red' }],
    scale: {},
  };
  expect(readZoneSettings(stored)).toMatchObject({ zones: [{ id: 'a' }], lines: [], scale: null });
});
