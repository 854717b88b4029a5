import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { Refusal } from '../protocol/index.ts';

const derive = promisify(argon2);

/** OWASP Password Storage Cheat Sheet, argon2id: 19 MiB, 2 passes, 1 lane. */
const parameters = { memory: 19_456, passes: 2, parallelism: 1 };
const saltBytes = 16;
const tagLength = 32;
/** Each takes a thread of libuv's four and 19 MiB for some 50 to 100 ms: files and DNS need threads as well. */
const maxAtOnce = 2;
const maxWaiting = 32;

const phc = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,88})\$([A-Za-z0-9+/]{16,88})$/;

/** argon2id (RFC 9106) by node:crypto, in libuv's threads and few at once: a crowd of sign-ins can't starve the server. */
export class PasswordHasher {
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  #decoy: Promise<string> | undefined;

  /** A PHC string: algorithm, parameters, salt and hash. */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(saltBytes);
    const hash = await this.#derive(password, salt, parameters, tagLength);
    const { memory, passes, parallelism } = parameters;
    return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(hash)}`;
  }

  /** `hash` undefined: there is no such user, which takes as long to say as that a password is wrong. */
  async verify(password: string, hash: string | undefined): Promise<boolean> {
    const [, memory, passes, parallelism, salt, expected] = phc.exec(hash ?? (await this.#decoyHash())) ?? [];
    if (salt === undefined || expected === undefined) throw new Error('a stored password hash is none of ours');
    const wanted = Buffer.from(expected, 'base64');
    const options = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) };
    const found = await this.#derive(password, Buffer.from(salt, 'base64'), options, wanted.length);
    return timingSafeEqual(found, wanted) && hash !== undefined;
  }

  #decoyHash(): Promise<string> {
    this.#decoy ??= this.hash(randomBytes(16).toString('hex')).catch((error: unknown) => {
      this.#decoy = undefined;
      throw error;
    });
    return this.#decoy;
  }

  async #derive(password: string, nonce: Buffer, options: typeof parameters, length: number): Promise<Buffer> {
    await this.#enter();
    try {
      // NFKC: keyboards write one letter in several ways (NIST SP 800-63B section 3.1.1.2).
      return await derive('argon2id', { message: password.normalize('NFKC'), nonce, ...options, tagLength: length });
    } finally {
      const next = this.#waiting.shift();
      // The place goes from hand to hand: nobody who comes now takes it first.
      if (next) next();
      else this.#running--;
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < maxAtOnce) return void this.#running++;
    if (this.#waiting.length >= maxWaiting) {
      throw new Refusal('rateLimited', 'too many people sign in at once: try again in a moment');
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

/** PHC strings have base64 without padding. */
function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
