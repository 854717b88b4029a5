// HEALTHCHECK of the images: exit code 0 when this container's process says that it is well.
import { lookup } from 'node:dns/promises';
import { hostname } from 'node:os';

const { CONTROL_HOST, CONTROL_PORT, HOST = '127.0.0.1', PORT = '8080' } = process.env;
// Nodes have a control port; the server has none.
const [host, port] = CONTROL_PORT === undefined ? [HOST, PORT] : [CONTROL_HOST ?? '127.0.0.1', CONTROL_PORT];
const addressOf = {
  container: async () => (await lookup(hostname())).address,
  '0.0.0.0': () => '127.0.0.1',
  '::': () => '::1',
};
try {
  const address = (await addressOf[host]?.()) ?? host;
  const url = `http://${address.includes(':') ? `[${address}]` : address}:${port}/healthz`;
  const response = await fetch(url, { signal: AbortSignal.timeout(4_000) });
  process.stdout.write(`${response.status} ${await response.text()}\n`);
  process.exit(response.ok ? 0 : 1);
} catch (error) {
  process.stdout.write(`${host} port ${port}: ${error.cause?.message ?? error.message}\n`);
  process.exit(1);
}
