import { randomBytes, randomInt } from 'node:crypto';

const letters = 'abcdefghijkmnpqrstuvwxyz23456789';

/** 12 letters and digits that are not mistaken for another: 60 bits, readable in a URL. */
export function newId(): string {
  return Array.from({ length: 12 }, () => letters[randomInt(letters.length)]).join('');
}

/** 192 bits, for who may publish. */
export function newStreamKey(): string {
  return randomBytes(24).toString('base64url');
}
