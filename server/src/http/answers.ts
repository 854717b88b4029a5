import { z } from '@hono/zod-openapi';
import { errorBodySchema } from '../protocol/index.ts';

/** For `responses` of a route: a JSON body of this schema. */
export function json<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { 'application/json': { schema } } };
}

/** For `body` of a route that takes bytes. For the document: a route reads and checks them itself. */
export function bytesBody(mediaType: string) {
  return { required: true, content: { [mediaType]: { schema: z.string().openapi({ format: 'binary' }) } } };
}

const errorNames = {
  400: 'not valid',
  401: 'needs a token or a sign-in',
  403: 'not allowed to who asks; or wrong Host or Origin',
  404: 'no such thing',
  406: 'no answer of a type that is accepted',
  409: 'conflict',
  411: 'a body is needed',
  412: 'not of the state that `If-Match` names',
  413: 'too large',
  415: 'wrong content type',
  422: 'cannot be done with this',
  428: '`If-Match` is needed',
  429: 'too many at once, or too often',
  503: 'what it depends on is away',
} as const;

/** The error answers that a route can give. */
export function errors<S extends keyof typeof errorNames>(...statuses: S[]) {
  return Object.fromEntries(statuses.map((status) => [status, json(errorBodySchema, errorNames[status])])) as Record<
    S,
    ReturnType<typeof json<typeof errorBodySchema>>
  >;
}
