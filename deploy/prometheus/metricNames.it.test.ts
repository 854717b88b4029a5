import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alertExpressions, dashboardExpressions, namesIn } from './expressions.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const secret = 'x'.repeat(64);
const jobs = ['framelock-server', 'framelock-sfu', 'framelock-inference'] as const;
type Job = (typeof jobs)[number];

interface Family {
  type: string;
  help: string;
  samples: number;
}

const children: ChildProcess[] = [];
const scraped = new Map<Job, Map<string, Family>>();
let folder: string;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

function start(main: string, environment: Record<string, string>): void {
  const child = spawn(process.execPath, [join(root, main)], {
    env: {
      ...process.env,
      NODE_SECRET: secret,
      LOG_LEVEL: 'silent',
      HOST: '127.0.0.1',
      DATABASE_URL: '',
      ...environment,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  children.push(child);
}

async function scrape(port: number, contains: string): Promise<string> {
  for (let tries = 0; ; tries++) {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, {
      headers: { authorization: `Bearer ${secret}` },
    }).catch(() => undefined);
    const text = (await response?.text()) ?? '';
    if (response?.ok && text.includes(contains)) return text;
    if (tries > 300)
      throw new Error(`port ${port} does not say ${contains}: ${response?.status} ${text.slice(0, 300)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Prometheus' text format, https://prometheus.io/docs/instrumenting/exposition_formats/, as prom-client writes it. */
function parse(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  let current: [string, Family] | undefined;
  for (const line of text.split('\n').filter(Boolean)) {
    const [, what, name, rest] = /^# (HELP|TYPE) (\w+) (.*)$/.exec(line) ?? [];
    if (what === 'HELP') {
      if (families.has(name!)) throw new Error(`${name} comes twice`);
      current = [name!, { type: '', help: rest!, samples: 0 }];
      families.set(...current);
    } else if (what === 'TYPE') {
      if (current?.[0] !== name) throw new Error(`TYPE of ${name} without its HELP`);
      current![1].type = rest!;
    } else {
      const [, sample, value] = /^(\w+)(?:\{(?:\w+="(?:[^"\\]|\\.)*",?)*\})? (\S+)$/.exec(line) ?? [];
      if (sample === undefined || Number.isNaN(Number(value!.replace('Inf', 'Infinity')))) throw new Error(line);
      if (!current || !sample.startsWith(current[0])) throw new Error(`${sample} is of no family`);
      current[1].samples++;
    }
  }
  return families;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'framelock-metrics-'));
  const [server, sfu, inference] = [await freePort(), await freePort(), await freePort()];
  const node = { SERVER_URL: `http://127.0.0.1:${server}`, CONTROL_HOST: '127.0.0.1' };
  start('server/src/main.ts', { PORT: String(server), DATA_DIR: join(folder, 'server'), ADMIN_TOKEN: secret });
  start('sfu/src/main.ts', {
    ...{ ...node, CONTROL_PORT: String(sfu), RTC_PORT: '0', RTMP_PORT: '0', SRT_PORT: '0' },
    ...{ DATA_DIR: join(folder, 'sfu'), HLS_S3_ENDPOINT: '' },
  });
  start('inference/src/main.ts', {
    ...{ ...node, CONTROL_PORT: String(inference), DATA_DIR: join(folder, 'inference'), MODEL: 'marker' },
  });
  scraped.set('framelock-server', parse(await scrape(server, 'framelock_nodes{kind="sfu"} 1')));
  // The hls process answers through its sfu, and is there a moment later.
  scraped.set('framelock-sfu', parse(await scrape(sfu, 'framelock_hls_disk_free_bytes')));
  scraped.set('framelock-inference', parse(await scrape(inference, 'framelock_server_reachable 1')));
}, 120_000);

afterAll(async () => {
  for (const child of children) child.kill('SIGTERM');
  for (const child of children) if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  rmSync(folder, { recursive: true, force: true });
});

describe.each(jobs)('%s', (job) => {
  test('says what each figure is, and counters by their name', () => {
    for (const [name, { type, help }] of scraped.get(job)!) {
      expect(help, name).not.toBe('');
      expect(['counter', 'gauge', 'histogram', 'summary'], name).toContain(type);
      // nodejs_…_total of prom-client's own are gauges of what is there now.
      if (name.startsWith('framelock_') && name.includes('_nodejs_') === false)
        expect(name.endsWith('_total'), `${name} is a ${type}`).toBe(type === 'counter');
    }
  });
});

/** Only there with a store for copies. */
const optional = new Set(['framelock_hls_mirrored_total']);

test.each([...alertExpressions(), ...dashboardExpressions()])(
  '$from: $expr has names that processes have',
  ({ expr }) => {
    for (const { name, job } of namesIn(expr)) {
      if (optional.has(name)) continue;
      const candidates = job === undefined ? jobs : jobs.filter((one) => one === job);
      expect(
        candidates.some((one) => scraped.get(one)!.has(name)),
        `${name} of ${job ?? 'any process'}`,
      ).toBe(true);
    }
  },
);

test('the rules and the dashboard were read whole', () => {
  expect(alertExpressions().length).toBeGreaterThan(20);
  expect(dashboardExpressions().length).toBeGreaterThan(50);
  expect(
    namesIn('sum by (le, stage) (rate(framelock_stage_latency_seconds_bucket{job="a", stage="x"}[5m])) > up'),
  ).toEqual([{ name: 'framelock_stage_latency_seconds', job: 'a', labels: ['job', 'stage'] }]);
});
