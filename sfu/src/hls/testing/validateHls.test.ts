import { hlsNames } from '@framelock/server/protocol';
import { describe, expect, test } from 'vitest';
import { PackagerRun, testAudioFormat, testAudioSample, testVideoFormat, testVideoSample } from './PackagerRun.ts';
import { HlsValidator, type PlaylistRequest } from './validateHls.ts';

const head = (changes: Record<string, string> = {}): string => {
  const tags: Record<string, string> = {
    'EXT-X-VERSION': '9',
    'EXT-X-TARGETDURATION': '4',
    'EXT-X-MEDIA-SEQUENCE': '0',
    'EXT-X-DISCONTINUITY-SEQUENCE': '0',
    'EXT-X-SERVER-CONTROL': 'CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.1,CAN-SKIP-UNTIL=24,HOLD-BACK=12',
    'EXT-X-PART-INF': 'PART-TARGET=0.35',
    ...changes,
  };
  const lines = Object.entries(tags).map(([tag, value]) => (value === '' ? '' : `#${tag}:${value}\n`));
  return `#EXTM3U\n${lines.join('')}`;
};
const map = '#EXT-X-MAP:URI="init-0.mp4"\n';
const segment = (msn: number, durationS = 2): string => `#EXTINF:${durationS},\nseg-${msn}.m4s\n`;
const segments = (from: number, to: number, durationS = 2): string =>
  Array.from({ length: to - from + 1 }, (_, i) => segment(from + i, durationS)).join('');
const part = (msn: number, index: number, durationS = 0.33, more = ''): string =>
  `#EXT-X-PART:DURATION=${durationS},URI="part-${msn}-${index}.m4s"${more}\n`;
const hint = (msn: number, index: number): string => `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="part-${msn}-${index}.m4s"\n`;

const good = head() + map + segments(0, 2) + part(3, 0) + hint(3, 1);

function problemsOf(...playlists: (string | [string, PlaylistRequest])[]): string[] {
  const validator = new HlsValidator();
  for (const item of playlists) {
    const [text, request] = typeof item === 'string' ? [item, {}] : item;
    validator.playlist(text, request);
  }
  return validator.finish();
}

test('a good playlist has no problem', () => {
  expect(problemsOf(good, [good + '', { msn: 3, part: 0 }])).toEqual([]);
});

