import { writeFileSync } from 'node:fs';
import { markerSet, type MarkerSet } from './markerSet.ts';

/** An A4 page, millimetres, with every marker of the set, its name below and lines to cut along outside the quiet zone. */
export function markerSheet(set: MarkerSet): string {
  const diameter = 60;
  const radius = diameter / 2;
  const card = radius * set.quietZoneRadius * 2;
  const parts = set.markers.map((marker, at) => {
    const x = at % 2 === 0 ? 57 : 153;
    const y = 80 + Math.floor(at / 2) * 125;
    const discs = marker.discs.map(
      (disc) =>
        `    <circle r="${+(radius * disc.radius).toFixed(3)}" fill="${disc.colour === 'black' ? '#000' : '#fff'}"/>`,
    );
    return [
      `  <g transform="translate(${x} ${y})">`,
      `    <rect x="${-card / 2}" y="${-card / 2}" width="${card}" height="${card}" fill="none" stroke="#bbb" stroke-width="0.2" stroke-dasharray="2 2"/>`,
      ...discs,
      `    <text y="${card / 2 + 6}" text-anchor="middle" font-family="sans-serif" font-size="5">${marker.name}</text>`,
      '  </g>',
    ].join('\n');
  });
  return [
    '<svg xmlns="http://www.w3.org/2000/svg" width="210mm" height="297mm" viewBox="0 0 210 297">',
    '  <rect width="210" height="297" fill="#fff"/>',
    '  <text x="105" y="20" text-anchor="middle" font-family="sans-serif" font-size="7">Framelock markers</text>',
    '  <text x="105" y="28" text-anchor="middle" font-family="sans-serif" font-size="4">Print in black on white paper, matt if you can. Keep the white margin up to the dashed lines.</text>',
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

/** Writes markers.svg beside this file: `node inference/models/marker/buildMarkerSheet.ts`. */
if (import.meta.main) writeFileSync(new URL('markers.svg', import.meta.url), markerSheet(markerSet));
