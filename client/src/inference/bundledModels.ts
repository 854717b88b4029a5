import descriptions from 'virtual:browser-models';
import { type BrowserModelSpec, readModelSpec } from './BrowserModelSpec.ts';

/** The best first. */
export const bundledModels: readonly BrowserModelSpec[] = descriptions.map(({ url, description }) =>
  readModelSpec(new URL(url, location.href).href, description),
);
