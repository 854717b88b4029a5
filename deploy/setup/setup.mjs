import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from './chromium.mjs';
import { clientBuild } from './clientBuild.mjs';
import { cuda } from './cuda.mjs';
import { ffmpeg } from './ffmpeg.mjs';
import { cloneCacheFolder } from './folders.mjs';
import { mediasoupWorker } from './mediasoupWorker.mjs';
import { pnpmInstall } from './pnpmInstall.mjs';
import { SetupProblem, duration, say } from './report.mjs';

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

const stepsFor = {
  start: [pnpmInstall, mediasoupWorker, ffmpeg, cuda, clientBuild],
  test: [pnpmInstall, mediasoupWorker, ffmpeg, chromium, cuda, clientBuild],
};

/**
 * Makes this clone runnable, and returns the environment that tells processes where the tools are
 * (MEDIASOUP_WORKER_BIN, FFMPEG_BIN, CHROMIUM_BIN); those in `given`, from the user, are kept. A step has `find(given)`: the environment when its work is done already,
 * else nothing; and `make(given)`: does the work and returns the environment.
 */
export async function setUp(purpose, given) {
  const env = {};
  // Leaving by process.exit runs the exit handlers: commands end, half-made files and locks go.
  const stop = () => process.exit(130);
  for (const signal of stopSignals) process.on(signal, stop);
  for (const step of stepsFor[purpose]) Object.assign(env, step.find(given) ?? (await made(step, given)));
  for (const signal of stopSignals) process.off(signal, stop);
  // For a plain `vitest run` later, which does not come through here; vitest.config.ts reads it.
  writeTools(env);
  return env;
}

function writeTools(env) {
  const file = join(cloneCacheFolder, 'tools.json');
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '{}';
  const after = JSON.stringify({ ...JSON.parse(before), ...env }, undefined, 2);
  if (after === before) return;
  mkdirSync(cloneCacheFolder, { recursive: true });
  writeFileSync(file, after);
}

async function made(step, given) {
  const startedAt = Date.now();
  say(`${step.title} (${step.takes}) ...`);
  const env = await step.make(given);
  say(`${step.title}: done in ${duration(Date.now() - startedAt)}`);
  return env;
}

/** Runs `work`; a problem of set-up ends the process with its one sentence, anything else with its stack. */
export async function runToTheEnd(work) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  try {
    if (major < 20 || (major === 20 && minor < 19))
      throw new SetupProblem(`Node ${process.versions.node} is too old to begin with; install Node 20.19 or later`);
    await work();
  } catch (error) {
    process.stderr.write(
      `\n${error instanceof SetupProblem ? `framelock can't go on: ${error.message}` : error.stack}\n`,
    );
    process.exit(1);
  }
}
