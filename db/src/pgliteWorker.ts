import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import type { PgliteAnswer, PgliteRequest } from './PgliteConnection.ts';

/** The thread that holds PGlite: one slow query there stops nobody's timers. Queries run in the order they come. */
const port = parentPort!;
const pglite = await PGlite.create({ dataDir: (workerData as { dataDir: string }).dataDir });

async function run(request: PgliteRequest): Promise<unknown[]> {
  if (request.kind === 'close') {
    await pglite.close();
    return [];
  }
  if (request.kind === 'migrate') {
    await pglite.transaction(async (transaction) => {
      for (const statement of request.statements) await transaction.exec(statement);
    });
    return [];
  }
  if (request.kind === 'transaction') {
    return pglite.transaction(async (transaction) => {
      const answers: unknown[] = [];
      for (const { sql, params } of request.queries) answers.push((await transaction.query(sql, params)).rows);
      return answers;
    });
  }
  const { rows } = await pglite.query(request.sql, request.params, {
    rowMode: request.asArrays ? 'array' : 'object',
  });
  return rows;
}

let last: Promise<void> = Promise.resolve();
port.on('message', (request: PgliteRequest) => {
  last = last.then(async () => {
    let answer: PgliteAnswer;
    try {
      answer = { id: request.id, rows: await run(request) };
    } catch (error) {
      const { message, code } = error as Error & { code?: string };
      answer = { id: request.id, error: message, code };
    }
    port.postMessage(answer);
    if (request.kind === 'close') port.close();
  });
});
port.postMessage({ id: 0, rows: [] } satisfies PgliteAnswer);
