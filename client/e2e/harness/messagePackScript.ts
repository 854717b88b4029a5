import { createRequire } from 'node:module';
import { join } from 'node:path';

/** MessagePack's browser build, for pages in which the harness reads detection messages. */
export const messagePackScript = join(
  createRequire(import.meta.url).resolve('@msgpack/msgpack'),
  '../../dist.umd/msgpack.min.js',
);
