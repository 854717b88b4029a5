import type { PictureBox } from '../../protocol/index.ts';

/** WebAssembly modules, compiled once and handed to each thread. */
export interface SandboxModules {
  resvg: WebAssembly.Module;
  jpeg: WebAssembly.Module;
  png: WebAssembly.Module;
}

export interface SandboxRequest {
  id: number;
  image: Uint8Array;
  box: PictureBox | undefined;
  maxSide: number;
}

/** An image as it is kept: PNG, nothing in it but pixels. */
export interface KeptImage {
  png: Uint8Array;
  width: number;
  height: number;
  /** Where the mark is in it; nothing = nobody said. */
  box: PictureBox | undefined;
}

/** `spent`: the decoder may be left in disorder, take another thread. */
export type SandboxAnswer = { id: number } & ({ kept: KeptImage } | { refusal: string; spent: boolean });
