import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { copyStep, debianRoot, runStep } from './chroot.mjs';
import { readPairs } from './readDockerfile.mjs';

/**
 * @typedef {{ layers: string[], key: string, env: Record<string, string>, workdir: string, user: string, volumes: string[],
 *   entrypoint: string[], command: string[], healthcheck: string[], stopSignal: string }} Image layers: top first
 */

/** As the last stage of sfu.Dockerfile has them. */
const workerLibraries = 'libsrtp2-1 libuv1 libssl3 libabsl20220623 libstdc++6';

/** The one base that there is a root for here. */
const provable = 'debian:12-slim';

/**
 * Carries out the stages that the last one needs, each in a root of its own, and returns the last as an Image. A stage
 * whose steps, base and copied files were carried out before is taken from the cache, as an engine's builder does.
 */
export async function buildImage({ stages, context, cacheFolder, givenWorker, say, onOutput }) {
  const images = new Map();
  const build = async (stage) => {
    const made = images.get(stage);
    if (made) return made;
    const base = stages.find(({ name }) => name !== undefined && name === stage.from);
    if (!base && stage.from !== provable) throw new Error(`FROM ${stage.from}: there is a root for ${provable} only`);
    const below = base ? await build(base) : await bare(cacheFolder, say);
    const from = new Map();
    for (const { verb, flags } of stage.steps) {
      if (verb !== 'COPY' || !flags.from) continue;
      const source = stages.find(({ name }) => name === flags.from);
      if (!source) throw new Error(`COPY --from=${flags.from}: there is no such stage`);
      from.set(flags.from, await build(source));
    }
    const image = await buildStage({ stage, below, from, context, cacheFolder, givenWorker, say, onOutput });
    images.set(stage, image);
    return image;
  };
  return build(stages.at(-1));
}

async function bare(cacheFolder, say) {
  const layer = await debianRoot(cacheFolder, say);
  return {
    layers: [layer],
    key: layer,
    env: {},
    workdir: '/',
    user: '0:0',
    volumes: [],
    entrypoint: [],
    command: [],
    healthcheck: [],
    stopSignal: 'SIGTERM',
  };
}

async function buildStage({ stage, below, from, context, cacheFolder, givenWorker, say, onOutput }) {
  const steps = stage.steps.map((step) => ({ ...step, ...(step.verb === 'COPY' ? readCopy(step) : {}) }));
  const given = givenWorker && steps.some(makesWorker) ? givenWorker : undefined;
  const hash = createHash('sha256').update(below.key);
  if (given) hash.update(`worker of ${given}`);
  for (const { verb, args, flags, sources } of steps) {
    hash.update(JSON.stringify([verb, args, flags]));
    if (sources) hash.update(flags.from ? from.get(flags.from).key : context.hash(sources));
  }
  const key = hash.digest('hex').slice(0, 16);
  const layer = join(cacheFolder, key);
  const isCached = existsSync(layer);
  const title = stage.name ?? 'the image';
  if (isCached) say(`stage ${title}: as carried out before (${key})`);
  const making = isCached ? undefined : makeFolder(cacheFolder);
  const image = { ...below, env: { ...below.env } };
  try {
    for (const step of steps) {
      if (making && (step.verb === 'RUN' || step.verb === 'COPY')) {
        say(`stage ${title}, line ${step.line}: ${step.verb} ${String(step.args).split('\n')[0].slice(0, 90)}`);
        const upper = join(making, 'layer');
        if (given && makesWorker(step)) await placeWorker({ given, image, below, upper, say, onOutput });
        await write({ step, image, below, upper, from, context, onOutput });
      }
      declare(step, image);
    }
    if (making) renameSync(join(making, 'layer'), layer);
  } finally {
    if (making) rmSync(making, { recursive: true, force: true });
  }
  return { ...image, layers: [layer, ...below.layers], key };
}

function makesWorker({ verb, args }) {
  return verb === 'RUN' && String(args).includes('prepare.mjs worker');
}

/** Puts the worker where set-up keeps it, with the libraries that it is linked to, so that the step finds it made. */
async function placeWorker({ given, image, below, upper, say, onOutput }) {
  say(`the step's own build is NOT proven: it is given ${given}`);
  const command = `apt-get update && apt-get install -y --no-install-recommends ${workerLibraries}`;
  await runStep({ lower: below.layers, upper, command, workdir: '/', env: image.env, onOutput });
  const destination = join('/root/.cache/framelock/mediasoup-worker', basename(dirname(given)), basename(given));
  await copyStep({ lower: below.layers, upper, folder: dirname(given), sources: [`/${basename(given)}`], destination });
}

function makeFolder(cacheFolder) {
  const folder = mkdtempSync(join(cacheFolder, 'stage-'));
  mkdirSync(join(folder, 'layer'), { mode: 0o755 });
  return folder;
}

async function write({ step, image, below, upper, from, context, onOutput }) {
  const lower = below.layers;
  if (step.verb === 'RUN') {
    if (image.user !== '0:0') throw new Error(`line ${step.line}: RUN after USER is not understood`);
    const command = Array.isArray(step.args) ? step.args.join(' ') : step.args;
    return runStep({ lower, upper, command, workdir: image.workdir, env: image.env, onOutput });
  }
  const destination = step.destination.startsWith('/') ? step.destination : join(image.workdir, step.destination);
  const target = step.destination.endsWith('/') && !destination.endsWith('/') ? `${destination}/` : destination;
  if (step.flags.from) {
    return copyStep({
      lower,
      upper,
      from: from.get(step.flags.from).layers,
      sources: step.sources,
      destination: target,
    });
  }
  const folder = mkdtempSync(join(upper, '..', 'context-'));
  // cp gives the root this folder's mode.
  chmodSync(folder, 0o755);
  context.lay(step.sources, target, folder);
  return copyStep({ lower, upper, folder, sources: ['/'], destination: '/' });
}

function readCopy({ args, flags, line }) {
  const words = Array.isArray(args) ? args : args.split(/\s+/);
  if (words.length < 2 || Object.keys(flags).some((name) => name !== 'from'))
    throw new Error(`line ${line}: COPY ${args}`);
  return { sources: words.slice(0, -1), destination: words.at(-1) };
}

/** The steps that only say something about the image. */
function declare({ verb, args, line }, image) {
  const words = Array.isArray(args) ? args : ['/bin/sh', '-c', args];
  switch (verb) {
    case 'ENV':
      Object.assign(image.env, readPairs(args, image.env));
      break;
    case 'WORKDIR':
      image.workdir = args.startsWith('/') ? args : join(image.workdir, args);
      break;
    case 'USER':
      image.user = args;
      break;
    case 'VOLUME':
      image.volumes = [...image.volumes, ...(Array.isArray(args) ? args : args.split(/\s+/))];
      break;
    case 'STOPSIGNAL':
      image.stopSignal = args;
      break;
    case 'ENTRYPOINT':
      image.entrypoint = words;
      break;
    case 'CMD':
      image.command = words;
      break;
    case 'HEALTHCHECK':
      image.healthcheck = readHealthcheck(args, line);
      break;
    case 'RUN':
    case 'COPY':
    case 'EXPOSE':
    case 'LABEL':
      break;
    default:
      throw new Error(`line ${line}: ${verb} is not understood`);
  }
}

function readHealthcheck(args, line) {
  if (typeof args !== 'string' || !args.startsWith('CMD ')) throw new Error(`line ${line}: HEALTHCHECK ${args}`);
  const command = args.slice(4).trim();
  return command.startsWith('[') ? JSON.parse(command) : ['/bin/sh', '-c', command];
}
