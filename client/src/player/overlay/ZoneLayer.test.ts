import type { ZoneSettings, ZonesLive } from '@framelock/server/protocol';
import { expect, it } from 'vitest';
import { ZoneLayer } from './ZoneLayer.ts';

const at = (x: number, y: number) => ({ x, y });
const shape = { colour: '#ff8800', anchor: 'bottom', labels: null } as const;
const settings: ZoneSettings = {
  zones: [{ ...shape, id: 'z', name: 'Door', polygon: [at(0, 0), at(1, 0), at(1, 1)], dwellSeconds: null }],
  lines: [{ ...shape, id: 'l', name: 'Gate', from: at(0, 0), to: at(1, 1) }],
  scale: null,
};
const rest = { counts: {}, meanDwellSeconds: null, longestPresentSeconds: null, meanSpeedMps: null };
function live(rtpTimestamp: number, occupancy: number, speeds: [number, number][] = []): ZonesLive {
  return {
    ...{ rtpTimestamp, counts: {}, speeds },
    zones: [{ zoneId: 'z', occupancy, entered: 5, left: 4, ...rest }],
    lines: [{ lineId: 'l', in: occupancy, out: 2, inByLabel: {}, outByLabel: {} }],
  };
}
const words = (layer: ZoneLayer) => layer.shapes.map((one) => one.words);

it('says the figures of the newest analysed Frame that is not after the picture', () => {
  const layer = new ZoneLayer();
  layer.setSettings(settings);
  expect(words(layer)).toEqual(['Door', 'Gate']);
  layer.add(live(90_000, 1));
  layer.add(live(112_500, 2));
  expect(layer.show(80_000)).toBe(false);
  expect(layer.show(90_000)).toBe(true);
  expect(words(layer)).toEqual(['Door  1', 'Gate  1 in, 2 out']);
  expect(layer.show(112_499)).toBe(false);
  expect(layer.show(115_000)).toBe(true);
  expect(layer.shapes.map(({ busy }) => busy)).toEqual([true, false]);
  expect(layer.shown?.rtpTimestamp).toBe(112_500);
  // Nobody counts any more: old figures are not for new pictures.
  expect(layer.show(112_500 + 11 * 90_000)).toBe(true);
  expect(words(layer)).toEqual(['Door', 'Gate']);
});

it('takes the newest where a picture has no timestamp, and goes over the wrap', () => {
  const layer = new ZoneLayer();
  layer.setSettings(settings);
  layer.add(live(0xffff_ff00, 1));
  layer.add(live(0x100, 3));
  expect(layer.show(null)).toBe(true);
  expect(words(layer)[0]).toBe('Door  3');
  layer.show(0xffff_ff80);
  expect(words(layer)[0]).toBe('Door  1');
});

it('keeps figures when shapes are changed, and none of another Publication', () => {
  const layer = new ZoneLayer();
  layer.setSettings(settings);
  layer.add(live(3_000, 1, [[7, 2]]));
  layer.show(3_000);
  expect(layer.speedOf(7)).toBe('7.2 km/h');
  layer.setSettings({ ...settings, lines: [] });
  expect(words(layer)).toEqual(['Door  1']);
  layer.forgetFigures();
  expect(words(layer)).toEqual(['Door']);
  expect(layer.speedOf(7)).toBeUndefined();
  expect(layer.show(3_000)).toBe(false);
});

it('begins anew with an analysis that does, and keeps a bounded past', () => {
  const layer = new ZoneLayer();
  layer.setSettings(settings);
  layer.add(live(900_000, 4));
  layer.add(live(90_000, 1));
  expect(layer.show(900_000)).toBe(true);
  expect(words(layer)[0]).toBe('Door  1');
  for (let i = 0; i < 500; i++) layer.add(live(100_000 + i, i));
  layer.show(100_000);
  expect(words(layer)[0]).toBe('Door');
});
