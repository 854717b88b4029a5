import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCommand } from './chroot.mjs';
import { proveMetrics } from './proveMetrics.mjs';

const portOf = { server: 8080, sfu: 8081, inference: 8082, 'inference-cuda': 8082 };
const startMs = 120_000;
/** `stop_grace_period` of compose.yaml. */
const stopMs = 15_000;

/**
 * Starts each image (read-only root, its own user, no capabilities, secrets as files), asks its /healthz and its
 * HEALTHCHECK, and where all three are there makes a Stream with the test picture and waits for analysed frames.
 * Then stops each by its STOPSIGNAL. @returns whether everything held
 */
export async function proveTogether({ images, say }) {
  const folder = mkdtempSync(join(tmpdir(), 'framelock-prove-'));
  chmodSync(folder, 0o755);
  const secrets = writeSecrets(folder);
  const running = [];
  let ok = true;
  const check = async (what, hold) => {
    try {
      const words = await hold();
      say(`${what}: ok${words ? ` (${words})` : ''}`);
    } catch (error) {
      ok = false;
      say(`${what}: FAILED: ${error.message}`);
    }
  };
  try {
    for (const [name, image] of Object.entries(images)) running.push(start({ name, image, folder }));
    for (const one of running) {
      await check(`${one.name}: GET /healthz`, () => healthy(one));
      await check(`${one.name}: HEALTHCHECK in its root`, () => healthcheck(one));
      await check(`${one.name}: as its user, root not writable`, () => confined(one));
    }
    const all = ['server', 'sfu'].every((name) => images[name]) && (images.inference ?? images['inference-cuda']);
    if (all && ok) {
      await check('together: server is ready', () => ready());
      await check('together: the test picture is analysed', () => analysed(secrets));
      const { node, admin } = secrets;
      await check('together: a Prometheus reads all of them', () =>
        proveMetrics({
          folder,
          ports: { server: portOf.server, sfu: portOf.sfu, inference: portOf.inference },
          bearers: { server: admin, sfu: node, inference: node },
        }),
      );
    } else say('together: left out, since not every image is there and well');
    for (const one of running) await check(`${one.name}: stops in order`, () => stop(one));
  } finally {
    for (const { child } of running) child.kill('SIGKILL');
    if (!ok) for (const { name, output } of running) say(`end of ${name}'s output:\n${output().slice(-3_000)}`);
    await sleep(500);
    rmSync(folder, { recursive: true, force: true });
  }
  return ok;
}

function writeSecrets(folder) {
  const secrets = { node: randomBytes(32).toString('hex'), admin: randomBytes(32).toString('hex') };
  mkdirSync(join(folder, 'secrets'));
  for (const [name, text] of Object.entries(secrets)) writeFileSync(join(folder, 'secrets', name), `${text}\n`);
  return secrets;
}

function start({ name, image, folder }) {
  const own = join(folder, name);
  for (const path of [own, join(own, 'root')]) mkdirSync(path);
  const [uid, gid] = image.user.split(':').map(Number);
  const volumes = image.volumes.map((to) => ({ from: join(own, to.replaceAll('/', '_')), to }));
  for (const { from } of volumes) {
    mkdirSync(from);
    chownSync(from, uid, gid);
  }
  const env = {
    ...image.env,
    NODE_SECRET_FILE: '/mnt/node',
    ...(name === 'server' ? { ADMIN_TOKEN_FILE: '/mnt/admin' } : { SERVER_URL: 'http://127.0.0.1:8080' }),
    LOG_LEVEL: 'info',
  };
  const parts = {
    lower: image.layers,
    user: image.user,
    workdir: image.workdir,
    env,
    volumes: [...volumes, { from: join(folder, 'secrets'), to: '/mnt' }],
  };
  const whole = [...image.entrypoint, ...image.command];
  const outer = startCommand({ ...parts, root: join(own, 'root'), command: whole });
  const child = spawn(outer.command, outer.args, { env: outer.env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => (text = (text + chunk).slice(-20_000)));
  const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)));
  return { name, image, parts, own, child, ended, output: () => text };
}

