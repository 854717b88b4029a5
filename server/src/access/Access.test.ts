import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Access, bearerOf } from './Access.ts';
import { hostNameOf, isLoopbackName } from './loopback.ts';

const nodeSecret = 'node-secret';
const make = (host: string, adminToken?: string) => new Access({ host, adminToken, nodeSecret });

describe('loopback', () => {
  it.each(['127.0.0.1', '127.255.0.3', '::1', '[::1]', 'localhost', 'LocalHost'])('is %s', (host) => {
    expect(isLoopbackName(host)).toBe(true);
  });

  it.each([
    '0.0.0.0',
    '::',
    '128.0.0.1',
    '1270.0.0.1',
    '127.0.0.1.example',
    'localhost.example',
    '127.0.0',
    '',
    '::ffff:1.2.3.4',
  ])('is not %j', (host) => expect(isLoopbackName(host)).toBe(false));

  it('a Host header gives its name and nothing else', () => {
    expect(hostNameOf('localhost:8080')).toBe('localhost');
    expect(hostNameOf('[::1]:8080')).toBe('[::1]');
    for (const bad of ['localhost:8080:1', 'localhost:', 'a/b', 'a@localhost', ' localhost', 'localhost,evil', '::1']) {
      expect(hostNameOf(bad)).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.string(), (header) => {
        const name = hostNameOf(header);
        if (name !== undefined) expect(header.startsWith(name)).toBe(true);
      }),
      { seed: 20_261_120 },
    );
  });
});

describe('Access', () => {
  it('is open by the bind and by nothing else', () => {
    expect(make('127.0.0.1').open).toBe(true);
    expect(make('0.0.0.0').open).toBe(false);
    expect(make('192.168.1.4', 'token').open).toBe(false);
  });

  it('lets nobody in off loopback without a token configured', () => {
    const access = make('0.0.0.0');
    for (const token of [undefined, '', 'undefined', nodeSecret]) expect(access.isAdmin(token)).toBe(false);
  });

  it('takes exactly the tokens', () => {
    const access = make('0.0.0.0', 'admin');
    expect(access.isAdmin('admin')).toBe(true);
    expect(access.isNode(nodeSecret)).toBe(true);
    expect(access.isNode('admin')).toBe(false);
    expect(access.mayPublish('key', 'key')).toBe(true);
    expect(access.mayPublish('admin', 'key')).toBe(true);
    fc.assert(
      fc.property(fc.string(), (token) => {
        fc.pre(token !== 'admin' && token !== 'key');
        expect(
          access.isAdmin(token) || access.mayPublish(token, 'key') || (token !== nodeSecret && access.isNode(token)),
        ).toBe(false);
      }),
      { seed: 20_261_120 },
    );
  });

  it('passes are for one Stream, end, and end with the admin token', () => {
    const access = make('0.0.0.0', 'admin');
    const pass = access.watchPass('one', 1_000);
    expect(access.isWatchPass('one', pass, 1_000)).toBe(true);
    expect(make('0.0.0.0', 'admin').isWatchPass('one', pass, 999)).toBe(true);
    expect(access.isWatchPass('one', pass, 1_001)).toBe(false);
    expect(access.isWatchPass('two', pass, 0)).toBe(false);
    expect(make('0.0.0.0', 'other').isWatchPass('one', pass, 0)).toBe(false);
    expect(access.isWatchPass('one', pass.replace('1000', '2000'), 0)).toBe(false);
    expect(access.isWatchPass('one', 'admin', 0)).toBe(false);
    expect(access.isAdmin(pass)).toBe(false);
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(access.isWatchPass('one', text, 0)).toBe(false);
      }),
      { seed: 20_261_121 },
    );
  });

  it('asks nodes for their secret on loopback as well', () => {
    expect(make('127.0.0.1').isNode(undefined)).toBe(false);
    expect(make('127.0.0.1').isNode('wrong')).toBe(false);
  });
});

it('bearerOf reads the one scheme', () => {
  expect(bearerOf('Bearer abc')).toBe('abc');
  expect(bearerOf('bearer abc')).toBe('abc');
  for (const bad of [undefined, '', 'Basic abc', 'Bearer', 'Bearer ', 'Bearer a b', `Bearer ${'x'.repeat(600)}`]) {
    expect(bearerOf(bad)).toBeUndefined();
  }
});
