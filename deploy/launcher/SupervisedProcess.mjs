import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { logLine } from './logLine.mjs';

/** By convention (sysexits.h EX_CONFIG): the configuration is wrong, and starting again would not help. */
export const configurationExitCode = 78;

const firstDelayMs = 250;
const longestDelayMs = 10_000;
/** A process that lived this long was well: its next crash begins again with the first delay. */
const wellAfterMs = 30_000;
const graceMs = 6_000;

/**
 * One process of the product, started again when it ends by itself. It leads a process group of its own, so that what
 * it started ends with it, and so that Ctrl-C reaches it through the launcher alone.
 */
export class SupervisedProcess {
  #options;
  #child;
  #delayMs = firstDelayMs;
  #restartTimer;
  #closed = false;
  #gone = Promise.resolve();

  /**
   * `{name, command, args, cwd, env}` as for spawn; `print(line)` gets output and news;
   * `onConfigurationError(name)` is told when it ended with exit code 78.
   */
  constructor(options) {
    this.#options = options;
    this.#start();
  }

  #start() {
    const { name, command, args, cwd, env, print } = this.#options;
    const startedAt = Date.now();
    const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (text) => {
        for (const line of logLine(text).split('\n')) print(`${name.padEnd(9)} | ${line}`);
      });
    this.#gone = new Promise((resolve) => {
      const end = (reason) => {
        this.killGroup();
        this.#child = undefined;
        resolve();
        this.#onEnd(reason, Date.now() - startedAt);
      };
      child.once('error', (error) => {
        if (child.pid === undefined) end({ words: `could not be started: ${error.message}` });
      });
      child.once('exit', (code, signal) =>
        end({ code, words: signal ? `was ended by ${signal}` : `ended with exit code ${code}` }),
      );
    });
  }

  #onEnd({ code, words }, livedMs) {
    if (this.#closed) return;
    const { name, print, onConfigurationError } = this.#options;
    if (code === configurationExitCode) {
      this.#closed = true;
      onConfigurationError(name);
      return;
    }
    if (livedMs >= wellAfterMs) this.#delayMs = firstDelayMs;
    print(`launcher  | ${name} ${words}; starting it again in ${this.#delayMs} ms`);
    this.#restartTimer = setTimeout(() => this.#start(), this.#delayMs);
    this.#delayMs = Math.min(this.#delayMs * 2, longestDelayMs);
  }

  /** The process and all that it started, at once. After its end this reaches only what it left behind. */
  killGroup() {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch (error) {
      if (!['ESRCH', 'EPERM'].includes(error.code)) throw error;
    }
  }

  /** Asks it to end, waits, and ends it by force after a while. Resolves when it and all that it started are gone. */
  async close() {
    this.#closed = true;
    clearTimeout(this.#restartTimer);
    const timer = setTimeout(() => this.killGroup(), graceMs);
    this.#child?.kill('SIGTERM');
    await this.#gone;
    clearTimeout(timer);
  }
}
