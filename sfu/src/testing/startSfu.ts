import { pino } from 'pino';
import { ControlServer } from '../control/ControlServer.ts';
import type { HlsHost } from '../hls/HlsHost.ts';
import { SfuNode, type SfuNodeOptions } from '../SfuNode.ts';
import { testWorkerBin } from './workerBin.ts';
import { ControlClient } from './ControlClient.ts';

export const testSecret = 'a-secret-of-tests-only';

export interface TestSfu {
  node: SfuNode;
  hls: HlsHost | undefined;
  control: ControlServer;
  client: ControlClient;
  dial(headers?: Record<string, string>): Promise<ControlClient>;
  close(): Promise<void>;
}

/** A whole sfu on free ports, and one server connected to it. */
export interface TestSfuOptions extends Partial<SfuNodeOptions> {
  ownerGraceMs?: number;
  /** Makes the node's HLS; without it there is none. */
  hls?(node: SfuNode): HlsHost;
}

export async function startSfu(options: TestSfuOptions = {}): Promise<TestSfu> {
  const log = pino({ level: 'silent' });
  const { ownerGraceMs, hls: makeHls, ...nodeOptions } = options;
  const node = await SfuNode.create({
    workers: 1,
    workerBin: testWorkerBin(),
    rtcPort: 0,
    host: '127.0.0.1',
    announcedIp: undefined,
    controlHost: '127.0.0.1',
    log,
    ...nodeOptions,
  });
  const hls = makeHls?.(node);
  await hls?.started;
  const control = await ControlServer.create({
    node,
    hls,
    nodeSecret: testSecret,
    host: '127.0.0.1',
    port: 0,
    log,
    ...(ownerGraceMs === undefined ? {} : { ownerGraceMs }),
  });
  const clients: ControlClient[] = [];
  const dial = async (headers?: Record<string, string>): Promise<ControlClient> => {
    const client = await ControlClient.create(control.url, testSecret, headers);
    clients.push(client);
    return client;
  };
  const client = await dial();
  const close = async (): Promise<void> => {
    for (const one of clients) one.close();
    await Promise.all([node.close('shutdown'), control.close('shutdown'), hls?.close()]);
  };
  return { node, hls, control, client, dial, close };
}
