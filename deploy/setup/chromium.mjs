import { homedir } from 'node:os';
import { join } from 'node:path';
import { ensureAptPackages } from './aptPackages.mjs';
import { isProgram, programOnPath } from './programOnPath.mjs';
import { SetupProblem } from './report.mjs';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const macApplications = ['Google Chrome', 'Chromium'].flatMap((name) =>
  ['/Applications', join(homedir(), 'Applications')].map((folder) => `${folder}/${name}.app/Contents/MacOS/${name}`),
);

/** A real browser for the end-to-end tests; only `npm test` and the benchmarks need it. */
export const chromium = {
  title: 'Chromium for the end-to-end tests',
  takes: '1 to 3 minutes',

  find(env) {
    const given = env.CHROMIUM_BIN;
    if (given) {
      if (!isProgram(given)) throw new SetupProblem(`CHROMIUM_BIN=${given} is not a program; correct it or unset it`);
      return { CHROMIUM_BIN: given };
    }
    const path =
      names.map((name) => `/usr/bin/${name}`).find(isProgram) ??
      names.map(programOnPath).find(Boolean) ??
      ['/snap/bin/chromium', ...macApplications].find(isProgram);
    return path && { CHROMIUM_BIN: path };
  },

  async make(env) {
    await ensureAptPackages(['chromium'], 'run the end-to-end tests in a real browser');
    const found = chromium.find(env);
    if (!found) throw new SetupProblem('no Chromium was found after its installation; set CHROMIUM_BIN to its program');
    return found;
  },
};
