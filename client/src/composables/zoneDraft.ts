import {
  lineSchema,
  maxLines,
  maxZones,
  speedScaleSchema,
  zoneSchema,
  type Line,
  type PicturePoint,
  type SpeedScale,
  type Zone,
  type ZoneSettings,
} from '@framelock/server/protocol';
import { overlayPalette } from '../player/overlay/overlayPalette.ts';

/** What is being drawn, before it is saved. Everything here answers new settings and leaves the old as they are. */
export const emptyZones: ZoneSettings = { zones: [], lines: [], scale: null };
export const scaleId = 'scale';
export const groundPoints = 4;

export type Shape = Zone | Line;
export const isLine = (shape: Shape): shape is Line => 'from' in shape;
export const shapesOf = ({ zones, lines }: ZoneSettings): Shape[] => [...zones, ...lines];

/** Of a zone or line by its id, or of the ground by `scaleId`. */
export function pointsOf(settings: ZoneSettings, id: string): readonly PicturePoint[] {
  if (id === scaleId) return settings.scale?.kind === 'ground' ? settings.scale.points : [];
  const shape = shapesOf(settings).find((one) => one.id === id);
  if (!shape) return [];
  return isLine(shape) ? [shape.from, shape.to] : shape.polygon;
}

export function withPoints(settings: ZoneSettings, id: string, points: readonly PicturePoint[]): ZoneSettings {
  const { scale } = settings;
  if (id === scaleId && scale?.kind === 'ground') {
    const moved = scale.points.map((point, i) => ({ ...point, ...points[i] }));
    return { ...settings, scale: { ...scale, points: moved } };
  }
  return {
    ...settings,
    zones: settings.zones.map((zone) => (zone.id === id ? { ...zone, polygon: [...points] } : zone)),
    lines: settings.lines.map((line) => (line.id === id ? { ...line, from: points[0]!, to: points[1]! } : line)),
  };
}

export function withShape(settings: ZoneSettings, id: string, change: Partial<Omit<Zone, 'polygon'>>): ZoneSettings {
  const { dwellSeconds: _dwell, ...common } = change;
  return {
    ...settings,
    zones: settings.zones.map((zone) => (zone.id === id ? { ...zone, ...change } : zone)),
    lines: settings.lines.map((line) => (line.id === id ? { ...line, ...common } : line)),
  };
}

export function withoutShape(settings: ZoneSettings, id: string): ZoneSettings {
  return {
    ...settings,
    zones: settings.zones.filter((zone) => zone.id !== id),
    lines: settings.lines.filter((line) => line.id !== id),
  };
}

export function swapped(settings: ZoneSettings, id: string): ZoneSettings {
  const [from, to] = pointsOf(settings, id);
  return from && to ? withPoints(settings, id, [to, from]) : settings;
}

/** Why there can't be another; undefined = there can. */
export function fullWords({ zones, lines }: ZoneSettings, kind: 'zone' | 'line'): string | undefined {
  if (kind === 'zone') return zones.length < maxZones ? undefined : `A stream has at most ${maxZones} zones`;
  return lines.length < maxLines ? undefined : `A stream has at most ${maxLines} lines`;
}

export function withNewShape(
  settings: ZoneSettings,
  kind: 'zone' | 'line',
  points: readonly PicturePoint[],
): { settings: ZoneSettings; shape: Shape } {
  const known = shapesOf(settings);
  const common = {
    id: newShapeId(),
    name: freeName(kind === 'zone' ? 'Zone' : 'Line', known),
    colour: freeColour(known),
    anchor: 'bottom' as const,
    labels: null,
  };
  if (kind === 'line') {
    const line: Line = { ...common, from: points[0]!, to: points[1]! };
    return { settings: { ...settings, lines: [...settings.lines, line] }, shape: line };
  }
  const zone: Zone = { ...common, polygon: [...points], dwellSeconds: null };
  return { settings: { ...settings, zones: [...settings.zones, zone] }, shape: zone };
}

/** crypto.randomUUID is there on safe pages only, and a LAN address without TLS is none. */
function newShapeId(): string {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function freeName(kind: string, known: readonly Shape[]): string {
  for (let n = 1; ; n++) if (!known.some(({ name }) => name.trim() === `${kind} ${n}`)) return `${kind} ${n}`;
}

/** The one that is used least, the first of them first. */
function freeColour(known: readonly Shape[]): string {
  const uses = (colour: string) => known.filter((shape) => shape.colour === colour).length;
  return overlayPalette.reduce((best, colour) => (uses(colour) < uses(best) ? colour : best), overlayPalette[0]);
}

/** Four corners of a square of 10 m, in the order in which people go round. */
export function newGround(points: readonly PicturePoint[]): SpeedScale {
  const metres = [
    [0, 0],
    [10, 0],
    [10, 10],
    [0, 10],
  ] as const;
  return {
    kind: 'ground',
    points: metres.map(([xMetres, yMetres], i) => ({ ...points[i]!, xMetres, yMetres })),
  };
}

/** Where the schema says only that a number is out of its range. */
const wordsOfField: Record<string, string> = {
  dwellSeconds: 'the dwell time is between 0.1 seconds and 24 hours',
  metresPerWidth: 'the width of the picture is a number of metres above 0',
  xMetres: 'each of the four points takes two numbers of metres',
  yMetres: 'each of the four points takes two numbers of metres',
};

/** What is wrong with each of them, by id (the scale's is `scaleId`), in the schema's words. */
export function problemsOf(settings: ZoneSettings): Map<string, string> {
  const problems = new Map<string, string>();
  const check = (id: string, error: { issues: { path: PropertyKey[]; message: string }[] } | undefined): void => {
    const issue = error?.issues[0];
    if (issue) problems.set(id, wordsOfField[String(issue.path.at(-1))] ?? issue.message);
  };
  for (const zone of settings.zones) check(zone.id, zoneSchema.safeParse(zone).error);
  for (const line of settings.lines) check(line.id, lineSchema.safeParse(line).error);
  if (settings.scale) check(scaleId, speedScaleSchema.safeParse(settings.scale).error);
  return problems;
}
