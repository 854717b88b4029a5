import { setLogEventListeners } from 'mediasoup';
import { pino } from 'pino';
import { HeartbeatLoop } from '@framelock/server/protocol';
import { ProcessMeter } from '@framelock/server/protocol/node';
import { startTracing } from '@framelock/server/protocol/tracing';
import { ConfigError, parseConfig, type Config } from './config.ts';
import { ControlServer } from './control/ControlServer.ts';
import { HlsHost } from './hls/HlsHost.ts';
import { nodeFigures } from './nodeFigures.ts';
import { SfuNode } from './SfuNode.ts';
import packageJson from '../package.json' with { type: 'json' };

/** EX_CONFIG of sysexits.h: a restart does not help, the launcher shows the sentence and stops. */
const exitConfig = 78;
/** Publications one Worker means to take with some viewers each; the server spreads Streams over nodes by it. */
const publicationsPerWorker = 25;

async function start(config: Config): Promise<void> {
  const log = pino({ level: config.logLevel, base: { process: 'sfu', nodeId: config.nodeId } });
  setLogEventListeners({
    onerror: (namespace, message, error) => log.warn({ namespace, error: error?.message }, message),
  });
  const tracing = await startTracing('framelock-sfu', (reason) => log.warn({ reason }, 'traces'));
  const node = await SfuNode.create({ ...config, log });
  const hls = HlsHost.create({ node, log });
  const control = await ControlServer.create({
    node,
    hls,
    nodeSecret: config.nodeSecret,
    host: config.controlHost,
    port: config.controlPort,
    log,
  }).catch(async (error: NodeJS.ErrnoException) => {
    await Promise.all([node.close('shutdown'), hls.close()]);
    if (error.code !== 'EADDRINUSE' && error.code !== 'EADDRNOTAVAIL') throw error;
    throw new ConfigError(
      `cannot listen on CONTROL_HOST ${config.controlHost} CONTROL_PORT ${config.controlPort}: ${error.code}`,
    );
  });
  const meter = new ProcessMeter();
  const heartbeat = new HeartbeatLoop({
    serverUrl: config.serverUrl,
    nodeSecret: config.nodeSecret,
    describe: async () => ({
      nodeId: config.nodeId,
      kind: 'sfu',
      controlUrl: control.url,
      capacity: config.workers * publicationsPerWorker,
      load: node.counts().publications,
      version: packageJson.version,
      figures: await nodeFigures(node, hls, meter),
      ...(hls.url ? { hlsUrl: hls.url } : {}),
    }),
    onReachable: (reachable, reason) => {
      node.metrics.serverReachable.set(reachable ? 1 : 0);
      log.info({ reachable, reason }, 'server heartbeat');
    },
  });
  log.info({ controlUrl: control.url, workers: config.workers, rtcPort: config.rtcPort }, 'sfu listening');

  let stopping = false;
  const stop = async (reason: string, exitCode: number): Promise<void> => {
    if (stopping) return;
    stopping = true;
    log.info({ reason }, 'sfu closing');
    // Whatever hangs must not keep Workers or ports: they end with this process.
    setTimeout(() => process.exit(exitCode), 5_000).unref();
    heartbeat.close();
    await Promise.allSettled([node.close('shutdown'), control.close('shutdown'), hls.close()]);
    await tracing.close();
    process.exit(exitCode);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal, 0));
  // The launcher's IPC channel is gone: it died without a word.
  process.once('disconnect', () => void stop('launcher gone', 0));
  // It died before somebody listened; undefined: there is no launcher.
  if (process.connected === false) void stop('launcher gone', 0);
  hls.started.catch((error: Error) => {
    log.fatal({ error: error.message }, 'sfu cannot go on');
    void stop('failed', error instanceof ConfigError ? exitConfig : 1);
  });
  node.once('failed', (error) => {
    log.fatal({ error: error.message }, 'sfu cannot go on');
    void stop('failed', 1);
  });
}

try {
  await start(parseConfig(process.env));
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String((error as Error).stack ?? error)}\n`);
  process.exit(error instanceof ConfigError ? exitConfig : 1);
}
