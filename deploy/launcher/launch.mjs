import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { node24, repositoryFolder, toolPath } from '../setup/folders.mjs';
import { SupervisedProcess, configurationExitCode } from './SupervisedProcess.mjs';
import { childEnvironments, readAddresses } from './environment.mjs';
import { assertPortsFree } from './freePorts.mjs';
import { awaitReadiness } from './readiness.mjs';

const launcherWatch = new URL('./launcherWatch.mjs', import.meta.url).href;

/** npm passes Ctrl-C on although the terminal sent it to everyone: only a later one means "now". */
const sameSignalMs = 1_000;

/** The product's own processes: a name, its main module, and whether it gets the server's secrets. */
const productProcesses = [
  { name: 'server', main: join(repositoryFolder, 'server/src/main.ts'), isServer: true },
  { name: 'sfu', main: join(repositoryFolder, 'sfu/src/main.ts') },
  { name: 'inference', main: join(repositoryFolder, 'inference/src/main.ts') },
];

/**
 * Starts and supervises the processes, says when they are ready, and ends this process with all of them at SIGINT,
 * SIGTERM or SIGHUP (exit code 0), or when one refuses its configuration (78). `env` is readEnvironment's.
 */
export async function launch(env, { processes = productProcesses, node = node24, inferenceGraceMs } = {}) {
  const addresses = readAddresses(env);
  await assertPortsFree(addresses);
  mkdirSync(env.DATA_DIR, { recursive: true });
  const environments = childEnvironments({ ...env, PATH: toolPath() }, addresses);

  let stoppedAt;
  const running = [];
  const stop = async (exitCode) => {
    if (stoppedAt !== undefined) {
      if (Date.now() - stoppedAt > sameSignalMs) for (const child of running) child.killGroup();
      return;
    }
    stoppedAt = Date.now();
    await Promise.all(running.map((child) => child.close()));
    process.exit(exitCode);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void stop(0));
  if (process.env.npm_lifecycle_event === 'start') watchNpm(() => void stop(0));
  // Whatever else ends this process must not leave the groups behind.
  process.on('exit', () => running.forEach((child) => child.killGroup()));

  for (const { name, main, args = [], isServer } of processes) {
    running.push(
      new SupervisedProcess({
        name,
        command: node,
        args: ['--import', launcherWatch, main, ...args],
        cwd: repositoryFolder,
        env: environments[isServer ? 'server' : name] ?? environments.inference,
        print,
        onConfigurationError: () => {
          print(
            `launcher  | ${name} can't run with this configuration (its lines above say why); correct it and start again`,
          );
          void stop(configurationExitCode);
        },
      }),
    );
  }
  await sayWhenReady(addresses, inferenceGraceMs, () => stoppedAt !== undefined);
}

async function sayWhenReady({ serverUrl, pageUrl }, inferenceGraceMs, isOver) {
  const onSlow = (missing) => print(`launcher  | still waiting for: ${missing.join(', ')}`);
  const missing = await awaitReadiness({ serverUrl, inferenceGraceMs, isOver, onSlow });
  if (missing === undefined) return;
  if (missing.length > 0)
    print(`launcher  | warning: ${missing.join(', ')} does not answer; video works, boxes come when it does`);
  print(`framelock ready: ${pageUrl}`);
}

/** A killed npm can't pass anything on; its `npm start` then ends all the same. `exec` in package.json makes it our parent. */
function watchNpm(onGone) {
  const npm = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === npm) return;
    clearInterval(timer);
    onGone();
  }, 1_000).unref();
}

function print(line) {
  process.stdout.write(`${line}\n`);
}
