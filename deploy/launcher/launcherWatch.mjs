// Loaded into each child by `--import`, before its main.ts. When the launcher is gone without having stopped the child
// (SIGKILL, out of memory), the IPC channel between them breaks: the child then gets the SIGTERM that it already knows
// how to obey; at its end, or 5 s later, what it started ends with it (it leads a process group, see SupervisedProcess).
import { isMainThread } from 'node:worker_threads';

const graceMs = 5_000;

if (isMainThread && process.channel) {
  process.once('disconnect', () => {
    process.once('exit', endGroup);
    setTimeout(() => process.exit(1), graceMs).unref();
    process.kill(process.pid, 'SIGTERM');
  });
  // The channel alone must not keep a process alive that has closed everything else.
  process.channel.unref();
}

function endGroup() {
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    // Not a leader: nothing of ours to end.
  }
}
