import type { MediaGlobals } from './mediaTypes.ts';

interface Surroundings extends MediaGlobals {
  isSecureContext?: boolean;
  OffscreenCanvas?: unknown;
  WebAssembly?: unknown;
  Worker?: unknown;
}

/** Why this browser can't run the model for what it publishes; undefined = it can. */
export function whyNotHere(here: Surroundings): string | undefined {
  if (here.isSecureContext === false) return 'This page was not loaded over HTTPS (or from this computer).';
  if (!here.WebAssembly || !here.Worker || !here.OffscreenCanvas) return 'This browser is too old for it.';
  if (!here.MediaStreamTrackProcessor || !here.MediaStreamTrackGenerator) {
    return 'This browser gives a page no access to single camera frames; Chrome and Edge do.';
  }
  if (!here.RTCRtpScriptTransform) {
    return 'This browser does not tell under which timestamp a frame is sent; Chrome and Edge from 141 on do.';
  }
  return undefined;
}
