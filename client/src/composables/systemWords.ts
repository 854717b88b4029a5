import type { NodeFigures, SystemView } from '@framelock/server/protocol';

const processNames: Record<string, string> = { server: 'Server', sfu: 'Media', inference: 'Inference', hls: 'HLS' };
const queueNames: Record<string, string> = {
  decode: 'Frames to decode',
  inference: 'Pictures for the model',
  hlsDetections: 'Detections for HLS',
  hlsRequests: 'HLS requests held',
  appearances: 'Appearances for the database',
  history: 'History for the database',
  historySpool: 'History on the disk, for the database',
};
const dropNames: Record<string, string> = {
  depacketise: 'Frames with packets missing',
  decode: 'Frames not decoded',
  sampler: 'Frames passed over for newer ones',
  inference: 'Frames that the model refused',
  publish: 'Detections not sent',
  hlsDetections: 'Detections for HLS',
};
const faultNames: Record<string, string> = {
  nodesLost: 'Connections to nodes lost',
  databaseFaults: 'Writes that the database did not take',
  malformedMessages: 'Messages that were not understood',
  analysisStartsFailed: 'Analyses that could not start',
  sourcesFailed: 'Sources that failed',
  galleryPushesFailed: 'Galleries that a node did not take',
  auditEntriesDropped: 'Audit entries not stored',
  wrongFrames: 'Pictures with boxes of another frame',
  workerDeaths: 'Media workers that died',
  hlsRestarts: 'HLS processes started again',
  decodeThreadDeaths: 'Decode threads that died',
  modelRestarts: 'Model threads started again',
  controlRefused: 'Control requests refused',
};

/** `historyRows` and `history rows` become `History rows`. */
export function inWords(name: string): string {
  const spaced = name
    .replaceAll('_', ' ')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

export const processName = (name: string): string =>
  processNames[name] ?? name.replace(/^worker (\d+)$/, (_, index: string) => `Media worker ${Number(index) + 1}`);
export const faultName = (what: string): string => faultNames[what] ?? inWords(what);

export interface ProcessRow {
  key: string;
  name: string;
  node: string;
  cores: number;
  rssBytes: number;
}

export interface QueueRow {
  key: string;
  name: string;
  node: string;
  length: number;
  limit: number | null;
}

export interface DropRow {
  key: string;
  name: string;
  node: string;
  count: number;
}

function ofAll<T>(view: SystemView, rows: (figures: NodeFigures, node: string) => T[]): T[] {
  return [
    ...rows(view.server, 'server'),
    ...view.nodes.flatMap(({ id, figures }) => (figures ? rows(figures, id) : [])),
  ];
}

export function processRows(view: SystemView): ProcessRow[] {
  return ofAll(view, ({ processes }, node) =>
    processes.map(({ name, ...rest }) => ({ key: `${node} ${name}`, name: processName(name), node, ...rest })),
  );
}

export function queueRows(view: SystemView): QueueRow[] {
  return ofAll(view, ({ queues }, node) =>
    queues.map(({ name, ...rest }) => ({
      key: `${node} ${name}`,
      name: queueNames[name] ?? inWords(name),
      node,
      ...rest,
    })),
  );
}

/** What was lost somewhere, the most first; passing over for newer frames is by design and stands last. */
export function dropRows(view: SystemView): DropRow[] {
  return ofAll(view, ({ dropped }, node) =>
    Object.entries(dropped).map(([name, count]) => ({ key: `${node} ${name}`, name, node, count })),
  )
    .filter(({ count }) => count > 0)
    .sort((a, b) => Number(a.name === 'sampler') - Number(b.name === 'sampler') || b.count - a.count)
    .map((row) => ({ ...row, name: dropNames[row.name] ?? inWords(row.name) }));
}

/** 0..1, undefined where the queue has no limit. */
export function fullness({ length, limit }: Pick<QueueRow, 'length' | 'limit'>): number | undefined {
  return limit === null || limit === 0 ? undefined : Math.min(1, length / limit);
}

export function databaseWords({ engine, answers, pingMs }: SystemView['database']): string {
  const name = engine === 'pglite' ? 'PGlite, in the data folder' : 'PostgreSQL';
  return answers && pingMs !== null
    ? `${name}, answers in ${pingMs < 10 ? pingMs : Math.round(pingMs)} ms`
    : `${name}, does not answer`;
}

/** `0.25` of a core is `25 %`; what one core can do is 100 %. */
export function formatCores(cores: number | null | undefined): string {
  if (cores === null || cores === undefined) return '–';
  return `${Math.round(cores * 100)} %`;
}
