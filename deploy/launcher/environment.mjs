import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { SetupProblem } from '../setup/report.mjs';

const modelId = /^[A-Za-z0-9_-]{1,64}$/;
/** Only the server may know these. */
const serverOnly = ['ADMIN_TOKEN', 'DATABASE_URL', 'TURN_SECRET', 'TURN_CREDENTIAL'];
/** Only the sfu, whose hls process writes to the store. */
const sfuOnly = ['HLS_S3_ACCESS_KEY_ID', 'HLS_S3_SECRET_ACCESS_KEY'];

/**
 * The environment of this run: the process's own over `.env` in the repository's root, empty values taken as unset,
 * relative paths made absolute from the folder in which `npm start` ran.
 */
export function readEnvironment(own, repositoryFolder, startFolder = own.INIT_CWD || process.cwd()) {
  const file = join(repositoryFolder, '.env');
  const written = existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
  const env = Object.fromEntries(Object.entries({ ...written, ...own }).filter(([, value]) => value));
  const fromStart = (path) => resolve(startFolder, path);

  env.DATA_DIR = fromStart(env.DATA_DIR ?? 'data');
  env.MODELS_DIR = env.MODELS_DIR ? fromStart(env.MODELS_DIR) : join(env.DATA_DIR, 'models');
  env.SOURCE_FILES_DIR = env.SOURCE_FILES_DIR ? fromStart(env.SOURCE_FILES_DIR) : join(env.DATA_DIR, 'files');
  env.CLIENT_DIST = env.CLIENT_DIST ? fromStart(env.CLIENT_DIST) : join(repositoryFolder, 'client/dist');
  if (env.MODEL && !modelId.test(env.MODEL)) env.MODEL = fromStart(env.MODEL);
  for (const name of ['MEDIASOUP_WORKER_BIN', 'FFMPEG_BIN', 'CHROMIUM_BIN', 'TLS_CERT', 'TLS_KEY'])
    if (env[name]) env[name] = fromStart(env[name]);
  return env;
}

/** Where the processes of this run listen and find each other. */
export function readAddresses(env) {
  const host = env.HOST ?? '127.0.0.1';
  const port = readPort(env, 'PORT', 8080, 1);
  const connectHost = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[host] ?? (host.includes(':') ? `[${host}]` : host);
  const rtcPort = readPort(env, 'RTC_PORT', 40000, 0);
  // 0 lets each Worker find a free port (tests): nothing to look at beforehand.
  const workers = rtcPort !== 0 && /^\d{1,3}$/.test(env.WORKERS ?? '1') ? Number(env.WORKERS ?? 1) : 0;
  const isTls = Boolean(env.TLS_CERT) || ['true', '1'].includes(env.TLS_SELF_SIGNED);
  return {
    host,
    port,
    // Also with TLS: the port answers the nodes of its own machine without.
    serverUrl: `http://${connectHost}:${port}`,
    pageUrl: `${isTls ? 'https' : 'http'}://${connectHost}:${port}`,
    rtcPorts: Array.from({ length: workers }, (_, index) => rtcPort + index),
  };
}

function readPort(env, name, normal, lowest) {
  const text = env[name] ?? String(normal);
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < lowest || port > 65535)
    throw new SetupProblem(`${name}=${text} is not a port; give a number from ${lowest} to 65535`);
  return port;
}

/** What each of the product's processes gets: all it needs to find the others, and no secret that is not its own. */
export function childEnvironments(env, { host, port, serverUrl }) {
  const all = {
    ...env,
    HOST: host,
    PORT: String(port),
    SERVER_URL: serverUrl,
    NODE_SECRET: env.NODE_SECRET ?? randomBytes(32).toString('hex'),
  };
  const without = (names) => Object.fromEntries(Object.entries(all).filter(([name]) => !names.includes(name)));
  return { server: without(sfuOnly), sfu: without(serverOnly), inference: without([...serverOnly, ...sfuOnly]) };
}
