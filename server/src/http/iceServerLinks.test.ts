import { expect, it } from 'vitest';
import { iceServerLinks } from './iceServerLinks.ts';

it('names each URL by itself, with the credentials of TURN', () => {
  expect(
    iceServerLinks([
      { urls: 'stun:stun.example.net' },
      { urls: ['turn:t.example.net?transport=udp', 'turns:t.example.net'], username: '17:peer', credential: 'aB+/=' },
    ]),
  ).toEqual([
    '<stun:stun.example.net>; rel="ice-server"',
    '<turn:t.example.net?transport=udp>; rel="ice-server"; username="17:peer"; credential="aB+/="; credential-type="password"',
    '<turns:t.example.net>; rel="ice-server"; username="17:peer"; credential="aB+/="; credential-type="password"',
  ]);
});

it('leaves out what would break the header', () => {
  const bad = ['a"b', 'a;b', 'a,b', 'a\r\nSet-Cookie: x', 'ä', 'a\\b'];
  for (const credential of bad) {
    expect(iceServerLinks([{ urls: 'turn:t', username: 'u', credential }])).toEqual([]);
    expect(iceServerLinks([{ urls: `stun:${credential}\r\n` }])).toEqual([]);
  }
});
