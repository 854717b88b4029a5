import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { coveredAddresses, isUnspecified, reachableAddress, rtcListenInfos } from './listenAddresses.ts';

const address = (family: 'IPv4' | 'IPv6', ip: string, internal = false): NetworkInterfaceInfo =>
  ({ family, address: ip, internal, netmask: '', mac: '', cidr: null, scopeid: 0 }) as NetworkInterfaceInfo;
const interfaces = {
  lo: [address('IPv4', '127.0.0.1', true), address('IPv6', '::1', true)],
  eth0: [address('IPv4', '192.168.1.7'), address('IPv6', 'fe80::1'), address('IPv6', '2001:db8::7')],
};

describe('addresses that a host covers', () => {
  test('a concrete address covers itself', () => {
    expect(coveredAddresses('127.0.0.1', interfaces)).toEqual(['127.0.0.1']);
    expect(coveredAddresses('10.1.2.3', interfaces)).toEqual(['10.1.2.3']);
  });

  test('0.0.0.0 covers every IPv4 address, :: also IPv6 without link-local ones; loopback comes last', () => {
    expect(coveredAddresses('0.0.0.0', interfaces)).toEqual(['192.168.1.7', '127.0.0.1']);
    expect(coveredAddresses('::', interfaces)).toEqual(['192.168.1.7', '2001:db8::7', '127.0.0.1', '::1']);
    expect(reachableAddress('0.0.0.0', interfaces)).toBe('192.168.1.7');
    expect(coveredAddresses('0.0.0.0', {})).toEqual(['127.0.0.1']);
  });

  test.each(['0.0.0.0', '::', '0:0:0:0:0:0:0:0'])('%s is unspecified', (host) =>
    expect(isUnspecified(host)).toBe(true),
  );
  test.each(['127.0.0.1', '::1', '10.0.0.0', 'fe80::', 'localhost'])('%s is not', (host) =>
    expect(isUnspecified(host)).toBe(false),
  );
});

describe('rtcListenInfos', () => {
  test('has UDP and TCP per address, and never announces 0.0.0.0', () => {
    const infos = rtcListenInfos({ host: '0.0.0.0', port: 40001 }, interfaces);
    expect(infos.map(({ protocol, ip, port }) => `${protocol} ${ip} ${port}`)).toEqual([
      'udp 192.168.1.7 40001',
      'tcp 192.168.1.7 40001',
      'udp 127.0.0.1 40001',
      'tcp 127.0.0.1 40001',
    ]);
  });

  test('with ANNOUNCED_IP listens on all and announces it alone', () => {
    const infos = rtcListenInfos({ host: '127.0.0.1', announcedIp: '203.0.113.9', port: 40000 }, interfaces);
    expect(infos.map(({ ip, announcedAddress }) => [ip, announcedAddress])).toEqual([
      ['0.0.0.0', '203.0.113.9'],
      ['0.0.0.0', '203.0.113.9'],
    ]);
    expect(rtcListenInfos({ host: '::1', announcedIp: '2001:db8::9', port: 1 }, interfaces)[0]!.ip).toBe('::');
  });
});
