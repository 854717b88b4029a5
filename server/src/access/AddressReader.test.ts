import { expect, it } from 'vitest';
import { AddressReader } from './AddressReader.ts';

const request = (remoteAddress: string, forwarded?: string) => ({
  socket: { remoteAddress } as never,
  headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
});

it('believes nobody unless told to', () => {
  const reader = new AddressReader([]);
  expect(reader.of(request('10.0.0.1', '1.2.3.4'))).toBe('10.0.0.1');
  expect(reader.of(request('::ffff:10.0.0.1'))).toBe('10.0.0.1');
});

it('takes the last address that is no trusted proxy', () => {
  const reader = new AddressReader(['127.0.0.1', '10.0.0.0/8', '2001:db8::/32']);
  expect(reader.of(request('127.0.0.1', '1.2.3.4'))).toBe('1.2.3.4');
  expect(reader.of(request('::ffff:127.0.0.1', 'claimed, 1.2.3.4, 10.9.9.9'))).toBe('1.2.3.4');
  expect(reader.of(request('2001:db8::1', '2001:4860::8'))).toBe('2001:4860::8');
  expect(reader.of(request('192.168.0.1', '1.2.3.4'))).toBe('192.168.0.1');
  expect(reader.of(request('127.0.0.1', 'unknown'))).toBe('127.0.0.1');
  expect(reader.of(request('127.0.0.1'))).toBe('127.0.0.1');
});
