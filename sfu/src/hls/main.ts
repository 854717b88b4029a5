import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { RpcCallee } from '@framelock/server/protocol';
import { hlsOriginToken } from '@framelock/server/protocol/node';
import { ConfigError } from '../config.ts';
import { parseHlsConfig, type HlsConfig } from './config.ts';
import { hlsControlContract, type HlsControlContract, type HlsMessage } from './hlsControl.ts';
import { hlsHandlers } from './hlsHandlers.ts';
import { HlsNode, type HlsNodeOptions } from './HlsNode.ts';

/** EX_CONFIG of sysexits.h: a restart does not help. */
const exitConfig = 78;
const portFreeWithinMs = 5_000;

/** The hls process: forked by HlsHost, spoken to by IPC, and gone when its parent is. */
async function start(config: HlsConfig): Promise<void> {
  const log = pino({ level: config.logLevel, base: { process: 'hls', nodeId: config.nodeId } });
  const send = (message: HlsMessage): void => {
    // An sfu that died meanwhile is told of by `disconnect`.
    if (process.connected) process.send!(message, undefined, undefined, () => undefined);
  };
  const node = await createNode({
    config,
    token: hlsOriginToken(config.nodeSecret),
    log,
    onWant: (publicationId) => callee.emit('want', { publicationId }),
    onUnwant: (publicationId) => callee.emit('unwant', { publicationId }),
    onView: (view) => callee.emit('hls', view),
    onRecording: (recording) => callee.emit('recording', { recording }),
  });
  const callee: RpcCallee<HlsControlContract> = new RpcCallee<HlsControlContract>(hlsControlContract, {
    send: (text) => send({ text }),
    handlers: hlsHandlers(node),
    onRefused: (method, error) => log.warn({ method, error: (error as Error).message }, 'request refused'),
    onMalformed: (reason) => log.warn({ reason }, 'malformed message of the sfu'),
  });
  process.on('message', (message: HlsMessage) => {
    if ('text' in message) void callee.receive(message.text);
    else node.addDetection(message.publicationId, message.detection);
  });
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(0), 3_000).unref();
    await node.close('shutdown');
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop());
  // The sfu died without a word: what is here goes to the disk, as of a crash, and another sfu may be there soon.
  const leave = (): void => {
    setTimeout(() => process.exit(0), 2_000).unref();
    void node.written().finally(() => process.exit(0));
  };
  process.once('disconnect', leave);
  // It died before somebody listened.
  if (process.connected === false) leave();
  callee.emit('listening', { url: node.url, port: node.port });
}

/** The hls process of an sfu that died may still be writing when the next one begins: its port is waited for. */
async function createNode(options: HlsNodeOptions): Promise<HlsNode> {
  const { host, port } = options.config;
  for (const deadlineMs = performance.now() + portFreeWithinMs; ; await sleep(250)) {
    try {
      return await HlsNode.create(options);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EADDRINUSE' && performance.now() < deadlineMs) continue;
      if (code !== 'EADDRINUSE' && code !== 'EADDRNOTAVAIL') throw error;
      throw new ConfigError(`cannot listen on HLS_HOST ${host} HLS_PORT ${port}: ${code}`);
    }
  }
}

try {
  await start(parseHlsConfig(process.env));
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String((error as Error).stack ?? error)}\n`);
  process.exit(error instanceof ConfigError ? exitConfig : 1);
}
