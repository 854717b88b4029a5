import { z } from 'zod';
import { Refusal, parseOrRefuse, refusalOf, refusalSchema } from './errors.ts';

/**
 * One conversation over a message socket: the caller makes requests, the callee answers and sends events.
 * Signalling (browser -> server) and both control ports (server -> sfu, server -> inference) are such contracts.
 *
 * Wire, one JSON text per message: `{id, method, params, traceparent?}` -> `{id, result}` or `{id, error: {code, message, details?}}`;
 * `{event, data}` from the callee at any time. Nothing here knows a socket: text goes out through `send`.
 */
export interface Contract {
  readonly requests: Record<string, { readonly params: z.ZodType; readonly result: z.ZodType }>;
  readonly events: Record<string, z.ZodType>;
}

type Requests<C extends Contract> = C['requests'];
export type MethodOf<C extends Contract> = Extract<keyof Requests<C>, string>;
export type EventOf<C extends Contract> = Extract<keyof C['events'], string>;
export type ParamsOf<C extends Contract, M extends MethodOf<C>> = z.output<NonNullable<Requests<C>[M]>['params']>;
export type ParamsIn<C extends Contract, M extends MethodOf<C>> = z.input<NonNullable<Requests<C>[M]>['params']>;
export type ResultOf<C extends Contract, M extends MethodOf<C>> = z.output<NonNullable<Requests<C>[M]>['result']>;
export type EventData<C extends Contract, E extends EventOf<C>> = z.output<NonNullable<C['events'][E]>>;

export type RequestHandlers<C extends Contract> = {
  readonly [M in MethodOf<C>]: (params: ParamsOf<C, M>) => Promise<ResultOf<C, M>> | ResultOf<C, M>;
};
export type EventHandlers<C extends Contract> = { readonly [E in EventOf<C>]?: (data: EventData<C, E>) => void };

const requestSchema = z.object({
  id: z.number().int().nonnegative(),
  method: z.string().max(64),
  params: z.unknown().optional(),
  /** W3C Trace Context: the span that asks. Only between processes of ours. */
  traceparent: z.string().max(64).optional(),
});
const answerSchema = z.object({
  id: z.number().int().nonnegative(),
  result: z.unknown().optional(),
  error: refusalSchema.optional(),
});
const eventSchema = z.object({ event: z.string().max(64), data: z.unknown().optional() });

/** A message that is no message of the contract: counted by the socket's owner, which closes a socket that keeps at it. */
export type MalformedReason = 'notJson' | 'notAMessage' | 'unknownEvent' | 'badEvent' | 'badResult' | 'unknownId';

export interface RpcCallerOptions<C extends Contract> {
  send(text: string): void;
  on?: EventHandlers<C>;
  timeoutMs?: number;
  onMalformed?(reason: MalformedReason): void;
}

interface Pending {
  method: string;
  resolve(value: unknown): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

export class RpcCaller<C extends Contract> {
  readonly #contract: C;
  readonly #options: RpcCallerOptions<C>;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #closed = false;

