import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { ResultOf, SfuControlContract } from '@framelock/server/protocol';
import type { MediaWorker } from '../MediaWorker.ts';
import { bindingProblem, bindingRequest } from '../stunBinding.ts';

type ProbedPorts = ResultOf<SfuControlContract, 'probePorts'>['ports'];

const udpTries = 3;
const udpWaitMs = 400;
const tcpWaitMs = 1_500;

/**
 * Sends each RTC port of this node a connectivity check as a browser would, by UDP and by TCP: a WebRtcServer answers
 * nobody who does not know a transport's password, so one is made for it. An announced address that is none of this
 * machine's own can't be told apart from here: then its port is asked on loopback.
 */
export async function probePorts(workers: readonly MediaWorker[]): Promise<ProbedPorts> {
  const own = new Set(
    Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address)),
  );
  const probed = await Promise.all(workers.map((worker) => probeWorker(worker, own)));
  return probed.flat();
}

async function probeWorker(worker: MediaWorker, own: ReadonlySet<string>): Promise<ProbedPorts> {
  const router = await worker.createRouter([]);
  try {
    const { webRtcServer } = worker;
    const transport = await router.createWebRtcTransport({ webRtcServer, enableTcp: true });
    return await Promise.all(
      transport.iceCandidates.map(async ({ ip, address, port, protocol }) => {
        const announced = address ?? ip;
        const host = own.has(announced) ? announced : isIPv6(announced) ? '::1' : '127.0.0.1';
        const request = bindingRequest(transport.iceParameters);
        const error = await (protocol === 'udp' ? askByUdp : askByTcp)(host, port, request);
        return { ip: host, port, protocol, open: error === undefined, ...(error === undefined ? {} : { error }) };
      }),
    );
  } finally {
    router.close();
  }
}

/** Nothing, or what is wrong. */
function askByUdp(host: string, port: number, request: Buffer): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    let tries = 0;
    const ask = () => {
      if (tries++ < udpTries) socket.send(request, port, host, (error) => error && done(error.message));
      else done('no answer');
    };
    const timer = setInterval(ask, udpWaitMs);
    const done = (problem: string | undefined) => {
      clearInterval(timer);
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      socket.close();
      resolve(problem);
    };
    socket.once('message', (answer) => done(bindingProblem(answer)));
    socket.once('error', (error) => done(error.message));
    ask();
  });
}

/** With the two bytes of length before each message (RFC 4571), as ICE over TCP has it (RFC 6544). */
function askByTcp(host: string, port: number, request: Buffer): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    let received = Buffer.alloc(0);
    const done = (problem: string | undefined) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(problem);
    };
    const timer = setTimeout(() => done('no answer'), tcpWaitMs);
    socket.once('connect', () => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(request.length);
      socket.write(Buffer.concat([length, request]));
    });
    socket.on('data', (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      if (received.length >= 22) done(bindingProblem(received.subarray(2)));
    });
    socket.on('error', (error) => done(error.message));
    socket.on('close', () => done('it closed the connection'));
  });
}
