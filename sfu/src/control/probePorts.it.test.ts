import { afterEach, expect, it } from 'vitest';
import { MediaWorker } from '../MediaWorker.ts';
import { rtcListenInfos } from '../listenAddresses.ts';
import { testWorkerBin } from '../testing/workerBin.ts';
import { probePorts } from './probePorts.ts';

let worker: MediaWorker;
const start = async (options: { host: string; announcedIp?: string }) => {
  worker = await MediaWorker.create({
    index: 0,
    workerBin: testWorkerBin(),
    listenInfos: rtcListenInfos({ ...options, port: 0 }),
  });
};
afterEach(() => worker.close());

it('finds the ports of a Worker answering by UDP and TCP, and leaves nothing there', async () => {
  await start({ host: '127.0.0.1' });
  const ports = await probePorts([worker]);
  expect(ports).toMatchObject([
    { ip: '127.0.0.1', protocol: 'udp', open: true },
    { ip: '127.0.0.1', protocol: 'tcp', open: true },
  ]);
  expect(ports.every(({ error }) => error === undefined)).toBe(true);
  expect((await worker.webRtcServer.dump()).webRtcTransportIds).toEqual([]);
});

it('asks on loopback where the announced address is not its own', async () => {
  await start({ host: '0.0.0.0', announcedIp: '203.0.113.7' });
  expect(await probePorts([worker])).toMatchObject([
    { ip: '127.0.0.1', protocol: 'udp', open: true },
    { ip: '127.0.0.1', protocol: 'tcp', open: true },
  ]);
});
