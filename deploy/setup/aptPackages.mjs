import { existsSync, readdirSync } from 'node:fs';
import { exitCodeOf, outputOf, runCommand } from './command.mjs';
import { Progress, SetupProblem, say } from './report.mjs';

const listsFolder = '/var/lib/apt/lists';

/**
 * Sees to it that Debian packages are installed; `why` completes the sentence "needed to ...".
 * Throws a SetupProblem with the exact command where this process may not install them.
 */
export async function ensureAptPackages(packages, why) {
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (exitCodeOf('apt-get', ['--version']) !== 0)
    throw new SetupProblem(
      `this machine has no apt-get; install with its own package manager what Debian calls ${missing.join(', ')} ` +
        `(needed to ${why}), then start again`,
    );
  if (process.getuid?.() !== 0)
    throw new SetupProblem(
      `Debian packages are missing and only root can install them (needed to ${why}); run: sudo ${command}`,
    );

  say(`  installing ${missing.length} Debian packages (needed to ${why}): ${missing.join(' ')}`);
  let result = hasPackageLists() ? await aptGet(['install', ...missing]) : { ok: false, tail: '' };
  if (!result.ok) {
    say('  bringing the lists of packages up to date (apt-get update)');
    const update = await aptGet(['update']);
    result = await aptGet(['install', ...missing]);
    if (!result.ok)
      throw new SetupProblem(
        `apt-get could not install packages needed to ${why}; see that Debian's package server is reachable, then run: ${command}\n` +
          `${update.ok ? '' : update.tail}\n${result.tail}`.trim(),
      );
  }
}

function isInstalled(name) {
  return outputOf('dpkg-query', ['-W', '-f=${Status}', name])?.includes('install ok installed') ?? false;
}

function hasPackageLists() {
  return existsSync(listsFolder) && readdirSync(listsFolder).some((name) => name.includes('_Packages'));
}

async function aptGet([verb, ...packages]) {
  const progress = new Progress(`apt-get ${verb}`);
  let steps = 0;
  let total = packages.length;
  const result = await runCommand(
    'apt-get',
    [
      verb,
      '-y',
      '-qq',
      // Another apt (a cloud image's first boot) may hold the lock: wait, rather than fail.
      '-o',
      'DPkg::Lock::Timeout=300',
      '-o',
      'Dpkg::Use-Pty=0',
      ...(verb === 'install' ? ['--no-install-recommends', ...packages] : []),
    ],
    {
      env: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
      onLine: (line) => {
        if (line.startsWith('Selecting previously unselected')) total = Math.max(total, ++steps);
        else if (line.startsWith('Setting up')) progress.update(Math.min(steps--, total), total);
      },
    },
  );
  progress.end();
  return result;
}
