import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** The program as people run it, against real server, sfu and inference processes. */
const root = new URL('../../../', import.meta.url).pathname;
const program = join(root, 'client/src/cli/framelock.ts');
const adminToken = 'the-admin-token-of-the-cli';

let folder: string;
let url: string;
let children: ChildProcess[] = [];

interface Ran {
  code: number;
  out: string;
  err: string;
  json: any;
}

function run(args: string[], { env = {}, stdin = '' }: { env?: Record<string, string>; stdin?: string } = {}) {
  const environment = { PATH: process.env.PATH, HOME: folder, FRAMELOCK_URL: url, FRAMELOCK_TOKEN: adminToken, ...env };
  const child = spawn(process.execPath, [program, ...args], { env: environment, stdio: 'pipe' });
  return new Promise<Ran>((resolve) => {
    let [out, err] = ['', ''];
    child.stdout.on('data', (data: Buffer) => (out += data.toString()));
    child.stderr.on('data', (data: Buffer) => (err += data.toString()));
    child.on('close', (code) => {
      let json: unknown;
      try {
        json = JSON.parse(out);
      } catch {
        json = undefined;
      }
      // Whatever goes wrong, nobody is shown our insides.
      expect(err).not.toMatch(/\n\s+at |node:internal/);
      resolve({ code: code ?? -1, out, err, json });
    });
    child.stdin.end(stdin);
  });
}

/** It has to work; answers what `--json` says. */
async function json(...args: string[]) {
  const ran = await run([...args, '--json']);
  expect([args.join(' '), ran.code, ran.err]).toEqual([args.join(' '), 0, expect.any(String)]);
  return ran.json;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function until(what: string, done: () => boolean | Promise<boolean>, withinMs = 60_000): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!(await done())) {
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'framelock-cli-'));
  const port = String(await freePort());
  url = `http://127.0.0.1:${port}`;
  const environment = {
    ...process.env,
    ...{ PORT: port, DATA_DIR: join(folder, 'data'), SERVER_URL: url, NODE_SECRET: 'secret-of-the-cli-test' },
    // Not loopback alone: whoever has no token may do nothing.
    ...{
      HOST: '0.0.0.0',
      ADMIN_TOKEN: adminToken,
      DATABASE_URL: '',
      RTC_PORT: '0',
      LOG_LEVEL: 'warn',
      MODEL: 'marker',
      SOURCE_FILES_DIR: join(folder, 'files'),
    },
  };
  children = ['server', 'sfu', 'inference'].map((name) =>
    spawn(process.execPath, [join(root, name, 'src/main.ts')], { env: environment, stdio: 'inherit' }),
  );
  const isReady = async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.status === 200;
  await until('all are up', isReady, 110_000);
});

