import { z } from 'zod';
import { idSchema } from './ids.ts';

/** viewer watches all Streams, publisher publishes them as well, admin may do everything. */
export const roleSchema = z.enum(['viewer', 'publisher', 'admin']);
export type Role = z.infer<typeof roleSchema>;

/** What may be done with a Stream. `manage` includes the other two, and changing and deleting it. */
export const rightSchema = z.enum(['watch', 'publish', 'manage']);
export type Right = z.infer<typeof rightSchema>;

export const grantSchema = z.object({
  right: rightSchema,
  streamId: idSchema.nullable().describe('null = all Streams, and with `manage` also what belongs to none'),
});
export type Grant = z.infer<typeof grantSchema>;

/**
 * Header that a request with a session cookie and another method than GET or HEAD has to bring, whatever its value: a
 * page of another origin can't send it without asking.
 */
export const sessionRequestHeader = 'x-framelock';

export const userNameSchema = z
  .string()
  .trim()
  .min(1, 'a user needs a name')
  .max(64, 'at most 64 characters')
  .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._@+'-]*$/u, "letters, digits, spaces and . _ @ + ' - only");

/** NIST SP 800-63B section 3.1.1.2: length counts, composition does not. Bounded, since hashing it costs. */
export const passwordSchema = z.string().min(10, 'at least 10 characters').max(256, 'at most 256 characters');

/** A name of something that is made for somebody: a token, a link. */
export const labelSchema = z
  .string()
  .trim()
  .min(1, 'it needs a name')
  .max(100, 'at most 100 characters')
  .regex(/^[^\p{Cc}\p{Bidi_Control}]*$/u, 'no control characters');

export const userViewSchema = z.object({
  id: idSchema,
  name: z.string(),
  role: roleSchema,
  disabled: z.boolean(),
  createdAt: z.iso.datetime(),
  passwordChangedAt: z.iso.datetime(),
});
export type UserView = z.infer<typeof userViewSchema>;
export const userListSchema = z.object({ users: z.array(userViewSchema) });

export const createUserSchema = z.object({ name: userNameSchema, password: passwordSchema, role: roleSchema });
/** What is not named stays as it is. A new password ends the user's sessions. */
export const changeUserSchema = z
  .object({ role: roleSchema, disabled: z.boolean(), password: passwordSchema })
  .partial();

export const loginSchema = z.object({ name: z.string().min(1).max(64), password: z.string().min(1).max(256) });
export const changePasswordSchema = z.object({ current: z.string().min(1).max(256), password: passwordSchema });

/** Who asks, as the server sees it. */
export const callerViewSchema = z.object({
  kind: z.enum(['open', 'adminToken', 'user', 'token', 'share']),
  id: z.string().nullable(),
  name: z.string(),
  admin: z.boolean(),
  grants: z.array(grantSchema),
});
export type CallerView = z.infer<typeof callerViewSchema>;

export const accessViewSchema = z.object({
  access: z.enum(['open', 'restricted']).describe('open: anything, for pages of this machine, until there is a user'),
  login: z.boolean().describe('whether there are users who can sign in'),
  caller: callerViewSchema.nullable().describe('null = nobody that the server knows'),
  tls: z
    .object({ fingerprint: z.string().describe('SHA-256 of the certificate'), selfSigned: z.boolean() })
    .nullable()
    .default(null)
    .describe('null = no TLS, or that of a proxy in front'),
});
export type AccessView = z.infer<typeof accessViewSchema>;

export const sessionViewSchema = z.object({
  id: idSchema,
  userId: idSchema,
  userName: z.string(),
  createdAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  address: z.string(),
  agent: z.string(),
  current: z.boolean().describe('the one that this request came with'),
});
export const sessionListSchema = z.object({ sessions: z.array(sessionViewSchema) });

/** The most that something with an end may last. */
const maxDays = 3_650;
const expiresInS = z
  .number()
  .int()
  .min(1)
  .max(maxDays * 86_400);

export const createTokenSchema = z.object({
  name: labelSchema,
  grants: z.array(grantSchema).min(1, 'a token needs a grant').max(100),
  expiresInS: expiresInS.nullable().default(null).describe('null = until it is revoked'),
});
export const tokenViewSchema = z.object({
  id: idSchema,
  name: z.string(),
  grants: z.array(grantSchema),
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().nullable(),
  lastUsedAt: z.iso.datetime().nullable().describe('to about half a minute'),
});
export type TokenView = z.infer<typeof tokenViewSchema>;
export const createdTokenSchema = tokenViewSchema.extend({ token: z.string().describe('shown here and never again') });
export const tokenListSchema = z.object({ tokens: z.array(tokenViewSchema) });

export const createShareSchema = z.object({
  name: labelSchema.default('Share link'),
  expiresInS: expiresInS.default(7 * 86_400),
});
export const shareViewSchema = z.object({
  id: idSchema,
  streamId: idSchema,
  name: z.string(),
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  token: z.string(),
  url: z.string().describe('the watch page with the token behind `#`, where no server and no log sees it'),
});
export type ShareView = z.infer<typeof shareViewSchema>;
export const shareListSchema = z.object({ shares: z.array(shareViewSchema) });

export const rotatedKeySchema = z.object({ streamKey: z.string() });

export const auditEntrySchema = z.object({
  id: z.number().int(),
  at: z.iso.datetime(),
  actorKind: z.enum(['open', 'adminToken', 'user', 'token', 'share', 'streamKey', 'nobody']),
  actorId: z.string().nullable(),
  actorName: z.string(),
  action: z
    .string()
    .describe('method and route, for example `DELETE /api/v1/streams/{id}`; `login` of one that failed'),
  target: z.string().nullable(),
  status: z.number().int().describe('HTTP status of the answer'),
  address: z.string(),
});
export const auditListSchema = z.object({ entries: z.array(auditEntrySchema), nextCursor: z.string().nullable() });
