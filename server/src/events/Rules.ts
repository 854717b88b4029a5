import type { EventRuleRow, NewEventRule, RuleStore } from '@framelock/db';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { newId } from '../newId.ts';
import { type changeRuleSchema, type createRuleSchema, maxRules, Refusal, type Rule } from '../protocol/index.ts';
import { ruleView, type WatchedRule, watchedRule } from './WatchedRule.ts';

/** What another server changed is known after so long. */
const lookEveryMs = 5_000;
/** Streams whose last firing a rule remembers. */
const maxRemembered = 2_000;

export interface RulesOptions {
  store: RuleStore;
  logger: Logger;
}

/** Rules as the database has them, and when they last fired. */
export class Rules {
  readonly #options: RulesOptions;
  #watched: readonly WatchedRule[] = [];
  /** To tell whether a rule changed. */
  #texts = new Map<string, string>();
  /** Unix ms by Stream by rule, of rules with a cooldown. */
  readonly #firedAt = new Map<string, Map<string, number>>();
  #looking: Promise<void> | undefined;
  readonly #timer: ReturnType<typeof setInterval>;

  private constructor(options: RulesOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.look(), lookEveryMs);
    this.#timer.unref();
  }

  /** Knows none before `look`. */
  static create(options: RulesOptions): Rules {
    return new Rules(options);
  }

  /** Those that are on. */
  of(streamId: string): readonly WatchedRule[] {
    return this.#watched.filter((rule) => rule.streamId === null || rule.streamId === streamId);
  }

  get size(): number {
    return this.#watched.length;
  }

  /** False: its cooldown is not over. Times are of what fires it, so that what is told late counts when it was. */
  mayFire(rule: WatchedRule, streamId: string, atMs: number): boolean {
    if (rule.cooldownSeconds === 0) return true;
    const firedAt = this.#firedAt.get(rule.id) ?? new Map<string, number>();
    this.#firedAt.set(rule.id, firedAt);
    const beforeMs = firedAt.get(streamId);
    if (beforeMs !== undefined && Math.abs(atMs - beforeMs) < rule.cooldownSeconds * 1000) return false;
    firedAt.delete(streamId);
    firedAt.set(streamId, Math.max(atMs, beforeMs ?? atMs));
    if (firedAt.size > maxRemembered) firedAt.delete(firedAt.keys().next().value!);
    return true;
  }

  /** Reads what is stored; where the database does not answer, what is known stays. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch((error: unknown) => {
        this.#options.logger.debug({ reason: (error as Error).message }, 'rules are not known anew');
      })
      .finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #look(): Promise<void> {
    const known = new Map(this.#watched.map((rule) => [rule.id, rule]));
    const texts = new Map<string, string>();
    const watched: WatchedRule[] = [];
    for (const row of await this.#options.store.rules()) {
      this.#remember(row);
      const read = row.enabled ? watchedRule(row) : undefined;
      if (!read) continue;
      const text = JSON.stringify(read);
      texts.set(read.id, text);
      const same = this.#texts.get(read.id) === text ? known.get(read.id) : undefined;
      watched.push(same ?? read);
    }
    this.#watched = watched;
    this.#texts = texts;
    for (const id of this.#firedAt.keys()) if (!texts.has(id)) this.#firedAt.delete(id);
  }

  #remember({ id, cooldownSeconds, firedByStream }: EventRuleRow): void {
    if (cooldownSeconds === 0) return;
    const firedAt = this.#firedAt.get(id) ?? new Map<string, number>();
    for (const [streamId, at] of Object.entries(firedByStream)) {
      const atMs = Date.parse(at);
      if (atMs > (firedAt.get(streamId) ?? -Infinity)) firedAt.set(streamId, atMs);
    }
    this.#firedAt.set(id, firedAt);
  }

  async list(): Promise<Rule[]> {
    return (await this.#options.store.rules()).flatMap((row) => ruleView(row) ?? []);
  }

  async add(rule: z.output<typeof createRuleSchema>): Promise<Rule> {
    const { store } = this.#options;
    if ((await store.rules()).length >= maxRules) {
      throw new Refusal('conflict', `there are ${maxRules} rules already, and more are not kept: delete one`);
    }
    await this.#requireTargets(rule.targetIds);
    return this.#changed(await store.insertRule({ id: newId(), ...rule }));
  }

  async change(id: string, change: z.output<typeof changeRuleSchema>): Promise<Rule> {
    if (change.targetIds) await this.#requireTargets(change.targetIds);
    const named = Object.entries(change).filter(([, value]) => value !== undefined);
    const row = await this.#options.store.changeRule(id, Object.fromEntries(named) as Partial<NewEventRule>);
    if (!row) throw noSuchRule();
    return this.#changed(row);
  }

  async delete(id: string): Promise<void> {
    if (!(await this.#options.store.deleteRule(id))) throw noSuchRule();
    this.#options.logger.info({ ruleId: id }, 'rule deleted');
    await this.#lookAgain();
  }

  async #changed(row: EventRuleRow): Promise<Rule> {
    this.#options.logger.info({ ruleId: row.id, enabled: row.enabled }, 'rule set');
    await this.#lookAgain();
    return ruleView(row)!;
  }

  /** Not one that began before the change. */
  async #lookAgain(): Promise<void> {
    await this.#looking;
    await this.look();
  }

  async #requireTargets(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const known = new Set((await this.#options.store.targets()).map(({ id }) => id));
    const missing = ids.find((id) => !known.has(id));
    if (missing !== undefined) throw new Refusal('badRequest', `targetIds: there is no target ${missing}`);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }
}

const noSuchRule = (): Refusal => new Refusal('notFound', 'there is no such rule');
