/** What the stream page has below its player; the address names one: `#events`. */
export const streamSections = ['events', 'picture', 'zones', 'view', 'publish'] as const;
export type StreamSection = (typeof streamSections)[number];

/** Of the address' hash; `#objects` and `#settings` are on the page besides these. */
export function sectionOfHash(hash: string): StreamSection | undefined {
  return streamSections.find((one) => `#${one}` === hash);
}
