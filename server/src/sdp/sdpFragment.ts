import { parseOrRefuse, Refusal } from '../protocol/index.ts';
import { z } from 'zod';
import { icePwdSchema, iceUfragSchema } from './offer.ts';
import { readSdp } from './readSdp.ts';

const fragmentSchema = z.object({
  iceUfrag: iceUfragSchema.optional(),
  icePwd: icePwdSchema.optional(),
  mids: z.array(z.string().max(64)),
});
/** `application/trickle-ice-sdpfrag` (RFC 8840 section 9), as far as an ICE-lite server needs it: whose candidates these are. */
export type SdpFragment = z.infer<typeof fragmentSchema>;

/** Candidates are checked and forgotten: a lite agent dials none. Refuses a malformed fragment with 400. */
export function parseSdpFragment(text: string): SdpFragment {
  if (text.trim() === '') throw new Refusal('badRequest', 'the SDP fragment is empty');
  const sdp = readSdp(text);
  const { iceUfrag, icePwd } = [sdp, ...sdp.media].find((part) => part.iceUfrag !== undefined) ?? sdp;
  const mids = sdp.media.flatMap(({ mid }) => (mid === undefined ? [] : [String(mid)]));
  return parseOrRefuse(
    fragmentSchema,
    {
      ...(iceUfrag === undefined ? {} : { iceUfrag: String(iceUfrag) }),
      ...(icePwd === undefined ? {} : { icePwd: String(icePwd) }),
      mids,
    },
    'the SDP fragment',
  );
}
