import fc from 'fast-check';
import { expect, it } from 'vitest';
import { changeStreamSchema, defaultStreamSettings, streamSettingsSchema } from '../protocol/index.ts';
import { readStreamSettings } from './streamSettings.ts';

it('has the defaults of what was never set', () => {
  expect(readStreamSettings(null)).toEqual(defaultStreamSettings);
  expect(readStreamSettings({ hls: 'off', recordingMaxAgeHours: null })).toEqual({
    ...defaultStreamSettings,
    ...{ hls: 'off', recordingMaxAgeHours: null },
  });
});

it('loses only the setting that is not valid', () => {
  expect(readStreamSettings({ hls: 'sometimes', recording: true, recordingMaxBytes: -1, old: 1 })).toEqual({
    ...defaultStreamSettings,
    recording: true,
  });
});

it('reads whatever is stored', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (stored) => {
      expect(streamSettingsSchema.safeParse(readStreamSettings(stored)).success).toBe(true);
    }),
    { seed: 20_261_121 },
  );
});

it('a change without a setting does not set it', () => {
  expect(changeStreamSchema.parse({})).toEqual({});
  expect(changeStreamSchema.parse({ recordingMaxBytes: null })).toEqual({ recordingMaxBytes: null });
  for (const bad of [{ hls: null }, { name: '' }, { recording: 'yes' }, { recordingMaxAgeHours: 0 }]) {
    expect(changeStreamSchema.safeParse(bad).success).toBe(false);
  }
});
