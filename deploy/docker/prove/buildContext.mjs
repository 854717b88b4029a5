import { createHash } from 'node:crypto';
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** The folder that `docker build` is given, without what `.dockerignore` leaves out. */
export class BuildContext {
  #folder;
  #ignored;

  constructor(folder) {
    this.#folder = folder;
    const file = join(folder, '.dockerignore');
    const lines = (existsSync(file) ? readFileSync(file, 'utf8') : '').split('\n').map((line) => line.trim());
    this.#ignored = lines.filter((line) => line !== '' && !line.startsWith('#')).map(matcher);
  }

  /** Paths of all files under `path` (from the context's root), sorted. @throws Error where there is none */
  files(path) {
    const found = [];
    const visit = (one) => {
      if (one !== '' && this.#ignored.some((ignores) => ignores(one))) return;
      const full = join(this.#folder, one);
      if (!lstatSync(full).isDirectory()) return void found.push(one);
      for (const name of readdirSync(full).sort()) visit(one === '' ? name : `${one}/${name}`);
    };
    visit(clean(path));
    if (found.length === 0) throw new Error(`COPY ${path}: .dockerignore leaves nothing of it`);
    return found;
  }

  /** What a COPY step takes, for the key of its layer. */
  hash(sources) {
    const hash = createHash('sha256');
    for (const source of sources) {
      for (const file of this.files(source)) {
        const full = join(this.#folder, file);
        const isLink = lstatSync(full).isSymbolicLink();
        hash.update(`${file}\0${statSync(full).mode}\0`).update(isLink ? readlinkSync(full) : readFileSync(full));
      }
    }
    return hash.digest('hex');
  }

  /** Lays the sources out under `staging` as COPY would under `/`: a folder's content, a file by its name. */
  lay(sources, destination, staging) {
    const intoFolder = destination.endsWith('/') || sources.length > 1;
    for (const source of sources) {
      const from = clean(source);
      const isFolder = statSync(join(this.#folder, from)).isDirectory();
      for (const file of this.files(source)) {
        const below = isFolder ? file.slice(from === '' ? 0 : from.length + 1) : intoFolder ? basename(file) : '';
        const to = join(staging, destination, below);
        mkdirSync(dirname(to), { recursive: true });
        cpSync(join(this.#folder, file), to, { verbatimSymlinks: true, preserveTimestamps: true });
      }
    }
  }
}

function clean(path) {
  return path.replace(/^\.?\/*/, '').replace(/\/+$/, '');
}

/** Our `.dockerignore` has names anywhere (`** /name`, with `*` in them) and plain paths, and nothing else. */
function matcher(pattern) {
  if (pattern.startsWith('**/')) {
    const name = new RegExp(`^${pattern.slice(3).split('*').map(escaped).join('[^/]*')}$`);
    return (path) => name.test(basename(path));
  }
  if (/[*!?[]/.test(pattern)) throw new Error(`.dockerignore: ${pattern} is not understood`);
  return (path) => path === pattern;
}

function escaped(text) {
  return text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
}
