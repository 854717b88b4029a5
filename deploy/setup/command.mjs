import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { toolPath } from './folders.mjs';

/**
 * Runs a command to its end. `onLine` gets each line of its output; without it the output is kept and its tail returned.
 * `show` lets it write to the terminal itself. Resolves `{ok, code, timedOut, tail}`; never rejects.
 */
export function runCommand(command, args, { cwd, env = {}, timeoutMs, onLine, show = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, PATH: toolPath(), ...(show ? {} : { NO_COLOR: '1' }), ...env },
      stdio: ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
    });
    // A set-up that is stopped must not leave a compiler behind.
    const stop = () => child.kill('SIGTERM');
    process.once('exit', stop);
    const tail = [];
    const keep = (line) => {
      tail.push(line);
      if (tail.length > 40) tail.shift();
      onLine?.(line);
    };
    for (const stream of [child.stdout, child.stderr]) if (stream) createInterface({ input: stream }).on('line', keep);
    let timedOut = false;
    const timer =
      timeoutMs &&
      setTimeout(() => {
        timedOut = true;
        child.kill('SIGKILL');
      }, timeoutMs);
    const end = (code, words) => {
      clearTimeout(timer);
      process.off('exit', stop);
      if (words) tail.push(words);
      resolve({ ok: code === 0, code, timedOut, tail: tail.join('\n') });
    };
    child.on('error', (error) => end(-1, error.message));
    child.on('close', (code) => end(code ?? -1));
  });
}

/** Exit code of a command that answers at once, or -1 when it could not run. */
export function exitCodeOf(command, args, env = process.env) {
  const result = spawnSync(command, args, { stdio: 'ignore', timeout: 15_000, env });
  return result.error ? -1 : (result.status ?? -1);
}

/** Standard output of a command that answers at once, or nothing when it fails. */
export function outputOf(command, args) {
  const result = spawnSync(command, args, { stdio: ['ignore', 'pipe', 'ignore'], timeout: 15_000, encoding: 'utf8' });
  return result.error || result.status !== 0 ? undefined : result.stdout;
}

/**
 * Whether a host answers at all, so that an unreachable one costs 5 s and not the minutes that installers try for.
 * Behind a proxy this fetch can't tell, so the installer decides.
 */
export async function hostAnswers(url) {
  if (process.env.HTTPS_PROXY || process.env.https_proxy) return true;
  try {
    await fetch(url, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(5_000) });
    return true;
  } catch {
    return false;
  }
}
