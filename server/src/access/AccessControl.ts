import type { Database } from '@framelock/db';
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import type { Metrics } from '../Metrics.ts';
import type { Streams } from '../streams/Streams.ts';
import { Access, type Caller, passKeyOf } from './Access.ts';
import { AccessDirectory } from './AccessDirectory.ts';
import { Accounts } from './Accounts.ts';
import { AddressReader } from './AddressReader.ts';
import { AdmissionGuard } from './AdmissionGuard.ts';
import { ApiTokens } from './ApiTokens.ts';
import { AuditLog } from './AuditLog.ts';

export interface AccessControlOptions {
  config: Config;
  database: Database;
  logger: Logger;
  metrics: Metrics;
}

/** All of one server that knows people, tokens and what they may do. */
export class AccessControl {
  readonly access: Access;
  readonly directory: AccessDirectory;
  readonly accounts: Accounts;
  readonly tokens: ApiTokens;
  readonly audit: AuditLog;
  readonly addresses: AddressReader;
  readonly #options: AccessControlOptions;
  /** By the request that Hono made of it, of which there is one from the first middleware to the last. */
  readonly #callers = new WeakMap<object, Caller>();
  #guard: AdmissionGuard | undefined;

  private constructor(options: AccessControlOptions, directory: AccessDirectory) {
    this.#options = options;
    const { config, database, logger, metrics } = options;
    this.directory = directory;
    this.access = new Access({ ...config, directory });
    this.addresses = new AddressReader(config.trustedProxies);
    const { access: store } = database;
    this.accounts = new Accounts({ store, directory, logger, metrics });
    this.tokens = new ApiTokens({ store, directory, logger });
    this.audit = AuditLog.create({ store: database.audit, maxAgeDays: config.auditMaxAgeDays, logger, metrics });
  }

  static async create(options: AccessControlOptions): Promise<AccessControl> {
    const { config, database, logger, metrics } = options;
    const later: { control?: AccessControl } = {};
    const directory = await AccessDirectory.create({
      ...{ store: database.access, shareKey: passKeyOf(config), logger, metrics },
      onLook: (changed) => later.control?.look(changed),
    });
    return (later.control = new AccessControl(options, directory));
  }

  /** Whose request it is, also behind a trusted proxy. */
  addressOf({ env }: Context): string {
    return this.addresses.of((env as HttpBindings).incoming);
  }

  /** Who sends a request; asked once for each, and refuses a session's cookie that another site's page may have sent. */
  callerOf(context: Context): Caller {
    const { req } = context;
    const known = this.#callers.get(req);
    if (known) return known;
    const address = this.addressOf(context);
    const caller = this.access.identify({ method: req.method, headers: (name) => req.header(name), address });
    this.#callers.set(req, caller);
    return caller;
  }

  private look(changed: { keys: boolean }): void {
    this.#guard?.look(changed);
  }

  /** From now on what is live ends with the right that it came by. */
  guard(streams: Streams): void {
    const { logger, metrics } = this.#options;
    this.#guard = new AdmissionGuard({ access: this.access, streams, logger, metrics });
  }

  async close(): Promise<void> {
    await this.directory.close();
    await this.audit.close();
  }
}
