import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { RtpReceiver } from './RtpReceiver.ts';
import { parseUdpDrops, readUdpDrops, udpKey } from './udpDrops.ts';

it('reads the table as proc_net_udp(5) has it, and nothing else', () => {
  const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
12509: 0100007F:B090 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 263907 2 0000000035e69d76 41
14609: 00000000000000000000000001000000:B8C4 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 267905 2 000000003860d055 7
what is this`;
  const drops = parseUdpDrops(table);
  expect([...drops.values()]).toEqual([41, 7]);
  expect(drops.get(udpKey({ ip: '127.0.0.1', port: 0xb090 }))).toBe(41);
  expect(drops.get(udpKey({ ip: '::1', port: 0xb8c4 }))).toBe(7);
  expect(udpKey({ ip: '2001:db8::ff00:42:8329', port: 1 })).toBe('B80D01200000000000FF000029834200:0001');
});

const countsDrops = existsSync('/proc/net/udp');
if (!countsDrops) console.log('what the kernel drops is not tested: only Linux tells it, in /proc/net/udp');
it.skipIf(!countsDrops)("finds what the kernel dropped at a tap's socket that nobody read", async () => {
  const receiver = await RtpReceiver.create({ host: '127.0.0.1', onFrame: () => {}, onBroken: () => {} });
  const { port } = receiver.local;
  // This thread waits for the sender to be done, so nothing is read meanwhile: 48 MB are more than any buffer holds.
  const flood = `const s = require('dgram').createSocket('udp4'); const b = Buffer.alloc(1200); let n = 0;
    const go = () => (n++ < 40000 ? s.send(b, ${port}, '127.0.0.1', go) : s.close()); go();`;
  expect(spawnSync(process.execPath, ['-e', flood]).status).toBe(0);
  const dropped = (await readUdpDrops())!.get(udpKey(receiver.local))!;
  expect(dropped).toBeGreaterThan(0);
  receiver.countKernelDrops((await readUdpDrops())!);
  expect(receiver.counts.kernelDropped).toBe(dropped);
  receiver.close('test');
});

it('knows how much the kernel gives a socket', async () => {
  const receiver = await RtpReceiver.create({ host: '127.0.0.1', onFrame: () => {}, onBroken: () => {} });
  expect(receiver.receiveBuffer.givenBytes).toBeGreaterThan(0);
  expect(receiver.receiveBuffer.askedBytes).toBeGreaterThanOrEqual(4 * 1024 * 1024);
  receiver.close('test');
});
