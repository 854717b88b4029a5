import { Refusal } from '../protocol/index.ts';
import type { MediaSection } from '../sdp/offer.ts';

/** What names a stream, and so decides whether a receiver takes a packet or drops it. */
const naming = [
  'urn:ietf:params:rtp-hdrext:sdes:mid',
  'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
  'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id',
];

/** Ids under which mediasoup 3.27 writes its own extensions (Producer.cpp, `MangleRtpPacket`), negotiated or not. */
const written = {
  audio: new Map([[6, 'ssrc-audio-level']]),
  video: new Map([
    [4, 'abs-send-time'],
    [7, 'dependency-descriptor'],
  ]),
};

/**
 * libwebrtc reads the extensions of what it receives by the numbers of its own offer, whatever the answer says (tried:
 * @roamhq/wrtc 0.10), and drops a packet whose mid it does not know. Where the offer has sdes:mid under the number that
 * mediasoup uses for something else, nearly every packet would be lost without a word: so it is refused with words.
 */
export function checkNamingExtensions(sections: MediaSection[], played: ('audio' | 'video')[]): void {
  for (const { kind, headerExtensions } of sections) {
    for (const { id, uri } of headerExtensions) {
      const clash = naming.includes(uri) ? played.map((one) => written[one].get(id)).find(Boolean) : undefined;
      if (!clash) continue;
      throw new Refusal(
        'unsupported',
        `the ${kind} section gives ${uri} the id ${id}, under which this server sends ${clash}: in a browser, add the video ` +
          'transceiver before the audio one, which numbers them otherwise',
      );
    }
  }
}
