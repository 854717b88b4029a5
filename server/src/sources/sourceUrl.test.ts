import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkSourceUrl, isPrivateHost, withoutCredentials } from './sourceUrl.ts';

describe('checkSourceUrl', () => {
  it.each([
    ['rtsp', 'rtsp://camera.example/stream1'],
    ['rtsp', 'RTSPS://user:p%40ss@camera.example:322/a/b?channel=1&subtype=0'],
    ['rtsp', 'rtsp://[2606:4700::1111]:554/'],
    ['rtsp', 'rtsp://8.8.8.8'],
    ['srt', 'srt://encoder.example:9000?mode=caller&passphrase=0123456789'],
  ] as const)('%s takes %s', (type, url) => expect(() => checkSourceUrl(type, url, false)).not.toThrow());

  it.each([
    ['rtsp', 'file:///etc/passwd'],
    ['rtsp', 'http://camera.example/stream'],
    ['rtsp', 'concat:rtsp://a|rtsp://b'],
    ['rtsp', 'srt://encoder.example:9000'],
    ['srt', 'rtsp://camera.example/1'],
    ['srt', 'srt://encoder.example'],
    ['srt', 'srt://encoder.example:0'],
    ['srt', 'srt://encoder.example:65536'],
    ['rtsp', 'rtsp://'],
    ['rtsp', 'camera.example'],
    ['rtsp', '-i'],
    ['rtsp', 'rtsp://a b/'],
    ['rtsp', 'rtsp://a/\nb'],
    ['rtsp', 'rtsp://a/\u0000'],
    ['rtsp', 'rtsp://public.example\\@127.0.0.1/'],
    ['rtsp', 'rtsp://public.example@127.0.0.1@public.example/'],
    ['rtsp', 'rtsp://a#@127.0.0.1/'],
    ['rtsp', 'rtsp://2130706433/'],
    ['rtsp', 'rtsp://0x7f000001/'],
    ['rtsp', 'rtsp://127.1/'],
    ['rtsp', 'rtsp://[127.0.0.1]/'],
    ['rtsp', 'rtsp://127.0.0.1./'],
  ] as const)('%s refuses %j in words, also where private addresses are allowed', (type, url) => {
    expect(() => checkSourceUrl(type, url, true)).toThrow(/^url: .+ looks like /);
  });

  it('refuses private addresses unless allowed, and says which setting allows them', () => {
    for (const host of ['127.0.0.1', '[::1]', '[::ffff:10.0.0.1]', '192.168.1.10', 'localhost', 'cam.local']) {
      expect(() => checkSourceUrl('rtsp', `rtsp://${host}/`, false)).toThrow('SOURCE_ALLOW_PRIVATE=true');
      expect(() => checkSourceUrl('rtsp', `rtsp://${host}/`, true)).not.toThrow();
    }
  });
});

it.each([
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.8.8.8',
  '169.254.169.254',
  '172.31.255.255',
  '192.168.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '64:ff9b::7f00:1',
  'fd00::1',
  'fe80::1',
  'fec0::1',
  'ff02::1',
  'LOCALHOST.',
  'a.localhost',
  'metadata.google.internal',
])('%s is private', (host) => expect(isPrivateHost(host)).toBe(true));

it.each(['8.8.8.8', '172.32.0.1', '2606:4700::1111', 'camera.example', 'localhost.example'])('%s is not', (host) =>
  expect(isPrivateHost(host)).toBe(false),
);

describe('withoutCredentials', () => {
  it('shows where, and no secret', () => {
    expect(withoutCredentials('rtsp://me:pa:ss@camera.example:554/1')).toBe('rtsp://camera.example:554/1');
    expect(withoutCredentials('rtsp://camera.example/1')).toBe('rtsp://camera.example/1');
    expect(withoutCredentials('srt://a.example:9?passphrase=secret&mode=caller')).toBe(
      'srt://a.example:9?passphrase=…&mode=…',
    );
  });

  it('never shows what stands before the last @ of the authority, nor a value', () => {
    const secret = fc.string({ minLength: 12, maxLength: 20 }).map((text) => `${text.replace(/[\s/?#@\\=&]/g, 'x')}#1`);
    fc.assert(
      fc.property(secret, secret, (user, value) => {
        const shown = withoutCredentials(`rtsp://${user}:${user}@h.example/p?a=${value}&b=${value}`);
        expect(shown).toBe('rtsp://h.example/p?a=…&b=…');
      }),
      { seed: 20_261_121 },
    );
  });
});
