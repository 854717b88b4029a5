import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { SetupProblem } from '../setup/report.mjs';

/** Throws one sentence naming the first port of this run that something else has taken. */
export async function assertPortsFree({ host, port, rtcPorts }) {
  await assertFree(listenTcp, host, port, 'TCP', 'PORT');
  for (const rtcPort of rtcPorts) {
    await assertFree(listenTcp, host, rtcPort, 'TCP', 'RTC_PORT');
    await assertFree(listenUdp, host, rtcPort, 'UDP', 'RTC_PORT');
  }
}

async function assertFree(listen, host, port, protocol, variable) {
  try {
    await listen(host, port);
  } catch (error) {
    const why =
      {
        EADDRINUSE: `is in use by another program (perhaps another framelock); stop that one, or set ${variable} to another port`,
        EACCES: `may not be used by this user; set ${variable} to a port above 1023`,
        EADDRNOTAVAIL: `can't be used, since this machine has no address ${host}; set HOST to one that it has`,
      }[error.code] ?? `can't be used (${error.message}); set ${variable} or HOST to something else`;
    throw new SetupProblem(`${protocol} port ${port} on ${host} ${why}`);
  }
}

function listenTcp(host, port) {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });
}

function listenUdp(host, port) {
  return new Promise((resolve, reject) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4').once('error', reject);
    socket.bind({ address: host, port, exclusive: true }, () => socket.close(() => resolve()));
  });
}
