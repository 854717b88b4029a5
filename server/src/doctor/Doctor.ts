import type { IceServersFor } from '../access/iceServers.ts';
import type { InferenceNode, NodeRegistry, SfuNode } from '../nodes/NodeRegistry.ts';
import { type DoctorReport, refusalOf } from '../protocol/index.ts';
import { freeBytesOf } from '../sources/SourceFiles.ts';
import type { Sources } from '../sources/Sources.ts';
import type { Streams } from '../streams/Streams.ts';
import { askStun, stunAddressOf } from './askStun.ts';
import type { ServerFacts, StreamFacts } from './facts.ts';
import { serverFindings } from './serverFindings.ts';
import { streamFindings } from './streamFindings.ts';

const nodeTimeoutMs = 5_000;
/** A person presses the button now and then; nobody needs more examinations at once. */
const keepServerFactsMs = 2_000;

export interface DoctorOptions {
  host: string;
  openAccess(): boolean;
  dataDir: string;
  registry: NodeRegistry;
  streams: Streams;
  sources: Sources;
  iceServersFor: IceServersFor;
}

type SlowFacts = Omit<ServerFacts, 'secureOrigin'>;

/** Gathers what the server knows and says it as findings. */
export class Doctor {
  readonly #options: DoctorOptions;
  #last: { facts: Promise<SlowFacts>; atMs: number } | undefined;

  constructor(options: DoctorOptions) {
    this.#options = options;
  }

  async examine({ streamId, secureOrigin }: { streamId?: string; secureOrigin: boolean }): Promise<DoctorReport> {
    const facts = await this.#serverFacts();
    const findings = serverFindings({ ...facts, secureOrigin });
    if (streamId !== undefined) findings.push(...streamFindings(this.#streamFacts(streamId)));
    return { checkedAt: new Date().toISOString(), findings };
  }

  #serverFacts(): Promise<SlowFacts> {
    if (!this.#last || performance.now() - this.#last.atMs > keepServerFactsMs) {
      this.#last = { facts: this.#gather(), atMs: performance.now() };
    }
    return this.#last.facts;
  }

  async #gather(): Promise<SlowFacts> {
    const { host, openAccess, dataDir, registry, iceServersFor } = this.#options;
    const urls = iceServersFor('doctor').flatMap(({ urls }) => urls);
    const [sfus, inferences, iceServers, freeBytes] = await Promise.all([
      Promise.all(registry.sfus.map(sfuFacts)),
      Promise.all(registry.inferences.map(inferenceFacts)),
      Promise.all(urls.map(iceServerFacts)),
      freeBytesOf(dataDir).catch(() => undefined),
    ]);
    const disk = freeBytes === undefined ? undefined : { folder: dataDir, freeBytes };
    return { host, openAccess: openAccess(), sfus, inferences, iceServers, disk };
  }

  #streamFacts(streamId: string): StreamFacts {
    const { streams, sources } = this.#options;
    const live = streams.live(streamId);
    return {
      publication: live?.publication ?? null,
      analysis: live?.analysisView ?? { state: 'off' },
      publisherReport: live?.publisherReport,
      source: sources.viewOf(streamId),
    };
  }
}

async function sfuFacts(node: SfuNode): Promise<ServerFacts['sfus'][number]> {
  try {
    return { id: node.id, probe: await node.request('probePorts', {}, nodeTimeoutMs) };
  } catch (error) {
    return { id: node.id, probe: undefined, error: refusalOf(error).message };
  }
}

async function inferenceFacts(node: InferenceNode): Promise<ServerFacts['inferences'][number]> {
  try {
    const { executionProvider, defaultModelProblem } = await node.request('models', {}, nodeTimeoutMs);
    const problem = defaultModelProblem && `The default model can't be used: ${defaultModelProblem}.`;
    return { id: node.id, executionProvider, ...(problem ? { problem } : {}) };
  } catch (error) {
    return { id: node.id, problem: `The inference node ${node.id} does not answer: ${refusalOf(error).message}.` };
  }
}

async function iceServerFacts(url: string): Promise<ServerFacts['iceServers'][number]> {
  const address = stunAddressOf(url);
  return { url, problem: address ? await askStun(address) : 'this is no stun: or turn: URL' };
}
