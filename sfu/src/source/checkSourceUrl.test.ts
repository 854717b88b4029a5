import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Refusal } from '@framelock/server/protocol';
import { addressProblem, checkSourceUrl } from './checkSourceUrl.ts';
import { callerOptions } from './SrtInput.ts';

const check = (text: string, allowPrivateAddresses = false, addresses = ['93.184.216.34']) =>
  checkSourceUrl(text, {
    schemes: ['rtsp', 'rtsps'],
    defaultPorts: { rtsp: 554, rtsps: 322 },
    allowPrivateAddresses,
    resolve: async (host) => (/^[\d.]+$|:/.test(host) ? [host] : addresses),
  });

describe('checkSourceUrl', () => {
  test('calls the address that was checked, and keeps credentials, path and query as they are', async () => {
    expect(await check('rtsp://us%40er:p%3Aw@camera.example/Streaming/1?a=b&c')).toMatchObject({
      scheme: 'rtsp',
      address: '93.184.216.34',
      port: 554,
      credentials: 'us%40er:p%3Aw@',
      path: '/Streaming/1?a=b&c',
      secrets: ['p%3Aw', 'p:w'],
    });
  });

  test.each([
    'file:///etc/passwd',
    'http://camera.example/',
    'concat:a|b',
    'pipe:0',
    '-i',
    'rtmp://x/y',
    'RTSP',
    '//x',
  ])('refuses %s', async (text) => {
    await expect(check(text, true)).rejects.toMatchObject({ code: 'badRequest' });
  });

  test.each([
    'rtsp://-host/',
    'rtsp:///path',
    'rtsp://a b/',
    'rtsp://a/\r\nX: y',
    'rtsp://a\\@b/',
    'rtsp://a,b/',
    "rtsp://a/'",
  ])('refuses the odd URL %j', async (text) => {
    await expect(check(text, true)).rejects.toMatchObject({ code: 'badRequest' });
  });

  test('one inside address among several is enough to refuse', async () => {
    const refused = check('rtsp://camera.example/', false, ['93.184.216.34', '192.168.1.10']);
    await expect(refused).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringMatching(/SOURCE_ALLOW_PRIVATE/),
    });
    expect(await check('rtsp://camera.example/', true, ['192.168.1.10'])).toMatchObject({ address: '192.168.1.10' });
  });

  test('never throws anything but a Refusal', async () => {
    const text = fc.oneof(
      fc.string(),
      fc.string().map((tail) => `rtsp://${tail}`),
    );
    await fc.assert(
      fc.asyncProperty(text, async (one) => {
        const error = await check(one).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error === undefined || error instanceof Refusal).toBe(true);
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});

describe('addressProblem', () => {
  test.each([
    ...['127.0.0.1', '10.1.2.3', '172.31.0.1', '192.168.0.1', '169.254.169.254', '100.64.0.1', '198.18.0.1', '::1'],
    ...['fe80::1', 'fd00:ec2::254', '::ffff:127.0.0.1', '::ffff:a9fe:a9fe', '64:ff9b::a00:1', '2002:7f00:1::'],
  ])('%s is inside', (address) => {
    expect(addressProblem(address, false)).toMatch(/inside|no address/);
    expect(addressProblem(address, true)).toBeUndefined();
  });

  test.each(['0.0.0.0', '224.0.0.1', '255.255.255.255', '::', 'ff02::1', '::ffff:224.0.0.1', 'camera'])(
    '%s is refused always',
    (address) => {
      expect(addressProblem(address, true)).toBeDefined();
    },
  );

  test.each(['93.184.216.34', '2606:2800:220:1:248:1893:25c8:1946'])('%s may be called', (address) => {
    expect(addressProblem(address, false)).toBeUndefined();
  });
});

describe('callerOptions', () => {
  const options = (query: string) => callerOptions(new URLSearchParams(query));

  test('passes what it knows, latency in milliseconds as in microseconds', () => {
    expect(options('latency=120').options).toEqual(['-latency', '120000']);
    expect(options('latency=250000').options).toEqual(['-latency', '250000']);
    expect(options('mode=caller&passphrase=0123456789&pbkeylen=32&streamid=%23!::r=x')).toEqual({
      options: ['-passphrase', '0123456789', '-pbkeylen', '32', '-srt_streamid', '#!::r=x', '-latency', '200000'],
      secrets: ['0123456789', '#!::r=x'],
    });
  });

  test.each(['mode=listener', 'passphrase=short', 'pbkeylen=1', 'ffs=1', 'latency=-1', 'passphrase=with blank in it'])(
    'refuses %s',
    (query) => {
      expect(() => options(query)).toThrow(Refusal);
    },
  );
});
