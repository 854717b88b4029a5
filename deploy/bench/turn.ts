// The coturn recipe of docs/TURN.md, tried: coturn on loopback, the product with TURN_URLS and TURN_SECRET, and a
// Chromium that may use relayed candidates only publishes through it. `node deploy/bench/turn.ts`; needs Debian's coturn.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../client/e2e/harness/eventually.ts';
import { Stage } from '../../client/e2e/harness/Stage.ts';

const port = Number(process.env.TURN_PORT ?? 34_780);
const secret = randomBytes(16).toString('hex');

if (spawnSync('turnserver', ['--version']).error) {
  console.log('not tried: there is no turnserver on the PATH (Debian: apt install coturn)');
  process.exit(0);
}

const turn = spawn(
  'turnserver',
  [
    ...['-n', '--listening-ip=127.0.0.1', `--listening-port=${port}`, '--relay-ip=127.0.0.1', '--no-tls', '--no-dtls'],
    ...['--use-auth-secret', `--static-auth-secret=${secret}`, '--realm=framelock', '--no-cli'],
    // Only because everything is on one machine here; never on a public server.
    ...['--allow-loopback-peers', '--log-file=stdout', '--pidfile=/dev/null', '--min-port=35000', '--max-port=35100'],
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
let log = '';
turn.stdout.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-100_000)));
await sleep(500);

let stage: Stage | undefined;
try {
  stage = await Stage.create({ TURN_URLS: `turn:127.0.0.1:${port}?transport=udp`, TURN_SECRET: secret });
  const { product, browser } = stage;
  const stream = await product.createStream('relayed');
  const page = await browser.newPage();
  await page.addInitScript(() => {
    const Direct = window.RTCPeerConnection;
    const connections: RTCPeerConnection[] = [];
    Object.assign(window, { connections });
    window.RTCPeerConnection = class extends Direct {
      constructor(configuration?: RTCConfiguration) {
        super({ ...configuration, iceTransportPolicy: 'relay' });
        connections.push(this);
      }
    };
  });
  await page.goto(`${product.url}/publish/${stream.id}?autostart=1&codec=vp8&width=640&height=360`);
  await eventually('it is live', async () => (await product.stream(stream.id)).state === 'live');
  await eventually('it is analysed', async () => ((await product.stream(stream.id)).analysis.analysisFps ?? 0) > 1);
  const pair = await page.evaluate(async () => {
    // mediasoup-client makes one only to see what the browser can do.
    const { connections } = window as unknown as { connections: RTCPeerConnection[] };
    const reports = await Promise.all(connections.map((connection) => connection.getStats()));
    const stats = reports.flatMap((report) => [...report.values()]) as Record<string, unknown>[];
    const chosen = stats.find((one) => one.type === 'candidate-pair' && one.nominated && one.state === 'succeeded');
    const local = stats.find(({ id }) => id === chosen?.localCandidateId);
    return { type: local?.candidateType, protocol: local?.relayProtocol, bytesSent: chosen?.bytesSent };
  });
  console.log(`publishes through TURN: ${JSON.stringify(pair)}`);
  const report = (await (await fetch(`${product.url}/api/v1/doctor`)).json()) as { findings: { id: string }[] };
  console.log(`the doctor says: ${JSON.stringify(report.findings.find(({ id }) => id === 'turn'))}`);
  if (pair.type !== 'relay') process.exitCode = 1;
} catch (error) {
  console.error(error, `\ncoturn said:\n${log.slice(-3_000)}`);
  process.exitCode = 1;
} finally {
  await stage?.close();
  turn.kill('SIGTERM');
}
