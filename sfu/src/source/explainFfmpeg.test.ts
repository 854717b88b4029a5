import { describe, expect, test } from 'vitest';
import { explainFfmpeg, withoutSecrets } from './explainFfmpeg.ts';

describe('explainFfmpeg', () => {
  test.each([
    ['[rtsp @ 0x55] method DESCRIBE failed: 401 Unauthorized', /wrong user or password/],
    ['[rtsp @ 0x55] method DESCRIBE failed: 404 Not Found', /404/],
    ['[tcp @ 0x5] Connection to tcp://10.0.0.1:554?timeout=0 failed: Connection refused', /is it on/],
    ['rtsp://10.0.0.1/x: Connection timed out', /no answer in time/],
    ['srt://1.2.3.4:9: Protocol not found', /lacks the protocol/],
    ['[mov @ 0x5] moov atom not found', /not complete|moov/],
    ['[hls @ 0x56] Format not on whitelist', /not a video file/],
    ['Output file #0 does not contain any stream', /no video or audio in it/],
    ["Unknown encoder 'libx264'", /lacks an encoder/],
    ['file:/x/y.mp4: No such file or directory', /not there/],
  ])('%s', (line, says) => {
    expect(explainFfmpeg(['[warning] Past duration 0.9 too large', line, 'Conversion failed!'])).toMatch(says);
  });

  test('an unknown line stays, without its origin and without credentials', () => {
    const lines = ['[rtsp @ 0x5] rtsp://me:secret@cam/x: Something odd', 'Conversion failed!'];
    expect(explainFfmpeg(lines)).toBe('rtsp://cam/x: Something odd');
    expect(explainFfmpeg([])).toMatch(/without a word/);
  });

  test('secrets go, wherever they are', () => {
    expect(withoutSecrets('srt://h:1?passphrase=abc&latency=2 and hunter22!', ['hunter22'])).toBe(
      'srt://h:1?passphrase=…&latency=2 and …!',
    );
  });
});
