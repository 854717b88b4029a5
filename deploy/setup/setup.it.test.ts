import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureAptPackages } from './aptPackages.mjs';
import { chromium } from './chromium.mjs';
import { ffmpeg } from './ffmpeg.mjs';
import { contentHash } from './folders.mjs';
import { withMachineLock } from './machineLock.mjs';
import { mediasoupWorker } from './mediasoupWorker.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'framelock-setup-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('who is not root, or has no apt, is told the exact packages', async () => {
  const missing = ['framelock-no-such-package-1', 'framelock-no-such-package-2'];
  const path = process.env.PATH;
  const { getuid } = process;
  try {
    process.getuid = () => 1000;
    const hasApt = spawnSync('apt-get', ['--version']).status === 0;
    await expect(ensureAptPackages(missing, 'try this')).rejects.toThrow(
      hasApt
        ? /needed to try this\); run: sudo apt-get install .* framelock-no-such-package-1 framelock-no-such-package-2$/
        : /no apt-get/,
    );
    process.env.PATH = folder;
    await expect(ensureAptPackages(missing, 'try this')).rejects.toThrow(
      'no apt-get; install with its own package manager what Debian calls framelock-no-such-package-1, framelock-no-such-package-2',
    );
  } finally {
    process.env.PATH = path;
    process.getuid = getuid;
  }
});

test('a tool that the user named and that does not run is refused by its name', () => {
  const broken = join(folder, 'broken');
  writeFileSync(broken, 'not a program');
  expect(() => mediasoupWorker.find({ MEDIASOUP_WORKER_BIN: broken })).toThrow(
    `MEDIASOUP_WORKER_BIN=${broken} does not run`,
  );
  expect(() => ffmpeg.find({ FFMPEG_BIN: broken })).toThrow(`FFMPEG_BIN=${broken} does not run`);
  expect(() => chromium.find({ CHROMIUM_BIN: broken })).toThrow(`CHROMIUM_BIN=${broken} is not a program`);
});

test('the worker of this run is one that runs, and set-up would take it', () => {
  const given = process.env.MEDIASOUP_WORKER_BIN;
  if (!given) return console.warn('not run: MEDIASOUP_WORKER_BIN is not set (npm test sets it)');
  expect(mediasoupWorker.find({ MEDIASOUP_WORKER_BIN: given })).toEqual({ MEDIASOUP_WORKER_BIN: given });
});

test('a lock lets one in after the other', async () => {
  const lock = join(folder, 'lock');
  const order: string[] = [];
  let waits = 0;
  const pass = (name: string) =>
    withMachineLock(
      lock,
      () => waits++,
      async () => {
        order.push(`${name} in`);
        await new Promise((resolve) => setTimeout(resolve, 20));
        order.push(`${name} out`);
      },
    );
  await Promise.all([pass('a'), pass('b')]);
  expect(order).toEqual(['a in', 'a out', 'b in', 'b out']);
  expect(waits).toBe(1);
  expect(existsSync(lock)).toBe(false);
});

test('a lock whose holder died is taken over, and a failure gives it back', async () => {
  const lock = join(folder, 'lock');
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  mkdirSync(lock);
  writeFileSync(join(lock, 'pid'), String(pid));
  const work = async () => {
    expect(readFileSync(join(lock, 'pid'), 'utf8')).toBe(String(process.pid));
    await Promise.reject(new Error('the work failed'));
  };
  await expect(withMachineLock(lock, () => {}, work)).rejects.toThrow('the work failed');
  expect(existsSync(lock)).toBe(false);
});

test('a content hash changes with names and bytes, and not with what is left out', () => {
  const hash = () => contentHash([folder], (name: string) => name === 'left-out');
  writeFileSync(join(folder, 'a'), 'one');
  const first = hash();
  writeFileSync(join(folder, 'left-out'), 'anything');
  expect(hash()).toBe(first);
  writeFileSync(join(folder, 'a'), 'two');
  expect(hash()).not.toBe(first);
});
