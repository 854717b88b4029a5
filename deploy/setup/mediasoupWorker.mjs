import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureAptPackages } from './aptPackages.mjs';
import { exitCodeOf, hostAnswers, runCommand } from './command.mjs';
import { contentHash, machineCacheFolder, node24, repositoryFolder } from './folders.mjs';
import { withMachineLock } from './machineLock.mjs';
import { Progress, SetupProblem, say, warn } from './report.mjs';

const recipeFolder = join(repositoryFolder, 'deploy/setup/mediasoup-worker');
const buildPackages =
  'g++ meson ninja-build pkg-config libsrtp2-dev libuv1-dev libssl-dev libabsl-dev libflatbuffers-dev flatbuffers-compiler'.split(
    ' ',
  );

/** Steps 3 to 5 of mediasoup-worker/README.md. Part of the cache's key: a changed recipe is built anew. */
const recipe = {
  patches: [
    ['meson.build', "meson_version: '>= 1.1.0'", "meson_version: '>= 1.0.0'"],
    ['src/RTC/DtlsTransport.cpp', '(operationType == BIO_CB_RETURN)', '(operationType & BIO_CB_RETURN)'],
  ],
  commands: [
    ['meson', 'setup', 'out', '.', '--buildtype', 'release', '-Db_ndebug=true', '--wrap-mode=nodownload'],
    ['ninja', '-C', 'out', 'mediasoup-worker'],
    ['strip', 'out/mediasoup-worker'],
  ],
};

/** mediasoup's C++ process: its own prebuilt one where GitHub answers, else built here from the npm package's sources. */
export const mediasoupWorker = {
  title: 'mediasoup-worker (the media server in C++)',
  takes: 'seconds where GitHub answers, else a build of 4 to 10 minutes, once per machine',

  find(env) {
    const given = env.MEDIASOUP_WORKER_BIN;
    if (given) {
      if (!runs(given)) throw new SetupProblem(`MEDIASOUP_WORKER_BIN=${given} does not run; correct it or unset it`);
      return { MEDIASOUP_WORKER_BIN: given };
    }
    return runs(cachedBinary()) ? { MEDIASOUP_WORKER_BIN: cachedBinary() } : undefined;
  },

  async make() {
    const binary = cachedBinary();
    mkdirSync(dirname(binary), { recursive: true });
    await withMachineLock(
      `${dirname(binary)}.lock`,
      () => say('  another set-up is making it; waiting for that one'),
      async () => {
        if (runs(binary)) return;
        if (await download(binary)) return;
        await build(binary);
      },
    );
    return { MEDIASOUP_WORKER_BIN: binary };
  },
};

function packageFolder() {
  return realpathSync(join(repositoryFolder, 'sfu/node_modules/mediasoup'));
}

function cachedBinary() {
  const { version } = JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8'));
  const files = contentHash([recipeFolder], (name) => name.endsWith('.md'));
  const key = createHash('sha256').update(files).update(JSON.stringify(recipe)).digest('hex').slice(0, 12);
  return join(
    machineCacheFolder,
    'mediasoup-worker',
    `${version}-${process.platform}-${process.arch}-${key}`,
    process.platform === 'win32' ? 'mediasoup-worker.exe' : 'mediasoup-worker',
  );
}

/** A worker without MEDIASOUP_VERSION refuses with exit code 41 (its main.cpp): it loads and runs on this machine. */
function runs(binary) {
  return existsSync(binary) && exitCodeOf(binary, [], {}) === 41;
}

async function download(binary) {
  if (!(await hostAnswers('https://github.com'))) {
    say('  GitHub does not answer, so the prebuilt worker is out of reach');
    return false;
  }
  say("  downloading mediasoup's prebuilt worker");
  const folder = packageFolder();
  const result = await runCommand(node24, ['npm-scripts.mjs', 'postinstall'], {
    cwd: folder,
    timeoutMs: 90_000,
    // Where the download fails, the script would begin its own build with dependencies from GitHub and PyPI: without
    // a Python it stops there.
    env: {
      PYTHON: 'false',
      MEDIASOUP_WORKER_BIN: '',
      MEDIASOUP_SKIP_WORKER_PREBUILT_DOWNLOAD: '',
      MEDIASOUP_LOCAL_DEV: '',
    },
  });
  const downloaded = join(
    folder,
    'worker/out/Release',
    process.platform === 'win32' ? 'mediasoup-worker.exe' : 'mediasoup-worker',
  );
  if (!runs(downloaded)) {
    warn(`mediasoup's prebuilt worker could not be used here${result.timedOut ? ' (no answer within 90 s)' : ''}`);
    return false;
  }
  install(downloaded, binary);
  return true;
}

async function build(binary) {
  if (process.platform !== 'linux')
    throw new SetupProblem(
      'mediasoup-worker is built from source on Linux only; connect to the internet so that its prebuilt binary can be downloaded from GitHub, or set MEDIASOUP_WORKER_BIN',
    );
  await ensureAptPackages(buildPackages, 'build mediasoup-worker');
  say('  building it from the sources in the npm package');
  // Beside the result, so that the last step is one rename inside one file system.
  const folder = mkdtempSync(`${dirname(binary)}-build-`);
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    copySources(folder);
    await configureAndCompile(folder, `${dirname(binary)}-build.log`);
    if (!runs(join(folder, 'out/mediasoup-worker')))
      throw new SetupProblem('the mediasoup-worker built here does not run; report this with the output above');
    install(join(folder, 'out/mediasoup-worker'), binary);
  } finally {
    process.off('exit', remove);
    remove();
  }
}

/** Steps 2 to 4 of mediasoup-worker/README.md: Debian's libraries in place of the downloaded ones, and the patches. */
function copySources(folder) {
  cpSync(join(packageFolder(), 'worker'), folder, {
    recursive: true,
    filter: (path) => !/\/worker\/out(\/|$)/.test(path),
  });
  const subprojects = join(folder, 'subprojects');
  for (const name of readdirSync(subprojects)) if (name.endsWith('.wrap')) rmSync(join(subprojects, name));
  cpSync(recipeFolder, subprojects, { recursive: true, filter: (path) => !path.endsWith('README.md') });
  for (const [file, before, after] of recipe.patches) replaceIn(join(folder, file), before, after);
}

function replaceIn(file, before, after) {
  const text = readFileSync(file, 'utf8');
  if (!text.includes(before))
    throw new SetupProblem(
      `the recipe of deploy/setup/mediasoup-worker does not fit this version of mediasoup (${file} has no "${before}"); ` +
        'use the version that pnpm-lock.yaml names',
    );
  chmodSync(file, 0o644);
  writeFileSync(file, text.replace(before, after));
}

async function configureAndCompile(folder, logFile) {
  const log = [];
  const compile = new Progress('compiling');
  for (const [command, ...args] of recipe.commands) {
    const result = await runCommand(command, args, {
      cwd: folder,
      env: { NINJA_STATUS: '[%f/%t] ' },
      onLine: (line) => {
        log.push(line);
        const [, done, total] = /^\[(\d+)\/(\d+)\] /.exec(line) ?? [];
        if (total) compile.update(Number(done), Number(total));
      },
    });
    if (command === 'ninja') compile.end();
    if (result.ok) continue;
    writeFileSync(logFile, log.join('\n'));
    throw new SetupProblem(
      `mediasoup-worker could not be built (${command} failed); the whole output is in ${logFile}, its end:\n${result.tail}`,
    );
  }
}

function install(from, to) {
  const passing = `${to}.${process.pid}`;
  copyFileSync(from, passing);
  chmodSync(passing, 0o755);
  renameSync(passing, to);
}
