import type { ExposureStore } from '@framelock/db';
import type { Access } from '../access/Access.ts';
import type { IceServersFor } from '../access/iceServers.ts';
import type { Brands } from '../brands/Brands.ts';
import type { Doctor } from '../doctor/Doctor.ts';
import type { DoctorSessions } from '../doctor/DoctorSessions.ts';
import type { Metrics } from '../Metrics.ts';
import type { NodeRegistry } from '../nodes/NodeRegistry.ts';
import type { Readiness } from '../protocol/index.ts';
import type { Recordings } from '../recordings/Recordings.ts';
import type { SourceFiles } from '../sources/SourceFiles.ts';
import type { Sources } from '../sources/Sources.ts';
import type { Streams } from '../streams/Streams.ts';
import type { WhepEndpoint } from '../whep/WhepEndpoint.ts';
import type { WhipEndpoint } from '../whip/WhipEndpoint.ts';

/** What the HTTP routes are made of. */
export interface HttpContext {
  access: Access;
  streams: Streams;
  sources: Sources;
  doctor: Doctor;
  doctorSessions: DoctorSessions;
  files: SourceFiles;
  recordings: Recordings;
  brands: Brands;
  exposure: ExposureStore;
  registry: NodeRegistry;
  metrics: Metrics;
  /** For `join`, and for the `Link` headers of WHIP and WHEP. */
  iceServersFor: IceServersFor;
  whip: WhipEndpoint;
  whep: WhepEndpoint;
  /** Of one address, by WHIP and by WHEP each. */
  whipPostsPerMinute: number;
  clientDist: string;
  readiness(): Promise<Readiness>;
  onFault(error: unknown, method: string, path: string): void;
}
