import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Access, type Caller, isSameOrigin } from './Access.ts';
import { hostNameOf, isLoopbackName } from './loopback.ts';
import { grantsOfRole, isGranted, openPrincipal, type Principal } from './Principal.ts';
import { bearerOf, cookieOf, readToken, writeToken } from './secrets.ts';

const nodeSecret = 'node-secret';
const guest: Principal = {
  ...{ kind: 'share', ref: 'fll:guest', id: 'guest', name: 'guest', admin: false },
  grants: [{ right: 'watch', streamId: 'one' }],
};
const ada: Principal = {
  ...{ kind: 'user', ref: 'fls:ada', id: 'ada', name: 'Ada', admin: false },
  grants: grantsOfRole.publisher,
};
const known = new Map([guest, ada].map((principal) => [principal.ref, principal]));
const noUsers = { hasUsers: false, ofToken: () => undefined, ofSession: () => undefined, ofRef: () => undefined };
const directory = {
  hasUsers: true,
  ofToken: (token: string) => (token === 'guest-token' ? guest : undefined),
  ofSession: (cookie: string) => (cookie === 'ada-session' ? ada : undefined),
  ofRef: (ref: string) => known.get(ref),
};
const make = (host: string, adminToken?: string, users: typeof directory | typeof noUsers = noUsers) =>
  new Access({ host, adminToken, nodeSecret, directory: users });

const ask = (access: Access, token?: string, headers: Record<string, string> = {}, method = 'GET'): Caller =>
  access.identify({ method, token, headers: (name) => headers[name], address: '::1' });
