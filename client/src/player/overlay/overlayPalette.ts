/**
 * Twelve colours told apart on dark and bright pictures, also by most colour-blind people (after Okabe and Ito 2008,
 * lightened for video). A label keeps its colour: it is chosen by a hash of its words, not by order of appearance.
 */
export const overlayPalette = [
  '#56c7ff',
  '#ffb000',
  '#2ee6a6',
  '#ff6b8b',
  '#f5e663',
  '#b49bff',
  '#ff8a3d',
  '#7ddf64',
  '#ff7ae0',
  '#4fe0e0',
  '#d0f26a',
  '#8fb2ff',
] as const;

/** The colour of a label: FNV-1a of its words into the palette. */
export function colorOfLabel(label: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
  return overlayPalette[(hash >>> 0) % overlayPalette.length]!;
}
