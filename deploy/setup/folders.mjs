import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repositoryFolder = fileURLToPath(new URL('../../', import.meta.url)).replace(/[\\/]$/, '');

/** Kept between clones, per user: what takes minutes to make. */
export const machineCacheFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'framelock');

/** Inside this clone, ignored by git: stamps of what was done here. */
export const cloneCacheFolder = join(repositoryFolder, '.cache');

const binFolder = join(repositoryFolder, 'node_modules', '.bin');

/** Node 24 from the npm registry; everything but set-up and the launcher runs on it. */
export const node24 = join(binFolder, process.platform === 'win32' ? 'node.exe' : 'node');

/** PATH with this repository's tools first, so that a plain `node` is Node 24. */
export function toolPath() {
  return [binFolder, process.env.PATH ?? ''].join(delimiter);
}

/**
 * One hash of all files under the given files and folders, names included. `skip(name)` leaves out folders and files.
 * @param {string[]} paths
 * @param {(name: string) => boolean} skip
 */
export function contentHash(paths, skip = () => false) {
  const hash = createHash('sha256');
  const visit = (path) => {
    for (const entry of readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (skip(entry.name)) continue;
      const child = join(path, entry.name);
      if (entry.isDirectory()) visit(child);
      else if (entry.isFile()) addFile(child);
    }
  };
  const addFile = (path) => hash.update(relative(repositoryFolder, path)).update('\0').update(readFileSync(path));
  for (const path of paths) {
    if (!existsSync(path)) continue;
    if (readdirSyncOrNothing(path)) visit(path);
    else addFile(path);
  }
  return hash.digest('hex').slice(0, 32);
}

function readdirSyncOrNothing(path) {
  try {
    return readdirSync(path);
  } catch {
    return undefined;
  }
}
