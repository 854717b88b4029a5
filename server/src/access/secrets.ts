import { createHash, timingSafeEqual } from 'node:crypto';

/** Digests have one length, so that comparing them tells neither length nor content by its time. */
export function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

export function sameDigest(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** `Authorization: Bearer token` -> token. */
export function bearerOf(authorization: string | undefined): string | undefined {
  return /^Bearer ([^\s]{1,512})$/i.exec(authorization ?? '')?.[1];
}

/** The value of one cookie, as it came. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  for (const part of header.split(';', 64)) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}

const shape = /^(fl[tsl])_([a-z0-9]{12})_([A-Za-z0-9_.-]{20,128})$/;

/** What a token of ours looks like: what it is of (token, session, link), the id under which it is found, its secret. */
export interface TokenParts {
  kind: 'flt' | 'fls' | 'fll';
  id: string;
  secret: string;
}

export function writeToken({ kind, id, secret }: TokenParts): string {
  return `${kind}_${id}_${secret}`;
}

/** Undefined for what was not made by `writeToken`: stream keys, the admin token, guesses. */
export function readToken(token: string): TokenParts | undefined {
  const [, kind, id, secret] = shape.exec(token) ?? [];
  if (kind === undefined || id === undefined || secret === undefined) return undefined;
  return { kind: kind as TokenParts['kind'], id, secret };
}
