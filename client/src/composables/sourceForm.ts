import type { SourceSpec } from '@framelock/server/protocol';

/** What the page offers under "Source"; rtmp is under "OBS", where its encoders are. */
export const sourceKinds = ['test', 'file', 'rtsp', 'srt'] as const;
export type SourceKind = (typeof sourceKinds)[number];

export interface SourceForm {
  kind: SourceKind;
  fileName: string;
  loop: boolean;
  rtspUrl: string;
  user: string;
  password: string;
  srtMode: 'listen' | 'call';
  srtUrl: string;
}

export const emptySourceForm: SourceForm = {
  kind: 'test',
  fileName: '',
  loop: true,
  rtspUrl: '',
  user: '',
  password: '',
  srtMode: 'listen',
  srtUrl: '',
};

/** What of the form can't be used, by field; the words say what to write. */
export function sourceFormProblem(form: SourceForm): string | undefined {
  switch (form.kind) {
    case 'test':
      return undefined;
    case 'file':
      return form.fileName ? undefined : 'Choose a file, or upload one.';
    case 'rtsp':
      return urlProblem(form.rtspUrl, ['rtsp', 'rtsps'], 'rtsp://192.168.1.20:554/stream1');
    case 'srt':
      return form.srtMode === 'listen' ? undefined : urlProblem(form.srtUrl, ['srt'], 'srt://encoder.example.org:9000');
  }
}

export function sourceSpecOf(form: SourceForm): SourceSpec {
  switch (form.kind) {
    case 'test':
      return { type: 'test' };
    case 'file':
      return { type: 'file', url: form.fileName, loop: form.loop };
    case 'rtsp':
      return { type: 'rtsp', url: withCredentials(form.rtspUrl.trim(), form.user.trim(), form.password) };
    case 'srt':
      return form.srtMode === 'listen' ? { type: 'srt' } : { type: 'srt', url: form.srtUrl.trim() };
  }
}

/**
 * Takes `user:password@` out of a URL, so that a password that was pasted with it is not seen; undefined where there is
 * none. Not by `URL`, which knows the scheme rtsp only as an opaque one in some browsers.
 */
export function splitCredentials(url: string): { url: string; user: string; password: string } | undefined {
  const found = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*)@([^@]*)$/i.exec(url.trim());
  if (!found) return undefined;
  const [, scheme = '', pair = '', rest = ''] = found;
  const colon = pair.indexOf(':');
  const user = colon < 0 ? pair : pair.slice(0, colon);
  const password = colon < 0 ? '' : pair.slice(colon + 1);
  return { url: scheme + rest, user: decoded(user), password: decoded(password) };
}

export function withCredentials(url: string, user: string, password: string): string {
  if (!user && !password) return url;
  const pair = password ? `${encodeURIComponent(user)}:${encodeURIComponent(password)}` : encodeURIComponent(user);
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)/i, (scheme) => `${scheme}${pair}@`);
}

function urlProblem(text: string, schemes: string[], example: string): string | undefined {
  const url = text.trim();
  if (!url) return `Write its address, e.g. ${example}`;
  const found = /^([a-z][a-z0-9+.-]*):\/\/([^/?#\s]+)\S*$/i.exec(url);
  if (!found || !schemes.includes(found[1]!.toLowerCase())) return `It begins with ${schemes[0]}://, e.g. ${example}`;
  return undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a bare % in a password
  }
}
