import { describe, expect, it } from 'vitest';
import { lineSchema, maxLines, maxZones, speedScaleSchema, zoneSchema, zoneSettingsSchema } from './zones.ts';

const at = (x: number, y: number) => ({ x, y });
const square = [at(0.2, 0.2), at(0.6, 0.2), at(0.6, 0.6), at(0.2, 0.6)];
const zone = { id: 'door', name: ' Door ', colour: '#ff8800', polygon: square };
const line = { id: 'gate', name: 'Gate', colour: '#00ff00', from: at(0, 0.5), to: at(1, 0.5) };
const problem = (result: { error?: { issues: { message: string }[] } }) => result.error?.issues[0]?.message;

describe('zones', () => {
  it('have defaults', () => {
    const rest = { anchor: 'bottom', labels: null };
    expect(zoneSchema.parse(zone)).toEqual({ ...zone, ...rest, name: 'Door', dwellSeconds: null });
    expect(lineSchema.parse(line)).toEqual({ ...line, ...rest });
    expect(zoneSettingsSchema.parse({})).toEqual({ zones: [], lines: [], scale: null });
  });

  it.each([
    ['a bow tie', [at(0.2, 0.2), at(0.6, 0.6), at(0.6, 0.2), at(0.2, 0.6)], 'cross or touch'],
    ['a corner on another side', [at(0, 0), at(1, 0), at(1, 1), at(0.5, 0), at(0, 1)], 'cross or touch'],
    ['the same corner twice', [at(0, 0), at(1, 0), at(1, 0), at(0, 1)], 'cross or touch'],
    ['a side that goes back', [at(0, 0), at(1, 0), at(0.5, 0), at(0.5, 1)], 'cross or touch'],
    ['a line', [at(0, 0), at(0.5, 0.5), at(1, 1)], 'cross or touch'],
    ['hardly any area', [at(0.5, 0.5), at(0.51, 0.5), at(0.5, 0.51)], 'too small'],
    ['two points', [at(0, 0), at(1, 1)], 'at least 3'],
    ['33 points', Array.from({ length: 33 }, (_, i) => at(i / 33, (i / 33) ** 2)), 'at most 32'],
  ])('refuse %s', (_, polygon, message) => {
    expect(problem(zoneSchema.safeParse({ ...zone, polygon }))).toContain(message);
  });

  it.each([
    ['a point outside', { polygon: [at(-0.1, 0), at(1, 0), at(1, 1)] }],
    ['NaN', { polygon: [at(NaN, 0), at(1, 0), at(1, 1)] }],
    ['no name', { name: ' ' }],
    ['a colour by name', { colour: 'red' }],
    ['an empty filter', { labels: [] }],
    ['no dwell time', { dwellSeconds: 0 }],
    ['an anchor of its own', { anchor: 'top' }],
  ])('refuse %s', (_, change) => {
    expect(zoneSchema.safeParse({ ...zone, ...change }).success).toBe(false);
  });

  it('take a polygon that is not convex, either way round', () => {
    const corner = [at(0.1, 0.1), at(0.9, 0.1), at(0.9, 0.3), at(0.3, 0.3), at(0.3, 0.9), at(0.1, 0.9)];
    expect(zoneSchema.safeParse({ ...zone, polygon: corner }).success).toBe(true);
    expect(zoneSchema.safeParse({ ...zone, polygon: corner.toReversed() }).success).toBe(true);
  });

  it('have limits a Stream, and ids of their own', () => {
    const many = (count: number) => Array.from({ length: count }, (_, i) => ({ ...zone, id: `z${i}` }));
    expect(zoneSettingsSchema.safeParse({ zones: many(maxZones) }).success).toBe(true);
    expect(zoneSettingsSchema.safeParse({ zones: many(maxZones + 1) }).success).toBe(false);
    const lines = Array.from({ length: maxLines + 1 }, (_, i) => ({ ...line, id: `l${i}` }));
    expect(zoneSettingsSchema.safeParse({ lines }).success).toBe(false);
    const twice = zoneSettingsSchema.safeParse({ zones: [zone], lines: [{ ...line, id: zone.id }] });
    expect(problem(twice)).toContain('same id');
    expect(problem(lineSchema.safeParse({ ...line, to: line.from }))).toContain('too short');
  });

  it('take four points on the ground that make a plane, and no others', () => {
    const ground = (points: number[][]) => ({
      kind: 'ground',
      points: points.map(([x, y, xMetres, yMetres]) => ({ x, y, xMetres, yMetres })),
    });
    const road = [
      [0.4, 0.4, 0, 30],
      [0.6, 0.4, 6, 30],
      [0.9, 0.9, 6, 0],
      [0.1, 0.9, 0, 0],
    ];
    expect(speedScaleSchema.safeParse(ground(road)).success).toBe(true);
    expect(speedScaleSchema.safeParse(ground(road.toReversed())).success).toBe(true);
    const swapped = [road[0]!, road[2]!, road[1]!, road[3]!].map((point, i) => [
      ...point.slice(0, 2),
      ...road[i]!.slice(2),
    ]);
    expect(problem(speedScaleSchema.safeParse(ground(swapped)))).toContain('same way');
    const onOneLine = [...road.slice(0, 3), [0.75, 0.65, 0, 0]];
    expect(problem(speedScaleSchema.safeParse(ground(onOneLine)))).toContain('on a line');
    expect(speedScaleSchema.safeParse(ground(road.slice(1))).success).toBe(false);
    expect(speedScaleSchema.safeParse({ kind: 'width', metresPerWidth: 0 }).success).toBe(false);
  });
});
