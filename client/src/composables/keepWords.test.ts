import { expect, it } from 'vitest';
import { keepWords, stillRecordedWords } from './keepWords.ts';

it('says what is deleted and when, and that a full disk stops what nothing limits', () => {
  expect(keepWords({ recordingMaxAgeHours: null, recordingMaxBytes: null })).toContain('When the disk is full');
  const week = keepWords({ recordingMaxAgeHours: 168, recordingMaxBytes: 20e9 });
  expect(week).toContain('older than 7 days, and the oldest when');
  expect(week).toContain('20.0 GB');
  expect(keepWords({ recordingMaxAgeHours: 1, recordingMaxBytes: null })).toContain('older than 1 hour.');
  expect(keepWords({ recordingMaxAgeHours: null, recordingMaxBytes: 5e6 })).toContain('exceed 5.0 MB');
});

it('does not promise that turning recording off ends the Recording that grows', () => {
  expect(stillRecordedWords('always')).toContain('still recorded until it ends');
  expect(stillRecordedWords('onDemand')).toContain('grows while someone watches by HLS');
  for (const hls of ['always', 'onDemand', 'off'] as const) {
    expect(stillRecordedWords(hls)).toMatch(/kept[.,].* Later ones are not recorded\.$/);
  }
});
