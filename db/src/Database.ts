import { sql } from 'drizzle-orm';
import type { DatabaseConnection } from './connection.ts';
import { PgliteConnection } from './PgliteConnection.ts';
import { PostgresConnection } from './PostgresConnection.ts';
import { AccessStore } from './stores/AccessStore.ts';
import { AuditStore } from './stores/AuditStore.ts';
import { BrandStore } from './stores/BrandStore.ts';
import { DeliveryStore } from './stores/DeliveryStore.ts';
import { ExposureStore } from './stores/ExposureStore.ts';
import { HistoryStore } from './stores/HistoryStore.ts';
import { HistoryQueries } from './stores/HistoryQueries.ts';
import { NodeStore } from './stores/NodeStore.ts';
import { PublicationStore } from './stores/PublicationStore.ts';
import { RecordingStore } from './stores/RecordingStore.ts';
import { RuleStore } from './stores/RuleStore.ts';
import { StreamStore } from './stores/StreamStore.ts';

export interface DatabaseOptions {
  /** Nothing = PGlite in `dataDir`. */
  databaseUrl?: string | undefined;
  dataDir: string;
  /** How long a Postgres that does not answer yet is waited for. */
  connectWithinMs?: number;
}

/** The one open database of a server, migrated. Only `server` opens it; everything else asks the API. */
export class Database {
  readonly streams: StreamStore;
  readonly publications: PublicationStore;
  readonly nodes: NodeStore;
  readonly recordings: RecordingStore;
  readonly exposure: ExposureStore;
  readonly history: HistoryStore;
  readonly brands: BrandStore;
  readonly access: AccessStore;
  readonly audit: AuditStore;
  readonly historyQueries: HistoryQueries;
  readonly rules: RuleStore;
  readonly deliveries: DeliveryStore;
  readonly #connection: DatabaseConnection;

  private constructor(connection: DatabaseConnection) {
    this.#connection = connection;
    this.streams = new StreamStore(connection.drizzle);
    this.publications = new PublicationStore(connection.drizzle);
    this.nodes = new NodeStore(connection.drizzle);
    this.recordings = new RecordingStore(connection.drizzle);
    this.exposure = new ExposureStore(connection.drizzle);
    this.history = new HistoryStore(connection);
    this.brands = new BrandStore(connection.drizzle);
    this.access = new AccessStore(connection.drizzle);
    this.audit = new AuditStore(connection.drizzle);
    this.historyQueries = new HistoryQueries(connection.drizzle);
    this.rules = new RuleStore(connection.drizzle);
    this.deliveries = new DeliveryStore(connection.drizzle);
  }

  /** @throws UnusableDatabase where the folder is in use, or the database does not answer or refuses us. */
  static async create(options: DatabaseOptions): Promise<Database> {
    const connection = options.databaseUrl
      ? await PostgresConnection.create({ ...options, databaseUrl: options.databaseUrl })
      : await PgliteConnection.create({ dataDir: options.dataDir });
    return new Database(connection);
  }

  get engine(): 'pglite' | 'postgres' {
    return this.#connection.engine;
  }

  /** Rejects when the database does not answer. */
  async ping(): Promise<void> {
    await this.#connection.drizzle.execute(sql`select 1`);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}