  constructor(contract: C, options: RpcCallerOptions<C>) {
    this.#contract = contract;
    this.#options = options;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Rejects with a Refusal: the callee's own, `timeout`, or `unavailable` when the conversation ends first. */
  request<M extends MethodOf<C>>(
    method: M,
    params: ParamsIn<C, M>,
    timeoutMs = this.#options.timeoutMs ?? 10_000,
    traceparent?: string,
  ): Promise<ResultOf<C, M>> {
    if (this.#closed) return Promise.reject(new Refusal('unavailable', `cannot ask for ${method}: disconnected`));
    const id = this.#nextId++;
    return new Promise<ResultOf<C, M>>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new Refusal('timeout', `no answer to ${method} within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#pending.set(id, { method, resolve: (value) => resolve(value as ResultOf<C, M>), reject, timer });
      try {
        this.#options.send(JSON.stringify({ id, method, params, traceparent }));
      } catch (error) {
        clearTimeout(timer);
        this.#pending.delete(id);
        reject(new Refusal('unavailable', `cannot send ${method}: ${(error as Error).message}`));
      }
    });
  }

  receive(text: string): void {
    const message = parseJson(text);
    if (message === undefined) return this.#options.onMalformed?.('notJson');
    const event = eventSchema.safeParse(message);
    if (event.success) return this.#receiveEvent(event.data.event, event.data.data);
    const answer = answerSchema.safeParse(message);
    if (!answer.success) return this.#options.onMalformed?.('notAMessage');
    const pending = this.#pending.get(answer.data.id);
    if (!pending) return this.#options.onMalformed?.('unknownId'); // also an answer after its timeout
    this.#pending.delete(answer.data.id);
    clearTimeout(pending.timer);
    const { error, result } = answer.data;
    if (error) return pending.reject(new Refusal(error.code, error.message, error.details));
    const parsed = this.#contract.requests[pending.method]!.result.safeParse(result);
    if (parsed.success) return pending.resolve(parsed.data);
    this.#options.onMalformed?.('badResult');
    pending.reject(new Refusal('internal', `the answer to ${pending.method} is not valid`));
  }

  #receiveEvent(name: string, data: unknown): void {
    if (!Object.hasOwn(this.#contract.events, name)) return this.#options.onMalformed?.('unknownEvent');
    const parsed = this.#contract.events[name]!.safeParse(data);
    if (!parsed.success) return this.#options.onMalformed?.('badEvent');
    const handler = this.#options.on?.[name as EventOf<C>] as ((data: unknown) => void) | undefined;
    handler?.(parsed.data);
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(new Refusal('unavailable', `${pending.method} was not answered: ${reason}`));
    }
    this.#pending.clear();
  }
}

export interface RpcCalleeOptions<C extends Contract> {
  send(text: string): void;
  handlers: RequestHandlers<C>;
  /** Requests answered at once; one more is refused with `rateLimited`. */
  maxInFlight?: number;
  onMalformed?(reason: MalformedReason): void;
  /** Around each valid request, for traces; answers what `run` does. */
  around?(method: string, traceparent: string | undefined, run: () => Promise<unknown>): Promise<unknown>;
  /** A request that was refused, or (when `error` is no Refusal) a bug or fault in its handler. */
  onRefused?(method: string, error: unknown): void;
}

export class RpcCallee<C extends Contract> {
  readonly #contract: C;
  readonly #options: RpcCalleeOptions<C>;
  #inFlight = 0;
  #closed = false;

  constructor(contract: C, options: RpcCalleeOptions<C>) {
    this.#contract = contract;
    this.#options = options;
  }

  async receive(text: string): Promise<void> {
    const message = parseJson(text);
    if (message === undefined) return this.#options.onMalformed?.('notJson');
    const parsed = requestSchema.safeParse(message);
    if (!parsed.success) return this.#options.onMalformed?.('notAMessage');
    const { id, method, params, traceparent } = parsed.data;
    if (this.#inFlight >= (this.#options.maxInFlight ?? 64)) {
      return this.#answer({ id, error: new Refusal('rateLimited', 'too many requests at once') });
    }
    this.#inFlight++;
    try {
      this.#answer({ id, result: await this.#handle(method, params, traceparent) });
    } catch (error) {
      this.#options.onRefused?.(method, error);
      this.#answer({ id, error: refusalOf(error) });
    } finally {
      this.#inFlight--;
    }
  }

  #handle(method: string, params: unknown, traceparent: string | undefined): unknown {
    // hasOwn: a hostile `__proto__` or `constructor` must not find an inherited property.
    if (!Object.hasOwn(this.#contract.requests, method))
      throw new Refusal('badRequest', `there is no request ${method}`);
    const valid = parseOrRefuse(this.#contract.requests[method]!.params, params ?? {}, method);
    const { around, handlers } = this.#options;
    const run = () => handlers[method as MethodOf<C>](valid as never);
    return around ? around(method, traceparent, async () => run()) : run();
  }

  emit<E extends EventOf<C>>(event: E, data: z.input<NonNullable<C['events'][E]>>): void {
    if (!this.#closed) this.#options.send(JSON.stringify({ event, data }));
  }

  #answer(message: object): void {
    if (!this.#closed) this.#options.send(JSON.stringify(message));
  }

  close(): void {
    this.#closed = true;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
