// Proves the Dockerfiles where no engine runs: carries their steps out, each stage in a clean Debian root (debootstrap,
// chroot, overlayfs), then starts the images in a network namespace of its own and uses them. Needs root on Debian.
//   node deploy/docker/prove.mjs [server|sfu|inference|inference-cuda ...] [--context DIR] [--build-only] [--output]
//     [--stage NAME]    only so far, and nothing is started
//     [--worker FILE]   a mediasoup-worker that set-up made on this machine, in place of minutes of compiling
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { spawnSync } from 'node:child_process';
import { machineCacheFolder, repositoryFolder } from '../setup/folders.mjs';
import { duration } from '../setup/report.mjs';
import { BuildContext } from './prove/buildContext.mjs';
import { buildImage } from './prove/buildImage.mjs';
import { proveTogether } from './prove/proveTogether.mjs';
import { readDockerfile } from './prove/readDockerfile.mjs';

const all = ['server', 'sfu', 'inference'];
const insideMark = 'FRAMELOCK_PROVE_NETWORK';
const args = process.argv.slice(2);
const valueOf = (flag) => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined);
const contextFolder = resolve(valueOf('--context') ?? repositoryFolder);
const given = args.filter(
  (arg, index) => !arg.startsWith('--') && !['--context', '--worker', '--stage'].includes(args[index - 1]),
);
const names = given.length > 0 ? given : all;
const cacheFolder = join(machineCacheFolder, 'prove');
const say = (line) => process.stdout.write(`[prove] ${line}\n`);

function reasonNotTo() {
  if (process.platform !== 'linux' || process.getuid() !== 0) return 'this takes root on Linux (chroot, mount)';
  for (const [program, hint] of [
    ['debootstrap', 'apt-get install debootstrap'],
    ['unshare', 'apt-get install util-linux'],
    ['ip', 'apt-get install iproute2'],
  ])
    if (spawnSync('which', [program]).status !== 0) return `${program} is missing: ${hint}`;
  return undefined;
}

function upTo(stage, stages) {
  if (stage === undefined) return stages;
  const index = stages.findIndex(({ name }) => name === stage);
  if (index < 0) throw new Error(`there is no stage ${stage}`);
  return stages.slice(0, index + 1);
}

async function build(name) {
  const startedAt = Date.now();
  const file = join(contextFolder, `deploy/docker/${name}.Dockerfile`);
  if (!existsSync(file)) throw new Error(`there is no ${file}`);
  const image = await buildImage({
    stages: upTo(valueOf('--stage'), readDockerfile(readFileSync(file, 'utf8'))),
    context: new BuildContext(contextFolder),
    cacheFolder,
    givenWorker: valueOf('--worker'),
    say: (line) => say(`${name}: ${line}`),
    onOutput: args.includes('--output') ? (chunk) => process.stdout.write(chunk) : undefined,
  });
  say(`${name}: built in ${duration(Date.now() - startedAt)}, ${image.layers.length} layers`);
  return image;
}

const reason = reasonNotTo();
if (reason !== undefined) {
  say(`not proven: ${reason}`);
  process.exit(3);
}
mkdirSync(cacheFolder, { recursive: true });
// Leaving by process.exit runs the exit handlers: what runs in a root ends too.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));
const images = {};
for (const name of names) {
  try {
    images[name] = await build(name);
  } catch (error) {
    say(`${name}: FAILED: ${error.message}`);
    process.exit(1);
  }
}
if (!args.includes('--build-only') && !args.includes('--stage')) {
  if (process.env[insideMark] === undefined) {
    // The same again, all from the cache, where nothing but loopback can be reached.
    const script = 'ip link set lo up && exec "$0" "$@"';
    const again = ['--net', 'sh', '-euc', script, process.execPath, ...process.argv.slice(1)];
    const env = { ...process.env, [insideMark]: 'own' };
    process.exit(spawnSync('unshare', again, { stdio: 'inherit', env }).status ?? 1);
  }
  process.exit((await proveTogether({ images, say })) ? 0 : 1);
}
