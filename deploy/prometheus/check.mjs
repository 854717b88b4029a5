// `node deploy/prometheus/check.mjs`: alert rules, their unit tests, prometheus.yml and the dashboard's expressions, by
// promtool. Exit code 3 and the reason where there is no promtool.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { alertExpressions, alertsFile, dashboardExpressions } from './expressions.mjs';
import { findPromtool } from './findPromtool.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const found = findPromtool();
if (found.reason !== undefined) {
  process.stdout.write(`not checked: ${found.reason}\n`);
  process.exit(3);
}

const folder = mkdtempSync(join(tmpdir(), 'framelock-promtool-'));
try {
  // As recording rules, which is how promtool reads expressions without a server.
  const rules = dashboardExpressions().map(({ expr }, index) => ({ record: `dashboard:expression_${index}`, expr }));
  const asRules = join(folder, 'dashboard.yml');
  // JSON is YAML.
  writeFileSync(asRules, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
  const runs = [
    ['check', 'config', '--syntax-only', 'prometheus.yml'],
    ['check', 'rules', alertsFile],
    ['test', 'rules', 'alerts.test.yml'],
    ['check', 'rules', asRules],
  ];
  let ok = true;
  for (const args of runs) {
    const { status } = spawnSync(join(found.folder, 'promtool'), args, { cwd: here, stdio: 'inherit' });
    ok &&= status === 0;
  }
  process.stdout.write(
    `${alertExpressions().length} alert rules, ${rules.length} dashboard expressions: ${ok ? 'ok' : 'FAILED'}\n`,
  );
  process.exitCode = ok ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
