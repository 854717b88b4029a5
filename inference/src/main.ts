import { startTracing } from '@framelock/server/protocol/tracing';
import { pino } from 'pino';
import { ConfigError, parseConfig, type Config } from './config.ts';
import { InferenceNode } from './InferenceNode.ts';

/** sysexits.h EX_CONFIG: a restart does not help, the launcher shows the sentence and stops. */
const exitConfig = 78;
/** Whatever hangs while closing ends with the process. */
const longestCloseMs = 5000;

async function start(config: Config): Promise<void> {
  const log = pino({ level: config.LOG_LEVEL, base: { process: 'inference', nodeId: config.NODE_ID } });
  const tracing = await startTracing('framelock-inference', (reason) => log.warn({ reason }, 'traces'));
  const node = await InferenceNode.create(config, log).catch((error: NodeJS.ErrnoException) => {
    if (error.syscall !== 'listen') throw error;
    throw new ConfigError(`cannot listen on CONTROL_HOST and CONTROL_PORT: ${error.message}`);
  });
  const stop = (reason: string): void => {
    setTimeout(() => process.exit(0), longestCloseMs).unref();
    void node
      .close(reason)
      .then(() => tracing.close())
      .finally(() => process.exit(0));
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop(signal));
  // The launcher's IPC channel is gone: it died without a word.
  process.once('disconnect', () => stop('launcher gone'));
  // It died before somebody listened; undefined: there is no launcher.
  if (process.connected === false) stop('launcher gone');
}

try {
  await start(parseConfig(process.env));
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String((error as Error).stack ?? error)}\n`);
  process.exit(error instanceof ConfigError ? exitConfig : 1);
}
