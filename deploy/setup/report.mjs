/** What set-up says to the person at the terminal. One voice, so that every step reads alike. */

/** A step that can't go on. Its message is one sentence that says what to do; no stack is shown. */
export class SetupProblem extends Error {
  constructor(message) {
    super(message);
    this.name = 'SetupProblem';
  }
}

export function say(line) {
  process.stdout.write(`[set-up] ${line}\n`);
}

export function warn(line) {
  process.stdout.write(`[set-up] warning: ${line}\n`);
}

export function duration(ms) {
  const seconds = Math.round(ms / 1000);
  return seconds < 90 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

const lineEveryMs = 15_000;

/** Progress of a long step: one line that updates on a terminal, a line now and then in a log. */
export class Progress {
  #what;
  #startedAt = Date.now();
  #lastLineAt = Date.now();
  #shown = false;

  constructor(what) {
    this.#what = what;
  }

  update(done, total) {
    const text = `${this.#what}: ${done} of ${total} (${Math.floor((done / total) * 100)} %), ${duration(Date.now() - this.#startedAt)} so far`;
    if (process.stdout.isTTY) {
      process.stdout.write(`\r\x1b[2K[set-up]   ${text}`);
      this.#shown = true;
    } else if (Date.now() - this.#lastLineAt >= lineEveryMs || done === total) {
      this.#lastLineAt = Date.now();
      say(`  ${text}`);
    }
  }

  end() {
    if (this.#shown) process.stdout.write('\n');
  }
}
