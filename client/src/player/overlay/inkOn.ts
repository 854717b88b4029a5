const dark = '#0b0e14';
const light = '#ffffff';

/** Words on a chip of this colour (`#rrggbb`) are dark or light, whichever is told better (WCAG 2 relative luminance). */
export function inkOn(colour: string): string {
  const value = Number.parseInt(colour.slice(1), 16);
  if (colour.length !== 7 || Number.isNaN(value)) return dark;
  const luminance = 0.2126 * linear(value >> 16) + 0.7152 * linear((value >> 8) & 255) + 0.0722 * linear(value & 255);
  // Where black and white stand out alike: (L + 0.05)² = 1.05 · 0.05.
  return luminance > 0.179 ? dark : light;
}

function linear(byte: number): number {
  const share = byte / 255;
  return share <= 0.040_45 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}
