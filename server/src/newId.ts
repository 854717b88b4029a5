import { randomBytes, randomInt } from 'node:crypto';

const letters = 'abcdefghijkmnpqrstuvwxyz23456789';

/** 12 letters and digits that are not mistaken for another: 60 bits, readable in a URL. */
export function newId(): string {
  return Array.from({ length: 12 }, () => letters[randomInt(letters.length)]).join('');
}

/** 192 bits that nobody guesses, safe in a URL. */
export function newSecret(): string {
  return randomBytes(24).toString('base64url');
}

/** For who may publish. */
export const newStreamKey = newSecret;