const isAdmin = (access: Access, token?: string) => ask(access, token).principal?.admin === true;

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
  it('is open by the bind while there is no user, and by nothing else', () => {
    expect(make('127.0.0.1').open).toBe(true);
    expect(make('127.0.0.1', undefined, directory).open).toBe(false);
    expect(make('0.0.0.0').open).toBe(false);
    expect(make('192.168.1.4', 'token').open).toBe(false);
  });

  it('lets nobody in off loopback without a token configured', () => {
    const access = make('0.0.0.0');
    for (const token of [undefined, '', 'undefined', nodeSecret]) expect(isAdmin(access, token)).toBe(false);
  });

  it('takes exactly the tokens', () => {
    const access = make('0.0.0.0', 'admin');
    const mayPublish = (token: string) => access.mayPublish({ ...ask(access), token }, 'one', 'key');
    expect(isAdmin(access, 'admin')).toBe(true);
    expect(access.isNode(nodeSecret)).toBe(true);
    expect(access.isNode('admin')).toBe(false);
    expect(mayPublish('key')).toBe(true);
    expect(access.mayPublish(ask(access, 'admin'), 'one', 'key')).toBe(true);
    expect(access.isKey({ ...ask(access), token: 'undefined' }, undefined)).toBe(false);
    fc.assert(
      fc.property(fc.string(), (token) => {
        fc.pre(token !== 'admin' && token !== 'key');
        const fresh = make('0.0.0.0', 'admin');
        expect(isAdmin(fresh, token) || mayPublish(token) || (token !== nodeSecret && fresh.isNode(token))).toBe(false);
      }),
      { seed: 20_261_120 },
    );
  });

  it('gives each no more than its grants', () => {
    const access = make('0.0.0.0', 'admin', directory);
    const byLink = ask(access, 'guest-token');
    expect(access.may(byLink, 'watch', 'one')).toBe(true);
    expect(access.may(byLink, 'watch', 'two')).toBe(false);
    expect(access.may(byLink, 'watch')).toBe(false);
    expect(access.may(byLink, 'publish', 'one')).toBe(false);
    expect(() => access.requireMember(byLink)).toThrow('may not do this');
    const bySession = ask(access, undefined, { cookie: 'a=b; framelock_session=ada-session' });
    expect(bySession.principal).toBe(ada);
    expect(access.may(bySession, 'publish', 'any')).toBe(true);
    expect(access.may(bySession, 'manage', 'any')).toBe(false);
    expect(() => access.requireAdmin(bySession)).toThrow('administrator');
    expect(isGranted(grantsOfRole.admin, 'watch', undefined)).toBe(true);
    expect(isGranted([{ right: 'manage', streamId: 'one' }], 'publish', 'one')).toBe(true);
    expect(isGranted([{ right: 'manage', streamId: 'one' }], 'watch', undefined)).toBe(false);
  });

  it('believes a session only of its own pages', () => {
    const access = make('0.0.0.0', 'admin', directory);
    const own = { cookie: 'framelock_session=ada-session', host: 'here:8080', origin: 'http://here:8080' };
    const marked = { ...own, 'x-framelock': '1' };
    expect(ask(access, undefined, marked, 'POST').principal).toBe(ada);
    expect(() => ask(access, undefined, own, 'POST')).toThrow('x-framelock');
    expect(() => ask(access, undefined, { ...marked, origin: 'http://evil' }, 'POST')).toThrow('another origin');
    expect(() => ask(access, undefined, { ...marked, 'sec-fetch-site': 'same-site' }, 'DELETE')).toThrow('another');
    expect(() => ask(access, undefined, { ...own, upgrade: 'websocket', origin: 'http://evil' })).toThrow('another');
    expect(ask(access, undefined, { ...own, upgrade: 'websocket' }).principal).toBe(ada);
    // A token comes by itself from nowhere: it needs no such care.
    expect(ask(access, 'admin', { ...own, origin: 'http://evil' }, 'POST').principal?.admin).toBe(true);
  });

  it('asks who is live again', () => {
    const access = make('0.0.0.0', 'admin', directory);
    const byLink = access.admissionOf(ask(access, 'guest-token'), 'watch', 'one');
    expect(access.stillAdmits(byLink)).toBe(true);
    known.delete(guest.ref);
    expect(access.stillAdmits(byLink)).toBe(false);
    known.set(guest.ref, guest);
    const byKey = access.admissionOf(ask(access, 'key'), 'publish', 'one');
    expect(access.stillAdmits(byKey)).toBeUndefined();
    expect(access.isKeyOf(byKey, 'key')).toBe(true);
    expect(access.isKeyOf(byKey, 'other')).toBe(false);
    expect(access.stillAdmits({ streamId: 'one', right: 'watch', ref: openPrincipal.ref })).toBe(false);
    expect(make('127.0.0.1').stillAdmits({ streamId: 'one', right: 'watch', ref: openPrincipal.ref })).toBe(true);
  });

  it('tells who is known from who is not, and tires of guesses', () => {
    const access = make('0.0.0.0', 'admin', directory);
    expect(access.refusal(ask(access, 'guest-token'), 'x').code).toBe('forbidden');
    expect(access.refusal(ask(access), 'x').code).toBe('unauthorized');
    const codes = Array.from({ length: 200 }, (_, i) => access.refusal({ ...ask(access), token: `${i}` }, 'x').code);
    expect(codes[0]).toBe('unauthorized');
    expect(codes.at(-1)).toBe('rateLimited');
    expect(() => ask(access, 'a guess')).toThrow('too many wrong tokens');
    expect(isAdmin(access, 'admin')).toBe(true);
    expect(access.refusal({ ...ask(access), token: 'x', address: '10.0.0.1' }, 'x').code).toBe('unauthorized');
  });

  it('passes are for one Stream, end, and end with who has them', () => {
    const access = make('0.0.0.0', 'admin', directory);
    const admin = ask(access, 'admin').principal!;
    const pass = access.watchPass('one', admin, 1_000);
    expect(access.isWatchPass('one', pass, 1_000)).toBe(true);
    expect(make('0.0.0.0', 'admin').isWatchPass('one', pass, 999)).toBe(true);
    expect(access.isWatchPass('one', pass, 1_001)).toBe(false);
    expect(access.isWatchPass('two', pass, 0)).toBe(false);
    expect(make('0.0.0.0', 'other').isWatchPass('one', pass, 0)).toBe(false);
    expect(access.isWatchPass('one', pass.replace('1000', '2000'), 0)).toBe(false);
    expect(access.isWatchPass('one', pass.replace('adminToken', 'fls:ada'), 0)).toBe(false);
    expect(access.isWatchPass('one', 'admin', 0)).toBe(false);
    expect(isAdmin(access, pass)).toBe(false);
    const guests = access.watchPass('one', guest, 1_000);
    expect(access.isWatchPass('one', guests, 0)).toBe(true);
    known.delete(guest.ref);
    expect(access.isWatchPass('one', guests, 0)).toBe(false);
    known.set(guest.ref, guest);
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

it('cookieOf takes one by its whole name', () => {
  expect(cookieOf('a=1; session=x=y ;b=2', 'session')).toBe('x=y');
  for (const bad of [undefined, '', 'session', 'xsession=1', 'a=session=1']) {
    expect(cookieOf(bad, 'session')).toBeUndefined();
  }
});

it('tokens are read as they were written, and others are none', () => {
  const token = { kind: 'flt', id: 'abcdefghjkm2', secret: 'A-_b'.repeat(8) } as const;
  expect(readToken(writeToken(token))).toEqual(token);
  for (const bad of [
    '',
    'flt_abc_def',
    'admin',
    `flx_abcdefghjkm2_${'a'.repeat(32)}`,
    `flt_ABCDEFGHJKM2_${'a'.repeat(32)}`,
  ]) {
    expect(readToken(bad)).toBeUndefined();
  }
});

it('an origin is the same by host and port', () => {
  expect(isSameOrigin({ host: 'Here:80', origin: undefined })).toBe(true);
  expect(isSameOrigin({ host: 'HERE:8080', origin: 'https://here:8080' })).toBe(true);
  for (const origin of ['null', 'http://here', 'http://there:8080', 'x']) {
    expect(isSameOrigin({ host: 'here:8080', origin })).toBe(false);
  }
});
