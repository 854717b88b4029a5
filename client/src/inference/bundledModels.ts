import descriptions from 'virtual:browser-models';
import { type BrowserModelSpec, readModelSpec } from './BrowserModelSpec.ts';

/** The best first. */
export const bundledModels: readonly BrowserModelSpec[] = descriptions.map(({ url, galleryUrl, description }) =>
  readModelSpec(here(url), description, galleryUrl && here(galleryUrl)),
);

function here(url: string): string {
  return new URL(url, location.href).href;
}
