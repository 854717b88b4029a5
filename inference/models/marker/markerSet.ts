import { readFileSync } from 'node:fs';

export interface MarkerDisc {
  radius: number;
  colour: 'black' | 'white';
}

/** One printed marker: discs painted in order, radii as fractions of the outer radius. */
export interface Marker {
  name: string;
  codeRing: 'black' | 'white';
  codeDisc: 'black' | 'white';
  discs: MarkerDisc[];
}

export type RingName = 'outerRing' | 'whiteRing' | 'innerRing' | 'codeRing' | 'codeDisc';

export interface MarkerSet {
  version: number;
  quietZoneRadius: number;
  radii: Record<RingName, [number, number]>;
  markers: Marker[];
}

/** The design that `markers.json` beside this file states; the one source for drawing, model and print sheet. */
export const markerSet = JSON.parse(readFileSync(new URL('markers.json', import.meta.url), 'utf8')) as MarkerSet;
