import { expect, it } from 'vitest';
import { createIceServersFor, temporaryCredentials } from './iceServers.ts';

const stun = { urls: 'stun:stun.example:3478' };
const urls = ['turn:turn.example:3478?transport=udp', 'turns:turn.example:5349'];
const now = () => 1_700_000_000_000;

it('gives what ICE_SERVERS says where there is no TURN', () => {
  expect(createIceServersFor({ iceServers: [stun], turn: undefined })('peer')).toEqual([stun]);
});

it("makes coturn's temporary credentials: expiry in 6 h, HMAC-SHA1 of the name", () => {
  const [first, turn] = createIceServersFor({ iceServers: [stun], turn: { urls, secret: 'north' }, now })('peer-1');
  expect(first).toEqual(stun);
  // printf %s '1700021600:peer-1' | openssl dgst -sha1 -hmac north -binary | base64
  expect(turn).toEqual({ urls, username: '1700021600:peer-1', credential: 'GYZiWusJQF+t8SOPBPut2jP55mo=' });
});

it('is another name and another password for another peer', () => {
  const one = temporaryCredentials('north', 'a', now());
  const other = temporaryCredentials('north', 'b', now());
  expect(one.username).not.toBe(other.username);
  expect(one.credential).not.toBe(other.credential);
});

it('gives static credentials where no secret is set', () => {
  const turn = { urls, username: 'me', credential: 'secret' };
  expect(createIceServersFor({ iceServers: [], turn })('peer')).toEqual([turn]);
});
