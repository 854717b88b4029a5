import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './command.mjs';
import { cloneCacheFolder, contentHash, node24, repositoryFolder } from './folders.mjs';
import { SetupProblem } from './report.mjs';

const clientFolder = join(repositoryFolder, 'client');
const inputs = [clientFolder, join(repositoryFolder, 'server/src/protocol'), join(repositoryFolder, 'pnpm-lock.yaml')];
const stampFile = join(cloneCacheFolder, 'clientBuild');
const isNoInput = (name) => ['node_modules', 'dist', 'e2e', 'cli'].includes(name) || name.endsWith('.test.ts');

/** The browser's part, bundled into client/dist. */
export const clientBuild = {
  title: 'the web client',
  takes: '5 to 30 s',

  find() {
    const built = existsSync(join(clientFolder, 'dist/index.html')) && existsSync(stampFile);
    return built && readFileSync(stampFile, 'utf8') === contentHash(inputs, isNoInput) ? {} : undefined;
  },

  async make() {
    const before = contentHash(inputs, isNoInput);
    const result = await runCommand(node24, ['node_modules/vite/bin/vite.js', 'build'], {
      cwd: clientFolder,
      env: { NODE_ENV: 'production' },
    });
    if (!result.ok)
      throw new SetupProblem(
        `the web client could not be built; if client/ was edited, correct what vite says:\n${result.tail}`,
      );
    mkdirSync(cloneCacheFolder, { recursive: true });
    writeFileSync(stampFile, before);
    return {};
  },
};