afterAll(async () => {
  for (const child of [...children].reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  await rm(folder, { recursive: true, force: true });
});

describe('what is typed', () => {
  it('helps, for all and for each', async () => {
    const all = await run(['--help']);
    expect([all.code, all.out]).toEqual([0, expect.stringContaining('framelock streams create <name>')]);
    const one = await run(['tokens', 'create', '--help']);
    expect([one.code, one.out]).toEqual([0, expect.stringContaining('--grant RIGHT[:STREAM]')]);
    expect((await run([])).code).toBe(0);
    expect((await run(['streams'])).out).not.toContain('tokens');
  });

  it('says what is wrong with it: exit code 2', async () => {
    for (const [args, words] of [
      [['dance'], 'there is no command "dance"'],
      [['streams', 'create'], 'streams create takes <name>'],
      [['streams', 'list', 'all'], 'takes nothing more'],
      [['streams', 'list', '--purple'], "'--purple'"],
      [['--url', 'ftp://x', 'streams', 'list'], '--url is an address'],
      [['tokens', 'create', 'x', '--grant', 'dance'], 'a right is watch, publish, manage'],
      [['tokens', 'create', 'x', '--grant', 'watch', '--expires', 'soon'], '--expires is a time like'],
      [['history', 'tracks', '--limit', '-1'], '--limit'],
      [['history', 'tracks', '--from', 'yesterdayish'], '--from is a time like'],
      [['source', 'start', 'x', 'carrier-pigeon'], 'a Source is of type'],
      [['--fingerprint', 'ab', 'streams', 'list'], '--fingerprint'],
    ] as const) {
      const { code, err } = await run([...args]);
      expect([args, code, err]).toEqual([args, 2, expect.stringContaining(words)]);
    }
  });

  it('tells no server, no right and no such thing apart', async () => {
    const away = await run(['streams', 'list', '--url', `http://127.0.0.1:${await freePort()}`]);
    expect([away.code, away.err]).toEqual([3, expect.stringContaining("can't reach the Framelock server")]);
    const nobody = await run(['streams', 'list'], { env: { FRAMELOCK_TOKEN: '' } });
    expect([nobody.code, nobody.err]).toEqual([4, expect.stringContaining('FRAMELOCK_TOKEN')]);
    const none = await run(['streams', 'show', 'no such Stream']);
    expect([none.code, none.err]).toEqual([5, expect.stringContaining('no such Stream')]);
    const machine = await run(['streams', 'show', 'none', '--json']);
    expect([machine.code, machine.out]).toEqual([5, '']);
    expect(JSON.parse(machine.err)).toMatchObject({ error: { code: 'notFound' } });
  });

  it('takes the token from a file that nobody else can read', async () => {
    const file = join(folder, 'token');
    await writeFile(file, `${adminToken}\n`, { mode: 0o600 });
    const env = { FRAMELOCK_TOKEN: '' };
    expect((await run(['streams', 'list', '--token-file', file], { env })).code).toBe(0);
    await chmod(file, 0o644);
    const { code, err } = await run(['streams', 'list', '--token-file', file], { env });
    expect([code, err]).toEqual([1, expect.stringContaining(`chmod 600 ${file}`)]);
    const missing = await run(['streams', 'list', '--token-file', join(folder, 'none')], { env });
    expect([missing.code, missing.err]).toEqual([1, expect.stringContaining('ENOENT')]);
  });
});

describe('people', () => {
  it('tokens with grants, users, share links', async () => {
    const stream = await json('streams', 'create', 'Shared');
    const token = (await run(['tokens', 'create', 'desk', '--grant', 'watch:Shared', '--expires', '12h'])).out.trim();
    expect(token).toMatch(/^flt_/);
    const desk = { env: { FRAMELOCK_TOKEN: token } };
    const seen = JSON.parse((await run(['streams', 'list', '--json'], desk)).out) as { streams: { id: string }[] };
    expect(seen.streams.map(({ id }) => id)).toEqual([stream.id]);
    expect((await run(['streams', 'delete', 'Shared'], desk)).code).toBe(4);
    const { tokens } = await json('tokens', 'list');
    expect(tokens).toMatchObject([{ name: 'desk', grants: [{ right: 'watch', streamId: stream.id }] }]);
    await json('tokens', 'revoke', tokens[0].id);
    expect((await run(['streams', 'list'], desk)).code).toBe(4);

    const made = await run(['users', 'create', 'ada', '--role', 'admin', '--json'], { stdin: 'a long pass phrase\n' });
    expect(made.json).toMatchObject({ name: 'ada', role: 'admin' });
    expect((await run(['users', 'create', 'bob'], { stdin: '' })).code).toBe(2);
    expect((await run(['users', 'create', 'bob'], { stdin: 'short' })).err).toContain('at least 10 characters');
    await run(['users', 'create', 'bob'], { stdin: 'another pass phrase' });
    expect(await json('users', 'disable', 'bob')).toMatchObject({ disabled: true });
    expect((await run(['users', 'list'])).out).toMatch(/bob +viewer +locked out/);
    expect(await json('users', 'enable', 'bob')).toMatchObject({ disabled: false });

    const link = (await run(['share', 'Shared', '--expires', '1h', '--name', 'fair'])).out.trim();
    expect(link).toMatch(new RegExp(`/watch/${stream.id}#token=fll_`));
    const { shares } = await json('share', 'Shared', '--list');
    expect(shares).toMatchObject([{ name: 'fair' }]);
    await json('share', 'Shared', '--revoke', shares[0].id);
  });
});

describe('streams', () => {
  it('are created, listed, shown, given another key and deleted', async () => {
    const human = await run(['streams', 'create', 'Front door']);
    expect(human.out).toMatch(/^id +\w+\nname +Front door\nkey +/);
    const stream = await json('streams', 'show', 'Front door');
    expect(stream).toMatchObject({ name: 'Front door', state: 'idle' });
    expect((await run(['streams', 'list'])).out).toMatch(new RegExp(`ID +NAME.*\n[^]*${stream.id} +Front door +idle`));
    const { streamKey } = await json('streams', 'rotate-key', stream.id);
    expect(streamKey).not.toBe(stream.streamKey);
    expect((await run(['streams', 'create', '\u202E'])).err).toContain('no control characters');
    await json('streams', 'create', 'Front door');
    expect((await run(['streams', 'show', 'Front door'])).err).toContain('2 Streams are called "Front door"');
    expect((await run(['streams', 'delete', stream.id])).out).toContain('is deleted');
  });

  it('zones are drawn and read', async () => {
    await json('streams', 'create', 'Zoned');
    const point = (x: number, y: number) => ({ x, y });
    const zone = { id: 'gate', name: 'Gate', colour: '#e85d04', polygon: [point(0, 0), point(1, 0), point(1, 1)] };
    const stdin = JSON.stringify({ zones: [zone] });
    expect((await run(['zones', 'put', 'Zoned', '-'], { stdin })).out).toBe('1 zones and 0 lines are drawn\n');
    expect((await json('zones', 'get', 'Zoned')).zones).toMatchObject([{ ...zone, anchor: 'bottom' }]);
    const broken = await run(['zones', 'put', 'Zoned', '-'], { stdin: '{"zones":' });
    expect([broken.code, broken.err]).toEqual([1, expect.stringContaining('is no JSON')]);
    const refused = await run(['zones', 'put', 'Zoned', '-'], { stdin: '{"zones":[{}]}' });
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('not valid')]);
  });

  it('models are listed and chosen', async () => {
    await json('streams', 'create', 'Modelled');
    const { models } = await json('models', 'list');
    expect(models.map(({ id }: { id: string }) => id)).toContain('marker');
    expect(await json('models', 'use', 'Modelled', 'marker')).toMatchObject({ modelId: 'marker' });
    expect(await json('models', 'use', 'Modelled', 'default')).toMatchObject({ modelId: null });
    expect((await run(['models', 'add', 'nonesuch'])).code).toBe(5);
  });
});

