// What a Dockerfile's build stage runs. The work itself is set-up's (deploy/setup): the same steps that `npm start` takes.
//   node deploy/docker/prepare.mjs packages           npm packages and Node 24
//   node deploy/docker/prepare.mjs worker             mediasoup-worker
//   node deploy/docker/prepare.mjs client             the web client
//   node deploy/docker/prepare.mjs image sfu /image   what the sfu needs to run, laid out under /image
import { chmodSync, copyFileSync, cpSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { clientBuild } from '../setup/clientBuild.mjs';
import { runCommand } from '../setup/command.mjs';
import { node24, repositoryFolder } from '../setup/folders.mjs';
import { mediasoupWorker } from '../setup/mediasoupWorker.mjs';
import { pnpm, pnpmInstall } from '../setup/pnpmInstall.mjs';
import { SetupProblem, say } from '../setup/report.mjs';

const packages = ['server', 'sfu', 'inference', 'client', 'db', 'deploy'];

/** Of each process: the packages whose dependencies it needs at run time, and the folders that it reads. */
const images = {
  server: { packages: ['server', 'db'], folders: ['server/src', 'db/src', 'db/migrations', 'client/dist'] },
  sfu: { packages: ['sfu', 'server'], folders: ['sfu/src', 'server/src/protocol'] },
  inference: {
    packages: ['inference', 'server'],
    folders: ['inference/src', 'inference/models', 'server/src/protocol'],
  },
};

const steps = { packages: pnpmInstall, worker: mediasoupWorker, client: clientBuild };

async function made(step) {
  return step.find({}) ?? (await step.make({}));
}

async function layOut(name, folder) {
  const image = images[name];
  if (!image || !folder)
    throw new SetupProblem(`image takes a process (${Object.keys(images).join(', ')}) and a folder`);
  const app = join(folder, 'opt/framelock');
  const inApp = (path) => {
    mkdirSync(dirname(join(app, path)), { recursive: true });
    return join(app, path);
  };
  for (const file of [
    'package.json',
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    ...packages.map((one) => `${one}/package.json`),
  ])
    copyFileSync(join(repositoryFolder, file), inApp(file));
  // Of packages that pnpm-workspace.yaml says are patched.
  cpSync(join(repositoryFolder, 'deploy/setup/patches'), inApp('deploy/setup/patches'), { recursive: true });
  const filters = image.packages.flatMap((one) => ['--filter', `@framelock/${one}`]);
  const result = await runCommand('npx', ['-y', pnpm, 'install', '--frozen-lockfile', '--prod', ...filters], {
    cwd: app,
    show: true,
    env: { CI: 'true' },
  });
  if (!result.ok) throw new SetupProblem(`the packages of ${name} could not be installed; the output above says why`);
  for (const one of packages) if (!image.packages.includes(one)) rmSync(join(app, one), { recursive: true });
  for (const path of image.folders)
    cpSync(join(repositoryFolder, path), inApp(path), { recursive: true, filter: (file) => !/\.test\.ts$/.test(file) });
  for (const file of ['deploy/docker/healthy.mjs', 'deploy/docker/entrypoint.sh', 'LICENSE'])
    copyFileSync(join(repositoryFolder, file), inApp(file));
  chmodSync(inApp('deploy/docker/entrypoint.sh'), 0o755);
  installProgram(realpathSync(node24), folder);
  if (name === 'sfu') installProgram((await made(mediasoupWorker)).MEDIASOUP_WORKER_BIN, folder);
}

function installProgram(file, folder) {
  const to = join(folder, 'usr/local/bin', basename(file));
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(file, to);
  chmodSync(to, 0o755);
}

const [what, ...rest] = process.argv.slice(2);
try {
  if (what === 'image') await layOut(...rest);
  else if (steps[what]) await made(steps[what]);
  else throw new SetupProblem(`give one of ${[...Object.keys(steps), 'image'].join(', ')}`);
  say(`${what} ${rest.join(' ')}: done`);
} catch (error) {
  process.stderr.write(`${error instanceof SetupProblem ? error.message : error.stack}\n`);
  process.exit(1);
}
