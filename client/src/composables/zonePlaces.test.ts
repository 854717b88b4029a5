import { zoneSettingsSchema } from '@framelock/server/protocol';
import { describe, expect, it } from 'vitest';
import { isInside, zonesOf } from './zonePlaces.ts';

const square = [
  { x: 0.2, y: 0.2 },
  { x: 0.6, y: 0.2 },
  { x: 0.6, y: 0.6 },
  { x: 0.2, y: 0.6 },
];
const settingsOf = (changes: Record<string, unknown>) =>
  zoneSettingsSchema.parse({ zones: [{ id: 'till', name: 'Till', colour: '#ff0000', polygon: square, ...changes }] });
const person = { label: 'person', x: 0.3, y: 0.1, w: 0.1, h: 0.3 };

describe('which zone an object is in', () => {
  it('is told by a point in a polygon, hollow ones too', () => {
    expect(isInside(square, { x: 0.4, y: 0.4 })).toBe(true);
    expect(isInside(square, { x: 0.7, y: 0.4 })).toBe(false);
    const hollow = [...square.slice(0, 3), { x: 0.4, y: 0.3 }, square[3]!];
    expect(isInside(hollow, { x: 0.4, y: 0.55 })).toBe(false);
    expect(isInside(hollow, { x: 0.25, y: 0.3 })).toBe(true);
  });

  it('is by the lower end of its box, or its centre, and for labels that the zone is for', () => {
    expect(zonesOf(person, settingsOf({}))).toEqual(['Till']);
    expect(zonesOf({ ...person, h: 0.6 }, settingsOf({}))).toEqual([]);
    expect(zonesOf({ ...person, h: 0.6 }, settingsOf({ anchor: 'centre' }))).toEqual(['Till']);
    expect(zonesOf(person, settingsOf({ labels: ['car'] }))).toEqual([]);
    expect(zonesOf(person, undefined)).toEqual([]);
  });
});
