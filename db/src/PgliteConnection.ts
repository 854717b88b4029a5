import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { drizzle } from 'drizzle-orm/pg-proxy';
import { migrate } from 'drizzle-orm/pg-proxy/migrator';
import { type BuiltQuery, type DatabaseConnection, type Drizzle, migrationsFolder } from './connection.ts';
import { DataDirLock } from './DataDirLock.ts';
import * as schema from './schema.ts';
import { UnusableDatabase } from './UnusableDatabase.ts';

type Question =
  | { kind: 'query'; sql: string; params: unknown[]; asArrays: boolean }
  | { kind: 'migrate'; statements: string[] }
  | { kind: 'transaction'; queries: { sql: string; params: unknown[] }[] }
  | { kind: 'close' };
export type PgliteRequest = Question & { id: number };
export type PgliteAnswer = { id: number; rows: unknown[] } | { id: number; error: string; code: string | undefined };

/** Queries waiting for the thread; one more is an error, so that a stuck disk cannot eat the memory. */
const maxWaiting = 2_000;

interface Waiting {
  resolve(rows: unknown[]): void;
  reject(error: Error): void;
}

/** PGlite in a worker thread, behind the lock on DATA_DIR. */
export class PgliteConnection implements DatabaseConnection {
  readonly engine = 'pglite';
  readonly drizzle: Drizzle;
  readonly #worker: Worker;
  readonly #lock: DataDirLock;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #broken: Error | undefined;
  #closing: Promise<void> | undefined;

  private constructor(worker: Worker, lock: DataDirLock) {
    this.#worker = worker;
    this.#lock = lock;
    this.drizzle = drizzle(
      async (sql, params, method) => ({
        rows: await this.#ask({ kind: 'query', sql, params, asArrays: method !== 'execute' }),
      }),
      { schema },
    ) as unknown as Drizzle;
    worker.on('message', (answer: PgliteAnswer) => this.#receive(answer));
    worker.on('error', (error) => this.#break(error as Error));
    worker.on('exit', () => this.#break(new Error('the database thread has ended')));
  }

  static async create(options: { dataDir: string }): Promise<PgliteConnection> {
    const lock = await lockFolder(options.dataDir);
    try {
      const worker = new Worker(new URL('./pgliteWorker.ts', import.meta.url), {
        workerData: { dataDir: join(options.dataDir, 'pglite') },
      });
      const connection = new PgliteConnection(worker, lock);
      await connection.#opened();
      await migrate(
        connection.drizzle as never,
        async (statements) => void (await connection.#ask({ kind: 'migrate', statements })),
        { migrationsFolder },
      );
      return connection;
    } catch (error) {
      await lock.close();
      throw error;
    }
  }

  #opened(): Promise<unknown> {
    return new Promise((resolve, reject) => this.#waiting.set(0, { resolve, reject }));
  }

  #ask(question: Question): Promise<unknown[]> {
    if (this.#broken) return Promise.reject(this.#broken);
    if (this.#waiting.size >= maxWaiting)
      return Promise.reject(withCode(new Error('the database is too far behind'), 'PGLITE_BEHIND'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ ...question, id } satisfies PgliteRequest);
    });
  }

  #receive(answer: PgliteAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('error' in answer)
      waiting?.reject(Object.assign(new Error(answer.error), answer.code === undefined ? {} : { code: answer.code }));
    else waiting?.resolve(answer.rows);
  }

  #break(error: Error): void {
    this.#broken ??= withCode(error, 'PGLITE_ENDED');
    for (const waiting of this.#waiting.values()) waiting.reject(this.#broken);
    this.#waiting.clear();
  }

  async transaction(queries: readonly BuiltQuery[]): Promise<Record<string, unknown>[][]> {
    const built = queries.map((query) => query.toSQL());
    return (await this.#ask({ kind: 'transaction', queries: built })) as Record<string, unknown>[][];
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#ask({ kind: 'close' }).catch(() => undefined); // already broken: nothing left to close
      await this.#worker.terminate();
      await this.#lock.close();
    })();
    return this.#closing;
  }
}

/** Every fault of the connection has one, as with Postgres; what has none came of what was asked. */
function withCode(error: Error & { code?: string }, code: string): Error {
  return Object.assign(error, { code: error.code ?? code });
}

const folderFaults = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOENT', 'ENOSPC', 'ENAMETOOLONG']);

async function lockFolder(dataDir: string): Promise<DataDirLock> {
  try {
    await mkdir(dataDir, { recursive: true });
    return await DataDirLock.create({ dataDir });
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (!folderFaults.has(code)) throw error;
    throw new UnusableDatabase(
      `DATA_DIR ${dataDir} can't be written (${message}): give it to this user, or set another`,
    );
  }
}
