import { connect, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { percentile } from './percentile.ts';

/**
 * Many HLS players in one process, each with one connection, on raw sockets so that they cost little. Prints one JSON
 * line. `live`: LL-HLS, a blocking reload of `playlist` always open, then the Part that it told of and its sidecar.
 * `paced`: what a server of files can do too: one request after the other out of `files`, `rate` a second and player.
 */
const { values: flags } = parseArgs({
  options: {
    base: { type: 'string' },
    playlist: { type: 'string', default: 'live.m3u8' },
    files: { type: 'string', default: '' },
    clients: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '15' },
    rate: { type: 'string', default: '9' },
    mode: { type: 'string', default: 'live' },
    bearer: { type: 'string', default: '' },
  },
});
const base = new URL(flags.base!);
const clientCount = Number(flags.clients);
const seconds = Number(flags.seconds);
const files = flags.files.split(',').filter(Boolean);

interface Answer {
  status: number;
  /** Its beginning only, where it is long. */
  text: string;
  bytes: number;
}

/** One keep-alive connection, one request at a time. HTTP/1.1 with Content-Length, which is all that the servers here send. */
class Connection {
  readonly #socket: Socket;
  #chunks: Buffer[] = [];
  #got = 0;
  #need = 0;
  #status = 0;
  #headBytes = 0;
  #settle: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error) => this.#settle?.reject(error));
    socket.on('close', () => this.#settle?.reject(new Error('closed')));
  }

  static create(): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(base.port), base.hostname, () => resolve(new Connection(socket)));
      socket.once('error', reject);
    });
  }

  get(name: string): Promise<Answer> {
    const path = new URL(name, base).pathname + new URL(name, base).search;
    const auth = flags.bearer ? `authorization: Bearer ${flags.bearer}\r\n` : '';
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#socket.write(`GET ${path} HTTP/1.1\r\nhost: ${base.host}\r\n${auth}\r\n`);
    });
  }

  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#got += chunk.length;
    if (this.#need === 0 && !this.#readHead()) return;
    if (this.#got < this.#need) return;
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    const answer = {
      status: this.#status,
      text: all.toString('latin1', this.#headBytes, Math.min(this.#need, this.#headBytes + 65_536)),
      bytes: this.#need,
    };
    this.#chunks = [];
    this.#got = this.#need = 0;
    this.#settle?.resolve(answer);
  }

  #readHead(): boolean {
    const head = Buffer.concat(this.#chunks).toString('latin1', 0, 4096);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return false;
    this.#status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) throw new Error(`an answer without Content-Length: ${head.slice(0, end)}`);
    this.#headBytes = end + 4;
    this.#need = this.#headBytes + Number(length);
    return true;
  }

  close(): void {
    this.#settle = undefined;
    this.#socket.destroy();
  }
}

const counts = { requests: 0, bytes: 0, failures: {} as Record<string, number> };
/** Of a playlist: what each client got it later than the first one that got the same. */
const playlistDelaysMs: number[] = [];
const answersMs: number[] = [];
const firstSeenMs = new Map<string, number>();
let running = true;
let measuring = false;

function failed(what: string): void {
  counts.failures[what] = (counts.failures[what] ?? 0) + 1;
}

async function ask(connection: Connection, name: string): Promise<Answer | undefined> {
  const begin = performance.now();
  const answer = await connection.get(name);
  if (!measuring) return answer;
  counts.requests++;
  counts.bytes += answer.bytes;
  if (!name.includes('_HLS_msn')) answersMs.push(performance.now() - begin);
  if (answer.status !== 200) failed(`${answer.status} ${name.replace(/\d+/g, 'N')}`);
  return answer;
}

async function playLive(connection: Connection): Promise<void> {
  let hint = hintOf((await ask(connection, flags.playlist))?.text);
  while (running && hint) {
    const [, msn, part] = hint;
    const answer = await ask(connection, `${flags.playlist}?_HLS_msn=${msn}&_HLS_part=${part}`);
    const nowMs = performance.now();
    const key = `${msn}.${part}`;
    const first = firstSeenMs.get(key);
    if (first === undefined) firstSeenMs.set(key, nowMs);
    if (measuring) playlistDelaysMs.push(nowMs - (first ?? nowMs));
    await ask(connection, `part-${msn}-${part}.m4s`);
    await ask(connection, `part-${msn}-${part}.det`);
    hint = hintOf(answer?.text);
  }
}

function hintOf(text: string | undefined): RegExpMatchArray | undefined {
  return text?.match(/#EXT-X-PRELOAD-HINT:[^\n]*part-(\d+)-(\d+)\.m4s/) ?? undefined;
}

async function playPaced(connection: Connection, index: number): Promise<void> {
  const everyMs = 1000 / Number(flags.rate);
  let dueMs = performance.now() + (everyMs * index) / clientCount;
  for (let i = index; running; i++) {
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    dueMs += everyMs;
    await ask(connection, files[i % files.length]!);
  }
}

const connections: Connection[] = [];
for (let index = 0; index < clientCount; index++) {
  const connection = await Connection.create();
  connections.push(connection);
  const play = flags.mode === 'live' ? playLive(connection) : playPaced(connection, index);
  void play.catch((error: Error) => {
    if (running) failed(error.message);
  });
  // Not all in one instant, as no audience does.
  if (index % 20 === 19) await new Promise((resolve) => setTimeout(resolve, 20));
}
await new Promise((resolve) => setTimeout(resolve, 3_000));
measuring = true;
const begin = performance.now();
const cpuBegin = process.cpuUsage();
process.stderr.write('measuring\n');
await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
measuring = false;
const tookS = (performance.now() - begin) / 1000;
const cpu = process.cpuUsage(cpuBegin);
running = false;
for (const connection of connections) connection.close();
const spread = (values: number[]) => ({
  n: values.length,
  p50: percentile(values, 0.5),
  p95: percentile(values, 0.95),
  p99: percentile(values, 0.99),
});
process.stdout.write(
  `${JSON.stringify({
    clients: clientCount,
    requestsPerSecond: Math.round(counts.requests / tookS),
    megabitsPerSecond: Math.round((counts.bytes * 8) / tookS / 1e5) / 10,
    /** Blocking reloads that were answered; a client that keeps up has three a second. */
    ...(flags.mode === 'live'
      ? { playlistsPerClientAndSecond: Math.round((playlistDelaysMs.length / clientCount / tookS) * 100) / 100 }
      : {}),
    ...(flags.mode === 'live' ? { playlistDelayMs: spread(playlistDelaysMs) } : {}),
    answerMs: spread(answersMs),
    failures: counts.failures,
    clientsCpuPercent: Math.round(((cpu.user + cpu.system) / 1e4 / tookS) * 10) / 10,
  })}\n`,
);
process.exit(0);
