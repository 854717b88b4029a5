import type { DeliveryStore, EventDeliveryRow, EventTargetRow, RuleStore } from '@framelock/db';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { newId } from '../newId.ts';
import {
  type changeTargetSchema,
  type createTargetSchema,
  deliveryBodySchema,
  type DeliveryList,
  type deliveryQuerySchema,
  type EventDelivery,
  type EventTarget,
  maxTargets,
  Refusal,
  type TargetAnswer,
  type TargetTest,
} from '../protocol/index.ts';
import { testBody } from './eventViews.ts';
import type { Sender } from './Sender.ts';
import { newWebhookSecret } from './signWebhook.ts';
import {
  checkHeaders,
  checkTargetUrl,
  mqttSettingsSchema,
  targetView,
  webhookSettingsSchema,
} from './TargetSettings.ts';

type Create = z.output<typeof createTargetSchema>;
type Change = z.output<typeof changeTargetSchema>;

export interface TargetsOptions {
  rules: RuleStore;
  deliveries: DeliveryStore;
  senders: Record<EventTargetRow['kind'], Sender>;
  allowPrivate: boolean;
  logger: Logger;
  /** Something may be due. */
  onChanged(): void;
}

/** Where events go, and what became of them, as the API shows and changes it. */
export class Targets {
  readonly #options: TargetsOptions;

  constructor(options: TargetsOptions) {
    this.#options = options;
  }

  async list(): Promise<EventTarget[]> {
    const { rules, deliveries } = this.#options;
    const figures = new Map((await deliveries.figures()).map((one) => [one.targetId, one]));
    return (await rules.targets()).map((row) => targetView(row, figures.get(row.id)));
  }

  async add(target: Create): Promise<TargetAnswer> {
    const { rules, allowPrivate, logger } = this.#options;
    checkTargetUrl(target.kind, target.url, allowPrivate);
    if ((await rules.targets()).length >= maxTargets) {
      throw new Refusal('conflict', `there are ${maxTargets} targets already, and more are not kept: delete one`);
    }
    const { kind, name, enabled } = target;
    const secret = kind === 'webhook' ? newWebhookSecret() : target.password;
    const row = await rules.insertTarget({ id: newId(), name, kind, enabled, settings: settingsOf(target), secret });
    logger.info({ targetId: row.id, kind }, 'target set');
    return { target: targetView(row, undefined), secret: kind === 'webhook' ? secret : null };
  }

  async change(id: string, change: Change): Promise<TargetAnswer> {
    const { rules, allowPrivate, logger, onChanged } = this.#options;
    const before = await this.#get(id);
    if (change.url !== undefined) checkTargetUrl(before.kind, change.url, allowPrivate);
    const { settings, secret } = changed(before, change);
    const row = await rules.changeTarget(id, {
      ...{ settings, secret },
      ...(change.name === undefined ? {} : { name: change.name }),
      ...(change.enabled === undefined ? {} : { enabled: change.enabled, problem: null }),
    });
    if (!row) throw noSuchTarget();
    logger.info({ targetId: id, kind: row.kind, enabled: row.enabled }, 'target set');
    onChanged();
    const view = (await this.list()).find((one) => one.id === id) ?? targetView(row, undefined);
    return { target: view, secret: change.newSecret ? secret : null };
  }

