import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Refusal } from '@framelock/server/protocol';
import { announcedRtpCapabilities } from './routerCodecs.ts';
import { checkDtlsParameters, checkLayerParameters, checkRtpCapabilities, checkRtpParameters } from './rtpRules.ts';
import { dtlsParameters, h264, opus, videoParameters, vp8, vp8Simulcast, vp9Ksvc } from './testing/rtpParameters.ts';

const orientation = 'urn:3gpp:video-orientation';

function refusalOf(act: () => unknown): Refusal {
  try {
    act();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('this was not refused');
}

describe('checkRtpParameters', () => {
  test('takes one encoding of each codec, and K-SVC', () => {
    for (const parameters of [vp8(), h264(), vp9Ksvc()]) {
      expect(checkRtpParameters('video', parameters).encodings).toEqual(parameters.encodings);
    }
    expect(checkRtpParameters('audio', opus()).codecs[0]!.mimeType).toBe('audio/opus');
  });

  test('refuses simulcast with words that say what to send', () => {
    const refusal = refusalOf(() => checkRtpParameters('video', vp8Simulcast()));
    expect(refusal.code).toBe('unsupported');
    expect(refusal.message).toMatch(/one encoding/);
    expect(refusal.message).toMatch(/L3T3_KEY/);
    const inOneStream = refusalOf(() => checkRtpParameters('video', vp9Ksvc('S3T3')));
    expect(inOneStream).toMatchObject({ code: 'unsupported' });
    expect(inOneStream.message).toMatch(/K-SVC/);
  });

  test('takes one rid as a layer of its own, without a mid, and only where the rid can be read', () => {
    const mid = { uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 1 } as const;
    const rid = { uri: 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id', id: 2 } as const;
    const given = videoParameters('video/H264', { encodings: [{ rid: '1' }], headerExtensions: [mid, rid] });
    const checked = checkLayerParameters('video', given, '1');
    expect(checked).toMatchObject({ encodings: [{ rid: '1' }], headerExtensions: [{ id: 2 }] });
    expect(checked.mid).toBeUndefined();
    expect(refusalOf(() => checkLayerParameters('video', given, '2')).message).toMatch(/must have the rid 2/);
    const without = { ...given, headerExtensions: [mid] };
    expect(refusalOf(() => checkLayerParameters('video', without, '1')).message).toMatch(/rtp-stream-id/);
    expect(refusalOf(() => checkLayerParameters('video', vp8Simulcast(), 'q')).code).toBe('unsupported');
    expect(refusalOf(() => checkLayerParameters('audio', opus(), '1')).code).toBe('badRequest');
  });

  test('makes temporal layers of VP8 and H264 a simple Producer', () => {
    const parameters = videoParameters('video/VP8', { encodings: [{ ssrc: 5, scalabilityMode: 'L1T3' }] });
    expect(checkRtpParameters('video', parameters).encodings).toEqual([{ ssrc: 5 }]);
    const spatial = videoParameters('video/VP8', { encodings: [{ ssrc: 5, scalabilityMode: 'L2T1' }] });
    expect(refusalOf(() => checkRtpParameters('video', spatial)).code).toBe('unsupported');
  });

  test('takes AV1 with one spatial layer, and refuses more with words that say what to send', () => {
    const av1 = (scalabilityMode: string) =>
      videoParameters('video/AV1', { encodings: [{ ssrc: 5, scalabilityMode }] });
    expect(checkRtpParameters('video', av1('L1T2')).encodings).toEqual([{ ssrc: 5, scalabilityMode: 'L1T2' }]);
    const refusal = refusalOf(() => checkRtpParameters('video', av1('L3T3_KEY')));
    expect(refusal.code).toBe('unsupported');
    expect(refusal.message).toMatch(/VP9 with K-SVC/);
    expect(refusalOf(() => checkRtpParameters('video', vp8Simulcast())).message).not.toMatch(/AV1/);
  });

  test('refuses more than one codec, the wrong kind, and impossible layers', () => {
    const two = { ...vp8(), codecs: [vp8().codecs[0], h264().codecs[0]] };
    expect(refusalOf(() => checkRtpParameters('video', two)).message).toMatch(/one codec/);
    expect(refusalOf(() => checkRtpParameters('audio', vp8())).code).toBe('badRequest');
    expect(refusalOf(() => checkRtpParameters('video', vp9Ksvc('L99T99'))).code).toBe('badRequest');
  });

  test('drops the extensions that would turn the picture or bound the jitter buffer', () => {
    const playoutDelay = 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay';
    const mid = 'urn:ietf:params:rtp-hdrext:sdes:mid';
    const headerExtensions = [orientation, playoutDelay, mid].map((uri, index) => ({ uri, id: index + 1 }));
    const checked = checkRtpParameters(
      'video',
      videoParameters('video/VP8', { headerExtensions: headerExtensions as never }),
    );
    expect(checked.headerExtensions!.map(({ uri }) => uri)).toEqual([mid]);
    expect(announcedRtpCapabilities().headerExtensions!.map(({ uri }) => uri)).not.toContain(orientation);
    const capabilities = { codecs: [], headerExtensions: [{ kind: 'video', uri: orientation, preferredId: 3 }] };
    expect(checkRtpCapabilities(capabilities).headerExtensions).toEqual([]);
  });

  test('answers anything else with a Refusal and never another error', () => {
    const parameters = vp8();
    const broken = fc.oneof(
      fc.jsonValue(),
      fc.record({ codecs: fc.jsonValue(), encodings: fc.jsonValue() }),
      fc.record({ codecs: fc.constant(parameters.codecs), encodings: fc.array(fc.object({ maxDepth: 2 })) }),
      fc.tuple(fc.constantFrom(...Object.keys(parameters)), fc.jsonValue()).map(([key, value]) => {
        return { ...parameters, [key]: value };
      }),
    );
    fc.assert(
      fc.property(broken, (value) => {
        for (const check of [
          (given: unknown) => checkRtpParameters('video', given),
          checkRtpCapabilities,
          checkDtlsParameters,
        ]) {
          try {
            check(value);
          } catch (error) {
            expect(error).toBeInstanceOf(Refusal);
          }
        }
      }),
      { seed: 20260, numRuns: 500 },
    );
  });
});

test('checkDtlsParameters takes what a browser sends and refuses a fingerprint that is none', () => {
  expect(checkDtlsParameters(dtlsParameters)).toEqual(dtlsParameters);
  const broken = { fingerprints: [{ algorithm: 'sha-256', value: 'zz' }] };
  expect(refusalOf(() => checkDtlsParameters(broken)).code).toBe('badRequest');
});
