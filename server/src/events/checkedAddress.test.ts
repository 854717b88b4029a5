import { describe, expect, it } from 'vitest';
import { checkedAddress, ForbiddenAddress, type ResolvedAddress } from './checkedAddress.ts';
import { checkHeaders, checkTargetUrl, hostOf } from './TargetSettings.ts';

const resolveTo =
  (...addresses: string[]) =>
  async (): Promise<ResolvedAddress[]> =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

describe('checkedAddress', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '169.254.169.254',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    'fd00:ec2::254',
    '0.0.0.0',
    '100.64.0.1',
    'fe80::1',
  ])('refuses a name that means %s, also beside a good address', async (address) => {
    const check = (...addresses: string[]) =>
      checkedAddress('a.example', { allowPrivate: false, resolve: resolveTo(...addresses) });
    await expect(check(address)).rejects.toThrow(ForbiddenAddress);
    await expect(check('93.184.215.14', address)).rejects.toThrow(ForbiddenAddress);
    await expect(checkedAddress(address, { allowPrivate: false })).rejects.toThrow('TARGET_ALLOW_PRIVATE');
  });

  it('answers the address that was checked, and asks for it once', async () => {
    let asked = 0;
    const resolve = async (): Promise<ResolvedAddress[]> => {
      asked++;
      return [{ address: asked === 1 ? '93.184.215.14' : '127.0.0.1', family: 4 }];
    };
    expect(await checkedAddress('a.example', { allowPrivate: false, resolve })).toEqual({
      ...{ address: '93.184.215.14', family: 4 },
    });
    expect(asked).toBe(1);
  });

  it('takes all where that is allowed, but nothing where there is nothing', async () => {
    const options = { allowPrivate: true, resolve: resolveTo('127.0.0.1') };
    expect(await checkedAddress('a.example', options)).toEqual({ address: '127.0.0.1', family: 4 });
    await expect(checkedAddress('a.example', { ...options, resolve: resolveTo() })).rejects.toThrow('no address');
  });
});

describe('checkTargetUrl', () => {
  const check = (url: string, kind: 'webhook' | 'mqtt' = 'webhook') => checkTargetUrl(kind, url, false);

  it.each([
    ...[
      'http://127.0.0.1/',
      'http://2130706433/',
      'http://0x7f.1/',
      'http://0177.0.0.1/',
      'http://127.1/',
      'http://[::1]/',
    ],
    ...[
      'http://[::ffff:127.0.0.1]/',
      'http://[::ffff:7f00:1]:80/x',
      'http://localhost/',
      'http://LOCALHOST./x',
      'http://10.0.0.1',
    ],
    ...['http://169.254.169.254/latest/meta-data', 'https://[fd00:ec2::254]/', 'http://metadata.google.internal/'],
    ...['http://①②⑦.⓪.⓪.①/'],
  ])('refuses %s', (url) => expect(() => check(url)).toThrow('TARGET_ALLOW_PRIVATE'));

  it.each(['mqtt://127.0.0.1', 'mqtt://2130706433:1883', 'mqtts://[::ffff:127.0.0.1]', 'mqtt://localhost'])(
    'refuses %s',
    (url) => expect(() => check(url, 'mqtt')).toThrow('TARGET_ALLOW_PRIVATE'),
  );

  it('takes what leads elsewhere', () => {
    for (const url of ['https://hooks.example/a?b=c', 'http://93.184.215.14:8080/', 'https://[2606:2800:21f::1]/'])
      check(url);
    for (const url of ['mqtt://broker.example', 'mqtts://broker.example:8883']) check(url, 'mqtt');
    checkTargetUrl('webhook', 'http://127.0.0.1:9/', true);
    expect(hostOf(new URL('mqtt://2130706433'))).toBe('127.0.0.1');
  });

  it.each([
    ['https://user:secret@a.example/', 'password'],
    ['https://a.example/#x', '#'],
    ['ftp://a.example/', 'URL'],
    ['https:\\\\a.example', 'URL'],
    ['https://a.example/ x', 'URL'],
    ['mqtt://a.example', 'URL'],
    ['https://', 'URL'],
  ])('refuses %s', (url, words) => expect(() => check(url)).toThrow(words));

  it('leaves the headers of the delivery alone', () => {
    checkHeaders({ Authorization: 'Bearer x', 'X-Room': '1' });
    for (const name of ['Host', 'webhook-signature', 'Content-Length', 'TRANSFER-ENCODING']) {
      expect(() => checkHeaders({ [name]: 'x' })).toThrow(name);
    }
  });
});
