import type { PictureBox, RefusalCode } from '@framelock/server/protocol';
import type { InputSpec } from '@framelock/server/protocol/analysis';
import type { DrawnPlace } from './drawReference.ts';
import type { PixelBox } from './ReferenceImage.ts';

/** What the thread is told; it works on one image at a time and answers in order. */
export type ReferenceOrder = { id: number } & (
  | { kind: 'open'; bytes: Uint8Array; given: PictureBox | undefined }
  /** The Model knows better where the mark is. */
  | { kind: 'narrow'; box: PixelBox }
  /** `slots`: a Detector's, of which `slot` is the caller's. */
  | { kind: 'draw'; view: number; spec: InputSpec; slots: SharedArrayBuffer; floatsPerSlot: number; slot: number }
);

/** An image with its mark found, ready to be drawn in `views` ways. */
export interface OpenedReference {
  width: number;
  height: number;
  box: PixelBox;
  /** A photograph, or a mark that fills the image: where the mark is in it only a Model can tell. */
  isPhoto: boolean;
  views: number;
}

export type ReferenceAnswer = { id: number } & (
  | { kind: 'opened'; opened: OpenedReference }
  | { kind: 'drawn'; place: DrawnPlace }
  | { kind: 'refused'; code: RefusalCode; message: string }
);
