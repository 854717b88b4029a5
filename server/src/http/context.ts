import type { AuditStore, ExposureStore, HistoryQueries } from '@framelock/db';
import type { Context } from 'hono';
import type { Access, Caller } from '../access/Access.ts';
import type { AccessDirectory } from '../access/AccessDirectory.ts';
import type { Accounts } from '../access/Accounts.ts';
import type { ApiTokens } from '../access/ApiTokens.ts';
import type { AuditLog } from '../access/AuditLog.ts';
import type { IceServersFor } from '../access/iceServers.ts';
import type { Brands } from '../brands/Brands.ts';
import type { Doctor } from '../doctor/Doctor.ts';
import type { DoctorSessions } from '../doctor/DoctorSessions.ts';
import type { EventsOut } from '../events/EventsOut.ts';
import type { Metrics } from '../Metrics.ts';
import type { NodeRegistry } from '../nodes/NodeRegistry.ts';
import type { Readiness } from '../protocol/index.ts';
import type { Recordings } from '../recordings/Recordings.ts';
import type { SourceFiles } from '../sources/SourceFiles.ts';
import type { Sources } from '../sources/Sources.ts';
import type { Streams } from '../streams/Streams.ts';
import type { SystemMonitor } from '../system/SystemMonitor.ts';
import type { WhepEndpoint } from '../whep/WhepEndpoint.ts';
import type { WhipEndpoint } from '../whip/WhipEndpoint.ts';

/** What the HTTP routes are made of. */
export interface HttpContext {
  access: Access;
  /** Who sends a request; refuses a session's cookie that another site's page may have sent. */
  callerOf(context: Context): Caller;
  /** Whose request it is, also behind a trusted proxy. */
  addressOf(context: Context): string;
  /** Of the certificate in use, where there is one. */
  tls(): { fingerprint: string; selfSigned: boolean } | undefined;
  directory: AccessDirectory;
  accounts: Accounts;
  tokens: ApiTokens;
  audit: AuditLog;
  auditStore: AuditStore;
  streams: Streams;
  sources: Sources;
  doctor: Doctor;
  doctorSessions: DoctorSessions;
  files: SourceFiles;
  recordings: Recordings;
  brands: Brands;
  exposure: ExposureStore;
  historyQueries: HistoryQueries;
  events: EventsOut;
  registry: NodeRegistry;
  metrics: Metrics;
  /** For `join`, and for the `Link` headers of WHIP and WHEP. */
  iceServersFor: IceServersFor;
  whip: WhipEndpoint;
  whep: WhepEndpoint;
  /** Of one address, by WHIP and by WHEP each. */
  whipPostsPerMinute: number;
  clientDist: string;
  system: SystemMonitor;
  readiness(): Promise<Readiness>;
  onFault(error: unknown, method: string, path: string): void;
}
