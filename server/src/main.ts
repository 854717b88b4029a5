import { UnusableDatabase } from '@framelock/db';
import pino from 'pino';
import { type Config, ConfigurationError, parseConfig } from './config.ts';
import { FramelockServer } from './FramelockServer.ts';
import { startTracing } from './protocol/tracing/index.ts';

/** EX_CONFIG of sysexits.h: a person has to change something first, so a supervisor should not try again. */
const badConfiguration = 78;

function configOrExit(): Config {
  try {
    return parseConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    console.error(error.message);
    process.exit(badConfiguration);
  }
}

const config = configOrExit();
const logger = pino({ name: 'server', level: config.logLevel });
const tracing = await startTracing('framelock-server', (reason) => logger.warn({ reason }, 'traces'));
const server = await FramelockServer.create({ config, logger }).catch((error: unknown) => {
  const forPerson = error instanceof ConfigurationError || error instanceof UnusableDatabase;
  if (forPerson) console.error(`the server can't start: ${error.message}`);
  else logger.fatal({ err: error }, `the server could not start: ${(error as Error).message}`);
  process.exit(forPerson ? badConfiguration : 1);
});

async function shutdown(reason: string): Promise<void> {
  await server.close(reason);
  await tracing.close();
  process.exit(0);
}
process.once('SIGTERM', () => void shutdown('SIGTERM'));
process.once('SIGINT', () => void shutdown('SIGINT'));
// Started with IPC by the launcher: it has died, and nobody is left to stop us.
process.once('disconnect', () => void shutdown('the launcher has gone'));
// It died before somebody listened; undefined: there is no launcher.
if (process.connected === false) void shutdown('the launcher has gone');