  async delete(id: string): Promise<void> {
    if (!(await this.#options.rules.deleteTarget(id))) throw noSuchTarget();
    this.#options.logger.info({ targetId: id }, 'target deleted');
  }

  /** Sends one event at once, also where the target is off. */
  async test(id: string): Promise<TargetTest> {
    const target = await this.#get(id);
    const messageId = newId();
    const body = new TextEncoder().encode(JSON.stringify(testBody(messageId, target)));
    const beganMs = performance.now();
    const outcome = await this.#options.senders[target.kind].send(target, { id: messageId, body });
    const latencyMs = Math.round(performance.now() - beganMs);
    return { ok: outcome.ok, status: outcome.status, latencyMs, error: outcome.ok ? null : outcome.error };
  }

  async #get(id: string): Promise<EventTargetRow> {
    const row = await this.#options.rules.target(id);
    if (!row) throw noSuchTarget();
    return row;
  }

  async deliveries(query: z.output<typeof deliveryQuerySchema>): Promise<DeliveryList> {
    const { state, targetId, limit, cursor } = query;
    const before = cursor === undefined ? undefined : Number(cursor);
    if (before !== undefined && !(Number.isSafeInteger(before) && before > 0)) {
      throw new Refusal('badRequest', 'cursor: it is none that this API gave');
    }
    const rows = await this.#options.deliveries.list({ state, targetId, before, limit: limit + 1 });
    const page = rows.slice(0, limit);
    const names = await this.#names();
    return {
      deliveries: page.map((row) => deliveryView(row, names)),
      nextCursor: rows.length > limit ? String(page.at(-1)!.position) : null,
    };
  }

  async retry(id: string): Promise<EventDelivery> {
    const { deliveries, onChanged } = this.#options;
    const row = await deliveries.retry(id);
    if (!row) {
      if (await deliveries.get(id)) throw new Refusal('conflict', 'this was delivered already');
      throw noSuchDelivery();
    }
    onChanged();
    return deliveryView(row, await this.#names());
  }

  async deleteDelivery(id: string): Promise<void> {
    if (!(await this.#options.deliveries.delete(id))) throw noSuchDelivery();
  }

  async #names(): Promise<Map<string, string>> {
    return new Map((await this.#options.rules.targets()).map(({ id, name }) => [id, name]));
  }
}

function settingsOf(target: Create): unknown {
  if (target.kind === 'webhook') {
    checkHeaders(target.headers);
    return { url: target.url, headers: target.headers };
  }
  const { url, topicPrefix, username, caPem } = target;
  return { url, topicPrefix, username, caPem };
}

function changed(
  { kind, settings, secret }: EventTargetRow,
  change: Change,
): Pick<EventTargetRow, 'settings' | 'secret'> {
  const { url, headers, newSecret, topicPrefix, username, password, caPem } = change;
  if (kind === 'webhook') {
    refuseOthers('webhook', { topicPrefix, username, password, caPem });
    if (headers) checkHeaders(headers);
    const before = webhookSettingsSchema.parse(settings);
    if (!headers && Object.keys(before.headers).length > 0) refuseElsewhere(before.url, url, 'headers');
    return {
      settings: { url: url ?? before.url, headers: headers ?? before.headers },
      secret: newSecret ? newWebhookSecret() : secret,
    };
  }
  refuseOthers('mqtt', { headers, newSecret });
  const before = mqttSettingsSchema.parse(settings);
  if (password === undefined && secret !== null) refuseElsewhere(before.url, url, 'password');
  const said = Object.entries({ url, topicPrefix, username, caPem }).filter(([, value]) => value !== undefined);
  return {
    settings: { ...before, ...Object.fromEntries(said) },
    secret: password === undefined ? secret : password,
  };
}

/** Who may change a target may not read its secrets, nor have them sent to where they can be read. */
function refuseElsewhere(before: string, after: string | undefined, field: string): void {
  if (after === undefined) return;
  const [from, to] = [new URL(before), new URL(after)];
  if (from.protocol === to.protocol && from.host === to.host) return;
  throw new Refusal('badRequest', `${field}: give what is secret in it anew, since the url leads to another host`);
}

function refuseOthers(kind: string, fields: Record<string, unknown>): void {
  const named = Object.keys(fields).find((field) => fields[field] !== undefined);
  if (named !== undefined) throw new Refusal('badRequest', `${named}: a target of kind ${kind} has none`);
}

function deliveryView(row: EventDeliveryRow, names: Map<string, string>): EventDelivery {
  const { id, targetId, ruleId, state, attempts, nextAttemptAt, lastError, createdAt, endedAt } = row;
  const { event } = deliveryBodySchema.parse(JSON.parse(new TextDecoder().decode(row.body)));
  return {
    ...{ id, targetId, ruleId, event, state, attempts, lastError },
    targetName: names.get(targetId) ?? '',
    nextAttemptAt: state === 'waiting' ? nextAttemptAt.toISOString() : null,
    createdAt: createdAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
  };
}

const noSuchTarget = (): Refusal => new Refusal('notFound', 'there is no such target');
const noSuchDelivery = (): Refusal => new Refusal('notFound', 'there is no such delivery');
