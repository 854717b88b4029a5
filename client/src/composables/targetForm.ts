import type { ChangeTarget, CreateTarget, EventTarget } from '@framelock/server/protocol';

export interface TargetDraft {
  kind: 'webhook' | 'mqtt';
  name: string;
  url: string;
  /** `Name: value`, one a line. Of one that is there: empty = as they are, since they are never shown. */
  headers: string;
  topicPrefix: string;
  username: string;
  /** Of one that is there: empty = as it is. */
  password: string;
  caPem: string;
}

export function emptyTarget(): TargetDraft {
  const text = { name: '', url: '', headers: '', username: '', password: '', caPem: '' };
  return { kind: 'webhook', topicPrefix: 'framelock', ...text };
}

export function targetDraftOf(target: EventTarget): TargetDraft {
  const draft: TargetDraft = { ...emptyTarget(), kind: target.kind, name: target.name, url: target.url };
  if (target.kind === 'webhook') return draft;
  const { topicPrefix, username, caPem } = target;
  return { ...draft, topicPrefix, username: username ?? '', caPem: caPem ?? '' };
}

/** A line without a colon becomes a name that the schema refuses. */
export function headersOf(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return colon < 0 ? [line.trim(), ''] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    }),
  );
}

export function targetOf(draft: TargetDraft): CreateTarget {
  const { kind, name, url } = draft;
  if (kind === 'webhook') return { kind, name, url, headers: headersOf(draft.headers) };
  const orNull = (text: string) => text || null;
  return {
    ...{ kind, name, url, topicPrefix: draft.topicPrefix || 'framelock' },
    ...{ username: orNull(draft.username), password: orNull(draft.password), caPem: orNull(draft.caPem.trim()) },
  };
}

/** What was left empty since it is never shown stays as it is. */
export function targetChangeOf(draft: TargetDraft): ChangeTarget {
  const { name, url, headers, password } = draft;
  if (draft.kind === 'webhook') return { name, url, ...(headers.trim() ? { headers: headersOf(headers) } : {}) };
  return {
    ...{ name, url, topicPrefix: draft.topicPrefix || 'framelock' },
    ...{ username: draft.username || null, caPem: draft.caPem.trim() || null },
    ...(password ? { password } : {}),
  };
}