describe('a playlist alone', () => {
  test.each<[string, string, PlaylistRequest?]>([
    ['syntax', good.replace('#EXTM3U', '#EXTM3V')],
    ['syntax', `${good}#EXT-X-UNHEARD:1\n`],
    ['syntax', good + '#EXTINF:2,\n'],
    ['syntax', good.trimEnd()],
    ['syntax', head() + map + part(0, 0) + '#EXT-X-DISCONTINUITY\n' + hint(0, 1)],
    ['syntax', good.replace('DURATION=0.33', 'DURATION=x')],
    ['version', head({ 'EXT-X-VERSION': '5' }) + map + segments(0, 2) + hint(3, 0)],
    ['target-duration', head() + map + segments(0, 2, 4.5) + hint(3, 0)],
    ['map', head() + segments(0, 2) + hint(3, 0)],
    ['map', head() + part(0, 0) + hint(0, 1)],
    ['part-sum', head() + map + part(0, 0) + part(0, 1) + segment(0, 1) + hint(1, 0)],
    ['server-control', good.replace('PART-HOLD-BACK=1.1', 'PART-HOLD-BACK=1')],
    ['server-control', good.replace('CAN-BLOCK-RELOAD=YES,', '')],
    ['server-control', good.replace('CAN-SKIP-UNTIL=24', 'CAN-SKIP-UNTIL=20')],
    ['part-target', good.replace(/#EXT-X-PART-INF.*\n/, '')],
    ['part-target', good.replace('DURATION=0.33', 'DURATION=0.36')],
    ['part-minimum', head() + map + part(0, 0, 0.2) + part(0, 1) + hint(0, 2)],
    ['part-window', head() + map + part(0, 0) + segment(0, 0.33) + segments(1, 8) + hint(9, 0)],
    ['hint', head() + map + segments(0, 2)],
    ['hint', good + '#EXT-X-ENDLIST\n'],
    ['ended', head() + map + segments(0, 2) + part(3, 0) + '#EXT-X-ENDLIST\n'],
    ['plain', good.replace(/#EXT-X-SERVER-CONTROL.*\n/, '')],
    ['blocking', good, { msn: 3, part: 1 }],
    ['blocking', good, { msn: 3 }],
    ['delta', head() + map + segments(0, 30) + hint(31, 0), { skip: true }],
    ['delta', head() + '#EXT-X-SKIP:SKIPPED-SEGMENTS=2\n' + map + segments(2, 14) + hint(15, 0), { skip: true }],
  ])('%s', (rule, text, request = {}) => {
    expect(problemsOf([text, request]).map((problem) => problem.split(':')[0])).toContain(rule);
  });
});

describe('playlists one after another', () => {
  const full = head() + map + segments(0, 20) + hint(21, 0);
  const skip = (count: number): string => `#EXT-X-SKIP:SKIPPED-SEGMENTS=${count}\n`;

  test('a delta update that is right', () => {
    expect(problemsOf(full, [head() + skip(8) + map + segments(8, 20) + part(21, 0) + hint(21, 1), { skip: true }])).toEqual([]); // prettier-ignore
  });

  test.each<[string, string, string, PlaylistRequest?]>([
    ['target-duration', good, good.replace('DURATION:4', 'DURATION:5')],
    ['part-target', good, good.replace('TARGET=0.35', 'TARGET=0.36')],
    ['media-sequence', full.replace('SEQUENCE:0', 'SEQUENCE:5'), full],
    ['discontinuity-sequence', good.replace('DISCONTINUITY-SEQUENCE:0', 'DISCONTINUITY-SEQUENCE:1'), good],
    // A discontinuity went out of the window uncounted.
    [
      'discontinuity-sequence',
      head() + map + segment(0) + '#EXT-X-DISCONTINUITY\n' + segments(1, 10) + hint(11, 0),
      head({ 'EXT-X-MEDIA-SEQUENCE': '2' }) + map + segments(2, 10) + hint(11, 0),
    ],
    ['vanished', good, head() + map + segments(0, 1) + hint(2, 0)],
    ['vanished', good, head() + map + segments(0, 2) + hint(3, 0)],
    ['changed', good, good.replace('seg-1.m4s', 'seg-one.m4s')],
    ['changed', good, good.replace('#EXTINF:2,\nseg-1', '#EXTINF:2.1,\nseg-1')],
    ['changed', good, good.replace('init-0', 'init-1')],
    [
      'changed',
      good,
      good.replace('#EXTINF:2,\nseg-1', '#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z\n#EXTINF:2,\nseg-1'),
    ],
    ['changed', good, good.replace('DURATION=0.33', 'DURATION=0.34')],
    ['changed', head() + map + part(0, 0) + segment(0, 0.33) + hint(1, 0), head() + map + part(0, 0) + part(0, 1) + segment(0, 0.33) + hint(1, 0)], // prettier-ignore
    ['window', full, head({ 'EXT-X-MEDIA-SEQUENCE': '18' }) + map + segments(18, 20) + hint(21, 0)],
    ['hint-answered', good, head() + map + segments(0, 2) + part(3, 0) + part(3, 2) + hint(3, 3)],
    ['hint-answered', good, head() + map + segments(0, 2) + part(3, 0) + segment(3, 0.33) + hint(4, 0)],
    ['ended', head() + map + segments(0, 2) + '#EXT-X-ENDLIST\n', good],
    ['delta', full, head() + skip(8) + map + segments(8, 20) + hint(21, 0)],
    ['delta', full, head() + skip(3) + map + segments(3, 20) + hint(21, 0), { skip: true }],
    ['delta', full, head() + skip(15) + map + segments(15, 20) + hint(21, 0), { skip: true }],
    ['delta', full, head() + skip(8) + map + segments(8, 20) + '#EXT-X-ENDLIST\n', { skip: true }],
  ])('%s', (rule, first, second, request = {}) => {
    expect(problemsOf(first)).toEqual([]);
    expect(problemsOf(first, [second, request]).map((problem) => problem.split(':')[0])).toContain(rule);
  });
});

describe('media', () => {
  /** A good run, of whose media one piece is another: what the validator says then. */
  function withMedia(name: string, change: (bytes: Buffer) => Buffer | undefined, both = true): string[] {
    const { media, texts } = goodRun();
    const validator = new HlsValidator();
    for (const text of texts) validator.playlist(text);
    for (const [uri, bytes] of media) {
      const [, msn] = /^part-(\d+)-/.exec(name) ?? [];
      // Else its Segment would just differ from the sum of its Parts.
      if (both && uri === `seg-${msn}.m4s`) continue;
      const given = uri === name ? change(Buffer.from(bytes)) : bytes;
      if (given) validator.media(uri, given);
    }
    return validator.finish({ complete: !both }).map((problem) => problem.split(':')[0]!);
  }

  function goodRun(): { media: Map<string, Buffer>; texts: string[] } {
    const run = new PackagerRun();
    run.segmenter.videoFormat(testVideoFormat());
    run.segmenter.audioFormat(testAudioFormat());
    let audio = 0;
    for (let i = 0; i < 100; i++) {
      run.segmenter.video(testVideoSample(i * 3_000, i % 60 === 0));
      run.segmenter.addDetection(i * 3_000, Buffer.from('boxes'));
      for (; audio < (i + 1) * 3_000; audio += 1_920) run.segmenter.audio(testAudioSample(audio));
    }
    run.segmenter.end();
    const texts = [run.playlist.lowLatency()];
    const media = new Map<string, Buffer>();
    for (const init of run.inits) media.set(hlsNames.init(init.index), init.data);
    for (const one of run.parts) media.set(hlsNames.part(one.msn, one.index), one.data);
    for (const { msn, parts } of run.segments) {
      media.set(hlsNames.segment(msn), Buffer.concat(parts.map(({ data }) => data)));
    }
    return { media, texts };
  }

  const box = (bytes: Buffer, type: string): number => bytes.indexOf(type) + 4;
  /** Adds to the u32 that is `offset` bytes behind the box' type. */
  const add =
    (type: string, offset: number, value: number, nth = 0) =>
    (bytes: Buffer): Buffer => {
      let at = box(bytes, type);
      for (let i = 0; i < nth; i++) at = bytes.indexOf(type, at) + 4;
      bytes.writeUInt32BE(bytes.readUInt32BE(at + offset) + value, at + offset);
      return bytes;
    };
  const name = 'part-0-1.m4s';

  test.each<[string, string, (bytes: Buffer) => Buffer | undefined]>([
    ['mp4', name, (bytes) => bytes.subarray(0, -1)],
    ['mp4', name, (bytes) => Buffer.concat([bytes, Buffer.from('\0\0\0\x08free', 'latin1')])],
    ['mp4', name, add('trun', 16, 4)],
    ['mp4', name, (bytes) => ((bytes[box(bytes, 'mdat') + 4] = 0x09), bytes)],
    ['duration', name, add('trun', 12, 300)],
    ['continuity', name, add('tfdt', 8, 100)],
    ['continuity', name, add('tfdt', 8, 100, 1)],
    ['sequence-number', name, add('mfhd', 4, 1)],
    ['emsg', name, add('emsg', 4, 1)],
    ['sync-flag', name, add('trun', 20, 0x01000000 - 0x10000)],
    ['independent', name, (bytes) => ((bytes[box(bytes, 'mdat') + 4] = 0x65), add('trun', 20, 0x02000000 - 0x01010000)(bytes))], // prettier-ignore
    ['init', 'init-0.mp4', (bytes) => bytes.subarray(0, -1)],
    ['init', 'init-0.mp4', add('mdhd', 12, 1)],
    ['init', 'init-0.mp4', add('trex', 4, 7)],
    ['init', name, add('tfhd', 4, 7, 1)],
    ['segment-bytes', 'seg-0.m4s', (bytes) => ((bytes[bytes.length - 1]! ^= 1), bytes)],
  ])('%s: %s', (rule, uri, change) => {
    expect(withMedia(uri, (bytes) => bytes)).toEqual([]);
    expect(withMedia(uri, change)).toContain(rule);
  });

  test('missing, and not the same twice', () => {
    expect(withMedia(name, () => undefined, false)).toEqual(['missing']);
    const validator = new HlsValidator();
    validator.media('a', Buffer.from('1'));
    validator.media('a', Buffer.from('2'));
    expect(validator.problems).toEqual(['immutable: a has other bytes than before']);
  });
});
