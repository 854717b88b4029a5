import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { type Opaque, parseOrRefuse, Refusal } from '../protocol/index.ts';
import type { Offer } from './offer.ts';
import { parseSdpFragment } from './sdpFragment.ts';

const iceParametersSchema = z.object({ usernameFragment: z.string(), password: z.string() });

/** What a PATCH comes to: 204, or 200 with the fragment of a new ICE session. */
export type PatchAnswer = { status: 204 } | { status: 200; fragment: string };

/** The ICE session of a WHIP or WHEP session, named by its entity tag (RFC 9725 section 4.3.1). */
export class IceNegotiation {
  readonly #mids: ReadonlySet<string>;
  readonly #restartIce: () => Promise<Opaque>;
  #remoteUfrag: string;
  #remotePwd: string;
  #etag = newEntityTag();
  #restarting: Promise<unknown> = Promise.resolve();

  /** `restartIce` answers mediasoup's IceParameters. */
  constructor(offer: Offer, restartIce: () => Promise<Opaque>) {
    this.#mids = new Set(offer.sections.map(({ mid }) => mid));
    this.#remoteUfrag = offer.transport.iceUfrag;
    this.#remotePwd = offer.transport.icePwd;
    this.#restartIce = restartIce;
  }

  /** Strong, quotes included. */
  get etag(): string {
    return this.#etag;
  }

  /**
   * Candidates of the current ICE session, or new credentials, which restart ICE. One after another, so that the tag which
   * a restart brings is the one that the next PATCH is compared with.
   */
  patch(ifMatch: string | undefined, body: string): Promise<PatchAnswer> {
    const patched = this.#restarting.then(() => this.#patch(ifMatch, body));
    this.#restarting = patched.catch(() => undefined);
    return patched;
  }

  async #patch(ifMatch: string | undefined, body: string): Promise<PatchAnswer> {
    if (ifMatch === undefined) {
      throw new Refusal(
        'preconditionRequired',
        'a PATCH needs If-Match: the ETag for candidates, * for an ICE restart',
      );
    }
    const any = ifMatch.trim() === '*' || ifMatch.trim() === '"*"';
    if (!any && !ifMatch.split(',').some((tag) => tag.trim() === this.#etag)) {
      throw new Refusal('preconditionFailed', 'this ICE session has been replaced: use the ETag of the latest answer');
    }
    const { iceUfrag, icePwd, mids } = parseSdpFragment(body);
    const unknown = mids.find((mid) => !this.#mids.has(mid));
    if (unknown !== undefined) {
      throw new Refusal('unsupported', `the session has no section ${unknown}: sections can't be added by PATCH`);
    }
    // Some clients name the credentials with each candidate, so that only new ones mean a restart.
    const isNew = iceUfrag !== this.#remoteUfrag || (icePwd !== undefined && icePwd !== this.#remotePwd);
    if (iceUfrag === undefined || !isNew) return { status: 204 };
    if (icePwd === undefined) throw new Refusal('badRequest', 'an ICE restart needs a=ice-pwd beside a=ice-ufrag');
    const parameters = parseOrRefuse(iceParametersSchema, await this.#restartIce(), 'the ICE parameters of the sfu');
    this.#remoteUfrag = iceUfrag;
    this.#remotePwd = icePwd;
    this.#etag = newEntityTag();
    // No candidates: those of the answer are still the server's (the Worker's one port).
    const { usernameFragment, password } = parameters;
    const lines = ['a=ice-lite', `a=ice-ufrag:${usernameFragment}`, `a=ice-pwd:${password}`, ''];
    return { status: 200, fragment: lines.join('\r\n') };
  }
}

const newEntityTag = (): string => `"${randomBytes(12).toString('base64url')}"`;
