// `npm test`: set-up, the checks, and all of vitest's projects. Arguments go to vitest (`npm test -- --project unit`);
// with arguments the checks are left out.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readEnvironment } from './launcher/environment.mjs';
import { cloneCacheFolder, node24, repositoryFolder, toolPath } from './setup/folders.mjs';
import { duration, say } from './setup/report.mjs';
import { runToTheEnd, setUp } from './setup/setup.mjs';
import { testCounts } from './testCounts.mjs';

const checks = ['check:format', 'check:lint', 'check:types', 'check:docs'];
const vitestArguments = process.argv.slice(2);
const resultFile = join(cloneCacheFolder, 'vitest.json');

await runToTheEnd(async () => {
  const tools = await setUp('test', readEnvironment(process.env, repositoryFolder));
  const env = { ...process.env, ...tools, PATH: toolPath() };
  const failedChecks = [];
  if (vitestArguments.length === 0)
    for (const check of checks) {
      const startedAt = Date.now();
      const code = await exitCodeOf('npm', ['run', '--silent', check], env);
      if (code !== 0) failedChecks.push(check);
      say(`${check}: ${code === 0 ? 'passed' : 'FAILED'} in ${duration(Date.now() - startedAt)}`);
    }

  mkdirSync(cloneCacheFolder, { recursive: true });
  rmSync(resultFile, { force: true });
  const vitest = join(repositoryFolder, 'node_modules/vitest/vitest.mjs');
  const retried = `--reporter=${join(repositoryFolder, 'deploy/retriedTests.mjs')}`;
  const reporters = ['--reporter=default', retried, '--reporter=json', `--outputFile.json=${resultFile}`];
  const code = await exitCodeOf(node24, [vitest, 'run', ...reporters, ...vitestArguments], env);

  const results = existsSync(resultFile) ? JSON.parse(readFileSync(resultFile, 'utf8')) : undefined;
  const counts = testCounts(results, { failedChecks: failedChecks.length, vitestFailed: code !== 0 });
  if (failedChecks.length > 0) say(`failed checks, each counted as one failure: ${failedChecks.join(', ')}`);
  process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
  process.exit(counts.failed === 0 ? 0 : 1);
});

function exitCodeOf(command, args, env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: repositoryFolder, env, stdio: 'inherit' });
    child.on('error', () => resolve(-1));
    child.on('exit', (code) => resolve(code ?? -1));
  });
}
