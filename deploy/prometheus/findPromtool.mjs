import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { machineCacheFolder } from '../setup/folders.mjs';
import { programOnPath } from '../setup/programOnPath.mjs';

const cached = join(machineCacheFolder, 'prometheus');

/**
 * The folder with `promtool` and `prometheus`: PATH's, or those of Debian's package, unpacked into the cache and not
 * installed (its service would start). @returns {{ folder: string } | { reason: string }}
 */
export function findPromtool() {
  const own = programOnPath('promtool');
  if (own) return { folder: dirname(own) };
  const folder = join(cached, 'usr/bin');
  if (existsSync(join(folder, 'promtool'))) return { folder };
  if (spawnSync('apt-get', ['--version']).status !== 0 || spawnSync('dpkg', ['--version']).status !== 0)
    return { reason: 'there is no promtool on PATH, and no apt-get to fetch the Debian package prometheus with' };
  mkdirSync(dirname(cached), { recursive: true });
  const making = mkdtempSync(`${cached}-`);
  try {
    const options = { cwd: making, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8', timeout: 120_000 };
    if (spawnSync('apt-get', ['download', '-qq', 'prometheus'], options).status !== 0) {
      spawnSync('apt-get', ['update', '-qq'], options);
      const second = spawnSync('apt-get', ['download', '-qq', 'prometheus'], options);
      if (second.status !== 0) return { reason: `apt-get download prometheus failed: ${second.stderr?.trim()}` };
    }
    const [file] = readdirSync(making).filter((name) => name.endsWith('.deb'));
    execFileSync('dpkg', ['-x', file, 'unpacked'], options);
    if (!existsSync(folder)) renameSync(join(making, 'unpacked'), cached);
    return { folder };
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}
