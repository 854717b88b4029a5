import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { alertsFile, dashboardExpressions } from '../../prometheus/expressions.mjs';
import { findPromtool } from '../../prometheus/findPromtool.mjs';

const url = 'http://127.0.0.1:9090';
const upMs = 30_000;

/**
 * Has a real Prometheus scrape the running processes under the job names of prometheus.yml, with its rules, and asks each
 * of the dashboard's questions. `bearers` and `ports` by process. @returns words; throws where a target is down, an
 * expression fails, or a rule that should be quiet fires
 */
export async function proveMetrics({ folder, ports, bearers }) {
  const found = findPromtool();
  if (found.reason !== undefined) return `not proven: ${found.reason}`;
  const own = join(folder, 'prometheus');
  mkdirSync(own);
  const config = join(own, 'prometheus.yml');
  const jobs = Object.keys(ports).map((name) => ({
    job_name: `framelock-${name}`,
    authorization: { credentials: bearers[name] },
    static_configs: [{ targets: [`127.0.0.1:${ports[name]}`] }],
  }));
  // JSON is YAML.
  const global = { scrape_interval: '2s', evaluation_interval: '2s' };
  writeFileSync(config, JSON.stringify({ global, rule_files: [alertsFile], scrape_configs: jobs }));
  const child = spawn(
    join(found.folder, 'prometheus'),
    [`--config.file=${config}`, `--storage.tsdb.path=${join(own, 'data')}`, '--web.listen-address=127.0.0.1:9090'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let output = '';
  child.stderr.on('data', (chunk) => (output = (output + chunk).slice(-2_000)));
  try {
    await allUp(jobs.length).catch((error) => {
      throw new Error(`${error.message}\n${output}`);
    });
    // Rates need some scrapes, alerts some evaluations.
    await sleep(15_000);
    return await askAll();
  } finally {
    child.kill('SIGKILL');
  }
}

async function allUp(count) {
  for (const endAt = Date.now() + upMs; ; await sleep(500)) {
    const up = await ask('up == 1').catch(() => []);
    if (up.length === count) return;
    if (Date.now() > endAt) throw new Error(`${up.length} of ${count} targets are up: ${JSON.stringify(up)}`);
  }
}

async function askAll() {
  const expressions = dashboardExpressions();
  const empty = [];
  for (const { from, expr } of expressions) if ((await ask(expr)).length === 0) empty.push(from);
  const firing = await ask('ALERTS{alertstate="firing"}');
  if (firing.length > 0) throw new Error(`alerts fire: ${firing.map(({ metric }) => metric.alertname).join(', ')}`);
  const quiet = empty.length === 0 ? '' : `; without data, for nothing of the kind happened: ${empty.join(', ')}`;
  return `${expressions.length - empty.length} of ${expressions.length} dashboard expressions have data, no alert fires${quiet}`;
}

async function ask(query) {
  const response = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query })}`);
  const { status, data, error } = await response.json();
  if (status !== 'success') throw new Error(`${query}: ${error}`);
  return data.result;
}
