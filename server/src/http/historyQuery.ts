import { z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { Refusal } from '../protocol/index.ts';
import type { HttpContext } from './context.ts';

export const csvType = 'text/csv; charset=utf-8; header=present';
export const csvAnswer = (description: string) => ({ description, content: { 'text/csv': { schema: z.string() } } });

/** The Stream that the query names, and only it is then told of; without it that of all. */
export const watchersOfQuery =
  ({ access, callerOf }: Pick<HttpContext, 'access' | 'callerOf'>): MiddlewareHandler =>
  async (context, next) => {
    access.require(callerOf(context), 'watch', context.req.query('streamId'));
    await next();
  };

/** The ends of a range as moments; refuses one that holds nothing. */
export function rangeOf(query: { from?: string | undefined; to?: string | undefined }): { from?: Date; to?: Date } {
  const from = query.from === undefined ? undefined : new Date(query.from);
  const to = query.to === undefined ? undefined : new Date(query.to);
  if (from && to && from >= to) throw new Refusal('badRequest', '`from` is to be before `to`');
  return { ...(from && { from }), ...(to && { to }) };
}

/** Of charts, which need both ends: `to` is now, and `from` so long before it, where they are not named. */
export function closedRangeOf(
  query: { from?: string | undefined; to?: string | undefined },
  defaultMs: number,
): { from: Date; to: Date } {
  const to = query.to === undefined ? new Date() : new Date(query.to);
  const from = query.from === undefined ? new Date(to.getTime() - defaultMs) : new Date(query.from);
  if (from >= to)
    throw new Refusal('badRequest', '`from` is to be before `to`, and before now where `to` is not named');
  return { from, to };
}

/** For a file: the name says of what it is. */
export const attachment = (what: string, of: string | undefined): Record<string, string> => ({
  'Content-Type': csvType,
  'Content-Disposition': `attachment; filename="${of === undefined ? what : `${what}-${of}`}.csv"`,
});

/** Rows of a page, of which one more was read than it holds, and the cursor of the page behind it. */
export function pageOf<Row>(
  rows: readonly Row[],
  limit: number,
  cursorOf: (last: Row) => string,
): { page: Row[]; nextCursor: string | null } {
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return { page, nextCursor: last === undefined ? null : cursorOf(last) };
}
