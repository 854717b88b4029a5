import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Refusal } from '@framelock/server/protocol';
import { routerCodecs } from './routerCodecs.ts';
import { checkChosenCodecs } from './rtpRules.ts';

const valid = (mimeType: string, preferredPayloadType: number, parameters: Record<string, unknown> = {}) => ({
  kind: mimeType.split('/')[0],
  mimeType,
  clockRate: mimeType === 'audio/opus' ? 48_000 : 90_000,
  ...(mimeType === 'audio/opus' ? { channels: 2 } : {}),
  preferredPayloadType,
  parameters,
});

test('takes our own codec of the same profile, whatever else the player says of it', () => {
  const theirs = { 'profile-level-id': '42e034', 'packetization-mode': 1, 'x-google-start-bitrate': 99 };
  expect(checkChosenCodecs([valid('video/H264', 109, theirs), valid('audio/opus', 63, { stereo: 1 })])).toEqual([
    { ...routerCodecs[0], preferredPayloadType: 63 },
    { ...routerCodecs.find(({ mimeType }) => mimeType === 'video/H264'), preferredPayloadType: 109 },
  ]);
});

test('one set has one form, in whichever order and spelling it comes', () => {
  const [vp9, opus] = [valid('video/VP9', 98, { 'profile-id': 0 }), valid('audio/opus', 111)];
  const lowerCase = { ...vp9, mimeType: 'video/vp9', parameters: {} };
  expect(JSON.stringify(checkChosenCodecs([vp9, opus]))).toBe(JSON.stringify(checkChosenCodecs([opus, lowerCase])));
});

test('anything at all is refused or becomes codecs of ours with payload types that RTP can have', () => {
  const spoiled = fc
    .tuple(
      fc.constantFrom('video/VP8', 'video/H264', 'audio/opus', 'video/AV1'),
      fc.nat(200),
      fc.string(),
      fc.jsonValue(),
    )
    .map(([mimeType, payloadType, key, value]) => ({ ...valid(mimeType, payloadType), [key]: value }));
  const anything = fc.oneof(fc.array(spoiled, { maxLength: 4 }), fc.jsonValue());
  fc.assert(
    fc.property(anything, (value) => {
      try {
        for (const codec of checkChosenCodecs(value)) {
          const { preferredPayloadType: payloadType, ...ours } = codec;
          expect(routerCodecs).toContainEqual(ours);
          expect(payloadType! >= 0 && payloadType! <= 127 && (payloadType! < 64 || payloadType! > 95)).toBe(true);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(Refusal);
      }
    }),
    { seed: 20_261_121, numRuns: 1_000 },
  );
});