describe('media', () => {
  it('a file is published, watched, recorded and exported', async () => {
    const clip = join(folder, 'moving picture.mp4');
    const size = 'testsrc2=size=320x180:rate=15:duration=4';
    const encode = ['-c:v', 'libx264', '-profile:v', 'baseline', '-g', '15', '-pix_fmt', 'yuv420p'];
    await promisify(execFile)(process.env.FFMPEG_BIN || 'ffmpeg', [
      '-v',
      'error',
      '-f',
      'lavfi',
      '-i',
      size,
      ...encode,
      clip,
    ]);
    expect((await run(['publish', join(folder, 'none.mp4')])).err).toContain('ENOENT');
    const published = await json('publish', clip);
    expect(published).toMatchObject({ source: { type: 'file', state: 'running' } });
    const id = published.stream as string;
    await fetch(`${url}/api/v1/streams/${id}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${adminToken}` },
      body: JSON.stringify({ recording: true }),
    });

    const stats = await run(['watch', 'moving picture', '--stats', '--seconds', '2', '--json']);
    const lines = stats.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatchObject({ state: 'live', publicationId: expect.any(String) as string });
    expect((await run(['watch', id, '--stats', '--seconds', '1'])).out).toMatch(/^live · \d+ viewers · .*analysis/);
    // The clip is H264, which libwebrtc for Node can't decode: no pictures, but detections and the figures of the server.
    const watched = await run(['watch', id, '--seconds', '2']);
    expect([watched.code, watched.out]).toEqual([0, expect.stringMatching(/pictures\/s/)]);

    await until('it is recorded', async () => {
      const { recordings } = await json('recordings', 'list', '--stream', id);
      return recordings[0]?.durationS > 2;
    });
    const { recordings } = await json('recordings', 'list');
    const file = join(folder, 'out.mp4');
    const exported = await run(['export', 'recording', recordings[0].id, '--out', file]);
    expect([exported.code, exported.err]).toEqual([0, `written to ${file}\n`]);
    expect((await readFile(file)).subarray(4, 8).toString()).toBe('ftyp');
    expect((await run(['export', 'recording', 'none', '--out', join(folder, 'none.mp4')])).code).toBe(5);
    await expect(stat(join(folder, 'none.mp4'))).rejects.toThrow('ENOENT');

    expect((await run(['source', 'stop', id])).out).toBe('removed\n');
    expect(await json('source', 'start', id, 'test')).toMatchObject({ type: 'test', state: 'running' });
    expect((await run(['source', 'start', id, 'file'])).code).toBe(2);
    const inside = await run(['source', 'start', id, 'rtsp', 'rtsp://192.0.2.1/x', '--wait', '0']);
    expect([inside.code, inside.err]).toEqual([4, expect.stringContaining('inside this network')]);
  });
});

