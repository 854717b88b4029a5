export type CaptureProblemCode = 'denied' | 'notFound' | 'inUse' | 'insecure' | 'unsupported' | 'ended';

const words: Record<CaptureProblemCode, string> = {
  denied:
    'The browser was not allowed to use it. Allow camera and microphone for this page in the address bar, then try again.',
  notFound: 'No camera was found. Connect one, or choose another source.',
  inUse: 'The camera is used by another program. Close that program, then try again.',
  insecure: 'Browsers give cameras to secure pages only. Open this page over https:// or on localhost.',
  unsupported: 'This browser cannot capture from this source.',
  ended: 'The source has ended.',
};

/** Why there is no picture from a source, in words for the person at the page. */
export class CaptureProblem extends Error {
  readonly code: CaptureProblemCode;

  constructor(code: CaptureProblemCode, message: string = words[code], cause?: unknown) {
    super(message, { cause });
    this.name = 'CaptureProblem';
    this.code = code;
  }

  /** From what getUserMedia and getDisplayMedia reject with (Media Capture and Streams, section 10.2). */
  static from(error: unknown): CaptureProblem {
    if (error instanceof CaptureProblem) return error;
    const name = error instanceof Error ? error.name : '';
    const code = codeOfName[name] ?? 'unsupported';
    const detail = code === 'unsupported' && error instanceof Error && error.message ? ` (${error.message})` : '';
    return new CaptureProblem(code, words[code] + detail, error);
  }
}

const codeOfName: Record<string, CaptureProblemCode> = {
  NotAllowedError: 'denied',
  PermissionDeniedError: 'denied',
  SecurityError: 'denied',
  NotFoundError: 'notFound',
  OverconstrainedError: 'notFound',
  NotReadableError: 'inUse',
  AbortError: 'inUse',
  TrackStartError: 'inUse',
};
