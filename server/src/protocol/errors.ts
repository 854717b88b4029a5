import { z } from 'zod';

/** What a refusal can be called on the wire. HTTP status beside each; signalling and control carry the code alone. */
export const refusalStatus = {
  badRequest: 400,
  unauthorized: 401,
  forbidden: 403,
  notFound: 404,
  methodNotAllowed: 405,
  notAcceptable: 406,
  conflict: 409,
  gone: 410,
  lengthRequired: 411,
  preconditionFailed: 412,
  tooLarge: 413,
  unsupportedMediaType: 415,
  unsupported: 422,
  preconditionRequired: 428,
  rateLimited: 429,
  internal: 500,
  unavailable: 503,
  timeout: 504,
} as const;

export type RefusalCode = keyof typeof refusalStatus;
const refusalCodes = Object.keys(refusalStatus) as [RefusalCode, ...RefusalCode[]];

export const refusalSchema = z.object({
  code: z.enum(refusalCodes),
  message: z.string(),
  details: z.unknown().optional(),
});
export type RefusalBody = z.infer<typeof refusalSchema>;

/** The body of every HTTP error answer. */
export const errorBodySchema = z.object({ error: refusalSchema });

/** The caller's fault, or a dependency that is away: crosses every wire as `{code, message, details?}`, never as a stack. */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly details: unknown;

  constructor(code: RefusalCode, message: string, details?: unknown) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
    this.details = details;
  }

  get status(): (typeof refusalStatus)[RefusalCode] {
    return refusalStatus[this.code];
  }

  toJSON(): RefusalBody {
    return {
      code: this.code,
      message: this.message,
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }
}

/** What may be told of any thrown value: a Refusal as it is, anything else as `internal` without its words. */
export function refusalOf(error: unknown): Refusal {
  return error instanceof Refusal
    ? error
    : new Refusal('internal', 'something went wrong on our side; it has been logged');
}

/** Parses bytes from outside, or refuses with every problem in one sentence. */
export function parseOrRefuse<T extends z.ZodType>(schema: T, value: unknown, what: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.slice(0, 8).map((issue) => `${issue.path.join('.') || what}: ${issue.message}`);
  throw new Refusal('badRequest', `${what} is not valid: ${problems.join('; ')}`);
}