describe('what was seen', () => {
  it('tracks and events as tables, JSON and CSV', async () => {
    await json('streams', 'create', 'Seen');
    expect((await json('history', 'tracks', '--stream', 'Seen')).tracks).toEqual([]);
    expect((await run(['history', 'tracks', '--stream', 'Seen'])).out).toBe('nothing\n');
    expect((await run(['history', 'tracks', '--csv'])).out).toMatch(/^[a-z_]+(,[a-z_]+)+\r\n/);
    const file = join(folder, 'events.csv');
    expect((await run(['history', 'events', '--from', '2h', '--csv', '-o', file])).code).toBe(0);
    expect(await readFile(file, 'utf8')).toMatch(/^[a-z_]+(,[a-z_]+)+\r\n/);
    expect((await json('history', 'events', '--limit', '300')).events).toBeInstanceOf(Array);
    expect((await run(['history', 'events', '--kind', 'dancing'])).code).toBe(1);
    expect((await json('rules', 'list')).rules).toEqual([]);
    expect((await json('targets', 'list')).targets).toEqual([]);
  });

  it('brands and exposure are exported', async () => {
    await json('streams', 'create', 'Exposed');
    const gallery = await run(['export', 'brands', '--out', '-']);
    expect(JSON.parse(gallery.out)).toMatchObject({ kind: 'framelock-gallery' });
    expect((await run(['export', 'exposure', 'Exposed'])).out).toMatch(/^brand_id,/);
    expect((await run(['export', 'exposure', 'Exposed', '--appearances'])).out).toMatch(/^id,stream_id,/);
  });
});

describe('the system', () => {
  it('tells whether it is ready, who asks, and what is not well', async () => {
    expect(await json('system')).toMatchObject({ readiness: { ready: true }, access: { caller: { admin: true } } });
    expect((await run(['system'])).out).toMatch(/ready +yes\n/);
    expect((await json('doctor')).findings.length).toBeGreaterThan(0);
    expect((await run(['doctor'])).out).toMatch(/^(OK|INFO|WARNING|PROBLEM) +\S/m);
  });
});
