import { expect, it } from 'vitest';
import { readAudioTapParameters, readTapParameters } from './tapParameters.ts';

const parameters = (mimeType: string, clockRate: number) => ({
  codecs: [{ mimeType, clockRate, payloadType: 100 }],
  encodings: [{ ssrc: 7 }],
});

it('reads video and audio taps, and refuses what each cannot carry', () => {
  expect(readTapParameters(parameters('video/VP8', 90_000), 'simple')).toEqual({
    codec: 'vp8',
    payloadType: 100,
    ssrc: 7,
  });
  expect(readAudioTapParameters(parameters('audio/opus', 48_000)).codec).toBe('opus');
  expect(() => readTapParameters(parameters('audio/opus', 48_000), 'simple')).toThrow(/no decoder for audio\/opus/);
  expect(() => readAudioTapParameters(parameters('audio/PCMU', 8_000))).toThrow(/Opus works/);
  expect(() => readTapParameters(parameters('video/VP8', 48_000), 'simple')).toThrow(/no clock of 48000/);
  expect(() => readTapParameters(parameters('video/VP8', 90_000), 'simulcast')).toThrow(/simulcast/);
});
