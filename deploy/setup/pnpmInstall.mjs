import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { exitCodeOf, runCommand } from './command.mjs';
import { contentHash, node24, repositoryFolder } from './folders.mjs';
import { SetupProblem } from './report.mjs';

export const pnpm = 'pnpm@12.21.0';

const manifests = ['', 'server', 'sfu', 'inference', 'client', 'db', 'deploy'].map((name) =>
  join(repositoryFolder, name, 'package.json'),
);
const inputs = [...manifests, join(repositoryFolder, 'pnpm-lock.yaml'), join(repositoryFolder, 'pnpm-workspace.yaml')];
// Inside node_modules, so that deleting node_modules deletes it too.
const stampFile = join(repositoryFolder, 'node_modules', '.framelock-installed');

/** All npm packages, Node 24 among them. */
export const pnpmInstall = {
  title: 'npm packages and Node 24',
  takes: '20 s to 3 minutes, by the network',

  find() {
    const done = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === contentHash(inputs);
    return done && exitCodeOf(node24, ['--version']) === 0 ? {} : undefined;
  },

  async make() {
    const result = await runCommand('npx', ['-y', pnpm, 'install', '--frozen-lockfile'], {
      cwd: repositoryFolder,
      show: true,
      // CI: no questions. NODE_ENV: production would leave out Node 24 and the builders.
      env: { CI: 'true', NODE_ENV: '' },
    });
    if (!result.ok)
      throw new SetupProblem(
        `npm packages could not be installed (the output above says why); see that the npm registry is reachable, then start again`,
      );
    if (exitCodeOf(node24, ['--version']) !== 0)
      throw new SetupProblem(
        `Node 24 of the npm package "node" does not run on this machine (${node24}); Framelock needs Linux x64 or arm64 with glibc, or macOS`,
      );
    mkdirSync(dirname(stampFile), { recursive: true });
    writeFileSync(stampFile, contentHash(inputs));
    return {};
  },
};