async function healthy({ name, child, output }) {
  const url = `http://127.0.0.1:${portOf[name]}/healthz`;
  for (const endAt = Date.now() + startMs; ; await sleep(500)) {
    if (child.exitCode !== null) throw new Error(`the process ended with ${child.exitCode}: ${output().slice(-1_000)}`);
    const response = await fetch(url, { signal: AbortSignal.timeout(3_000) }).catch(() => undefined);
    if (response?.ok) return (await response.text()).slice(0, 80);
    if (Date.now() > endAt) throw new Error(`no answer within ${startMs / 1000} s`);
  }
}

async function healthcheck({ image, parts, own }) {
  const root = join(own, 'healthcheck');
  mkdirSync(root);
  const { command, args, env } = startCommand({ ...parts, root, command: image.healthcheck });
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  const code = await new Promise((resolve) => child.on('exit', resolve));
  if (code !== 0) throw new Error(`exit code ${code}: ${text}`);
  return text.trim().slice(0, 80);
}

/** The process of the image is the one child of `unshare`; PID 1 in its namespace. */
function inner({ child }) {
  const pid = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')[0];
  if (!pid) throw new Error('its process is gone');
  return Number(pid);
}

async function confined(one) {
  const status = readFileSync(`/proc/${inner(one)}/status`, 'utf8');
  const field = (name) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '';
  const uid = field('Uid').split(/\s+/)[0];
  if (uid !== one.image.user.split(':')[0]) throw new Error(`it runs as ${uid}`);
  if (!/^0+$/.test(field('CapEff'))) throw new Error(`it has capabilities ${field('CapEff')}`);
  const mounts = readFileSync(`/proc/${inner(one)}/mountinfo`, 'utf8');
  const rootLine = mounts.split('\n').find((line) => line.split(' ')[4] === '/');
  if (!rootLine || !/ - overlay .*lowerdir/.test(rootLine) || /upperdir/.test(rootLine))
    throw new Error(`root: ${rootLine}`);
  return `user ${uid}, no capability, ${field('NoNewPrivs') === '1' ? 'no new privileges' : 'NEW PRIVILEGES'}`;
}

async function ready() {
  for (const endAt = Date.now() + startMs; ; await sleep(500)) {
    const response = await fetch('http://127.0.0.1:8080/readyz').catch(() => undefined);
    if (response?.ok) return (await response.text()).slice(0, 120);
    if (Date.now() > endAt) throw new Error((await response?.text()) ?? 'no answer');
  }
}

async function analysed({ admin, node }) {
  const stream = await api(admin, 'POST', '/api/v1/streams', { name: 'proof' });
  await api(admin, 'POST', `/api/v1/streams/${stream.id}/source`, { type: 'test' });
  for (const endAt = Date.now() + startMs; ; await sleep(1_000)) {
    const [, count] = /^framelock_frames_analysed_total (\d+)$/m.exec(await scrape(portOf.inference, node)) ?? [];
    if (Number(count) >= 10) return `${count} frames`;
    if (Date.now() > endAt) throw new Error(`${count ?? 'no'} frames after ${startMs / 1000} s`);
  }
}

async function scrape(port, bearer) {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { authorization: `Bearer ${bearer}` } });
  if (!response.ok) throw new Error(`${port}/metrics: ${response.status} ${await response.text()}`);
  return response.text();
}

async function api(bearer, method, path, body) {
  const response = await fetch(`http://127.0.0.1:8080${path}`, {
    method,
    headers: { authorization: `Bearer ${bearer}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? undefined : response.json();
}

async function stop(one) {
  const startedAt = Date.now();
  process.kill(inner(one), one.image.stopSignal);
  const late = new Promise((resolve) => setTimeout(() => resolve('late'), stopMs).unref());
  const code = await Promise.race([one.ended, late]);
  if (code !== 0)
    throw new Error(code === 'late' ? `it runs ${stopMs / 1000} s after its signal` : `it ended with ${code}`);
  return `exit code 0 after ${Date.now() - startedAt} ms`;
}
