import { Refusal } from '@framelock/server/protocol';

export interface ProblemWords {
  title: string;
  hint: string;
  /** What the page offers: try again, take over, ask for a token; or nothing that a button could do. */
  remedy: 'retry' | 'token' | 'none';
}

/** What a CaptureProblem means to a person. `what` is the device's name: camera, screen, video file. */
export function captureProblemWords(code: string, message: string, what: string): ProblemWords {
  return captureWords(code, what) ?? { title: `The ${what} cannot be used`, hint: sentence(message), remedy: 'retry' };
}

/** What a Refusal, or a problem that Player or Publisher told, means to a person. */
export function connectionProblemWords(code: string, message: string): ProblemWords {
  return connectionWords(code, message) ?? { title: 'Something went wrong', hint: sentence(message), remedy: 'retry' };
}

function captureWords(code: string, what: string): ProblemWords | undefined {
  switch (code) {
    case 'denied':
      return {
        title: `${capital(what)} access was denied`,
        hint: `Allow the ${what} for this site (the icon beside the address bar), then try again.`,
        remedy: 'retry',
      };
    case 'notFound':
      return {
        title: `No ${what} found`,
        hint: 'Connect one and try again, or publish a screen or a video file instead.',
        remedy: 'retry',
      };
    case 'inUse':
      return {
        title: `The ${what} is in use`,
        hint: 'Another program or tab holds it. Close that one, then try again.',
        remedy: 'retry',
      };
    case 'insecure':
      return {
        title: 'This page is not secure',
        hint: `Browsers give the ${what} only to HTTPS pages and to localhost. Open Framelock through TLS, or publish a file.`,
        remedy: 'none',
      };
    case 'ended':
      return {
        title: `The ${what} stopped`,
        hint: 'It was unplugged, or sharing was stopped. Choose a source to go on.',
        remedy: 'retry',
      };
    default:
      return undefined;
  }
}

function connectionWords(code: string, message: string): ProblemWords | undefined {
  switch (code) {
    case 'conflict':
      return {
        title: 'Someone is publishing here already',
        hint: 'A Stream has one publisher at a time. Stop the other one, or publish to another Stream.',
        remedy: 'retry',
      };
    case 'stopped':
    case 'takenOver':
      return {
        title: code === 'stopped' ? 'Publishing was stopped' : 'Another publisher took over',
        hint: 'Someone who may did this from another page. Start again to publish from here.',
        remedy: 'none',
      };
    case 'unauthorized':
    case 'forbidden':
      return { title: 'This needs an access token', hint: sentence(message), remedy: 'token' };
    case 'notFound':
    case 'gone':
      return { title: 'This Stream is gone', hint: 'It was deleted, or the link is wrong.', remedy: 'none' };
    case 'unavailable':
    case 'timeout':
    case 'lost':
      return { title: 'Connection lost', hint: sentence(message), remedy: 'retry' };
    case 'sourceEnded':
      return { title: 'The source has ended', hint: 'Choose a camera, a screen or a file to go on.', remedy: 'none' };
    case 'noCodec':
    case 'unsupported':
      return { title: 'Not supported here', hint: sentence(message), remedy: 'none' };
    default:
      return undefined;
  }
}

/** Any thrown value as code and message. */
export function problemOf(error: unknown): { code: string; message: string } {
  if (error instanceof Refusal) return { code: error.code, message: error.message };
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return {
    code: typeof code === 'string' ? code : 'internal',
    message: typeof message === 'string' && message ? message : 'an unknown error',
  };
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function sentence(text: string): string {
  const trimmed = capital(text.trim());
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
