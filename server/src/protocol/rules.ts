import { z } from 'zod';
import { labelSchema } from './access.ts';
import { eventViewSchema } from './events.ts';
import { idSchema } from './ids.ts';
import { maxZoneLabels, zoneEventKindSchema } from './zones.ts';

export const maxRules = 200;
export const maxTargets = 50;
export const maxRuleTargets = 10;
export const maxTargetHeaders = 10;

/** What JSON in a database can hold: neither control characters nor halves of characters. */
const plainText = /^[^\p{Cc}\p{Cs}]*$/u;
const label = z.string().min(1).max(100).regex(plainText, 'no control characters');
const labels = z.array(label).min(1, 'name a label, or null for all').max(maxZoneLabels);
const anyLabels = labels.nullable().default(null).describe('null = any label');
const zoneId = idSchema.nullable().default(null).describe('of a zone or a line; null = any of the Stream');

/**
 * When a rule fires.
 *
 * - `zone`: an object entered or left a zone, or crossed a line.
 * - `dwell`: an object was in a zone for longer than `seconds`, once a visit.
 * - `count`: more than `over` objects at once, and that for `seconds`; again after it was no more so.
 * - `labelSeen`: an ObjectTrack with one of these labels began.
 * - `brandSeen`: an Appearance of a brand began.
 * - `streamUp`, `streamDown`: a Publication began or ended.
 * - `analysisLate`: while live, the analysis did not run, or analysed less than `share` of the video's frames a second,
 *   and that for `seconds`; once, until it is back.
 * - `analysisBack`: the same, when it is over.
 */
export const ruleConditionSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('zone'),
    on: z
      .array(zoneEventKindSchema.exclude(['dwell']))
      .min(1, 'say what is to happen at the zone or line')
      .max(4),
    zoneId,
    labels: anyLabels,
  }),
  z.object({ kind: z.literal('dwell'), seconds: z.number().min(0.1).max(86_400), zoneId, labels: anyLabels }),
  z.object({
    kind: z.literal('count'),
    over: z.number().int().min(0).max(10_000),
    seconds: z.number().min(0).max(3_600).default(0),
    zoneId: idSchema.nullable().default(null).describe('null = in the whole picture'),
    labels: anyLabels,
  }),
  z.object({ kind: z.literal('labelSeen'), labels, minScore: z.number().min(0).max(1).default(0) }),
  z.object({
    kind: z.literal('brandSeen'),
    brandIds: z.array(idSchema).min(1).max(50).nullable().default(null).describe('null = any brand'),
  }),
  z.object({ kind: z.literal('streamUp') }),
  z.object({ kind: z.literal('streamDown') }),
  z.object({
    kind: z.enum(['analysisLate', 'analysisBack']),
    share: z.number().min(0.01).max(1).default(0.5).describe('analysed of the frames of the video, each second'),
    seconds: z.number().min(1).max(3_600).default(10),
  }),
]);
export type RuleCondition = z.infer<typeof ruleConditionSchema>;
export type RuleConditionKind = RuleCondition['kind'];

const ruleShape = {
  name: labelSchema,
  enabled: z.boolean(),
  streamId: idSchema.nullable().describe('null = every Stream'),
  condition: ruleConditionSchema,
  targetIds: z
    .array(idSchema)
    .max(maxRuleTargets)
    .refine((ids) => new Set(ids).size === ids.length, 'a target is named twice')
    .describe('none = the event is only stored and streamed'),
  cooldownSeconds: z
    .number()
    .int()
    .min(0)
    .max(86_400)
    .describe('of each Stream: what would fire it again within this is counted as suppressed'),
};

export const createRuleSchema = z.object({
  ...ruleShape,
  enabled: ruleShape.enabled.default(true),
  streamId: ruleShape.streamId.default(null),
  targetIds: ruleShape.targetIds.default([]),
  cooldownSeconds: ruleShape.cooldownSeconds.default(0),
});
export type CreateRule = z.input<typeof createRuleSchema>;
/** What is not named stays as it is; a condition is replaced whole. */
export const changeRuleSchema = z.object(ruleShape).partial();
export type ChangeRule = z.input<typeof changeRuleSchema>;

export const ruleSchema = z.object({
  id: idSchema,
  ...ruleShape,
  createdAt: z.iso.datetime(),
  firedAt: z.iso.datetime().nullable().describe('last; null = never'),
  fired: z.number().int().nonnegative().describe('how often'),
  suppressed: z.number().int().nonnegative().describe('how often its cooldown kept it silent'),
});
export type Rule = z.infer<typeof ruleSchema>;
export const ruleListSchema = z.object({ rules: z.array(ruleSchema) });

/** RFC 9110 section 5.6.2; what the delivery itself sets is refused by the server. */
const headerNameSchema = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/, 'is no name of an HTTP header');
const headerValueSchema = z.string().regex(/^[\t\u0020-\u007e]{0,1000}$/, 'at most 1000 printable ASCII characters');
const headersSchema = z
  .record(headerNameSchema, headerValueSchema)
  .refine((headers) => Object.keys(headers).length <= maxTargetHeaders, `at most ${maxTargetHeaders} headers`);

const webhookUrlSchema = z
  .string()
  .max(2_000)
  .regex(/^https?:\/\/[^\s\p{Cc}\p{Cs}]+$/iu, 'an http:// or https:// URL');
const brokerUrlSchema = z
  .string()
  .max(500)
  .regex(/^mqtts?:\/\/[^\s/?#@\p{Cc}\p{Cs}]+$/iu, 'mqtt://host[:port] or mqtts://host[:port]');
const topicPrefixSchema = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^+#\u0000-\u001f\u007f$/][^+#\u0000-\u001f\u007f]*$/, 'no +, # or control characters, no / or $ first')
  .regex(/[^/]$/, 'no / at its end')
  .regex(plainText, 'no control characters');
const userName = z.string().max(200).regex(plainText, 'no control characters');
const password = z.string().max(500).regex(plainText, 'no control characters');
const caPemSchema = z
  .string()
  .max(20_000)
  .regex(/-----BEGIN CERTIFICATE-----/, 'is no PEM certificate')
  .regex(/^[\t\r\n -~]*$/, 'is no PEM certificate');

/** `POST /api/v1/targets`. */
export const createTargetSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('webhook'),
    name: labelSchema,
    enabled: z.boolean().default(true),
    url: webhookUrlSchema,
    headers: headersSchema.default({}).describe('sent with each request; their values are never shown again'),
  }),
  z.object({
    kind: z.literal('mqtt'),
    name: labelSchema,
    enabled: z.boolean().default(true),
    url: brokerUrlSchema,
    topicPrefix: topicPrefixSchema.default('framelock').describe('topics are `prefix/streamId/kind`'),
    username: userName.nullable().default(null),
    password: password.nullable().default(null).describe('never shown again'),
    caPem: caPemSchema.nullable().default(null).describe("of mqtts: what signed the broker's certificate"),
  }),
]);
export type CreateTarget = z.input<typeof createTargetSchema>;

/** What is not named stays as it is. What belongs to the other kind is refused. */
export const changeTargetSchema = z
  .object({
    name: labelSchema,
    enabled: z.boolean().describe('true also where the receiver said 410: it is tried again'),
    url: z.string().max(2_000).regex(plainText, 'no control characters'),
    headers: headersSchema.describe('all of them'),
    newSecret: z.literal(true).describe('of a webhook: the answer shows it; the one before signs no more'),
    topicPrefix: topicPrefixSchema,
    username: userName.nullable(),
    password: password.nullable(),
    caPem: caPemSchema.nullable(),
  })
  .partial();
export type ChangeTarget = z.input<typeof changeTargetSchema>;

const targetFacts = {
  id: idSchema,
  name: z.string(),
  enabled: z.boolean(),
  problem: z.string().nullable().describe('why it was switched off by itself; null = it was not'),
  url: z.string(),
  createdAt: z.iso.datetime(),
  waiting: z.number().int().nonnegative(),
  dead: z.number().int().nonnegative(),
  lastDeliveredAt: z.iso.datetime().nullable().describe('as far back as deliveries are kept'),
};

export const eventTargetSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('webhook'), ...targetFacts, headerNames: z.array(z.string()) }),
  z.object({
    kind: z.literal('mqtt'),
    ...targetFacts,
    topicPrefix: z.string(),
    username: z.string().nullable(),
    hasPassword: z.boolean(),
    caPem: z.string().nullable(),
  }),
]);
export type EventTarget = z.infer<typeof eventTargetSchema>;
export const targetListSchema = z.object({ targets: z.array(eventTargetSchema) });

/** The answer to a creation or change; `secret` only where it is new. */
export const targetAnswerSchema = z.object({
  target: eventTargetSchema,
  secret: z
    .string()
    .nullable()
    .describe('what a webhook is signed with: `whsec_` and Base64 (Standard Webhooks); shown here and never again'),
});
export type TargetAnswer = z.infer<typeof targetAnswerSchema>;

/** The answer of the test button: one event was sent at once, without retries. */
export const targetTestSchema = z.object({
  ok: z.boolean(),
  status: z.number().int().nullable().describe('of HTTP; null = none came, or it is MQTT'),
  latencyMs: z.number().nonnegative(),
  error: z.string().nullable(),
});
export type TargetTest = z.infer<typeof targetTestSchema>;

export const deliveryStateSchema = z.enum(['waiting', 'delivered', 'dead']);
export type DeliveryState = z.infer<typeof deliveryStateSchema>;

export const eventDeliverySchema = z.object({
  id: idSchema.describe('also `webhook-id`'),
  targetId: idSchema,
  targetName: z.string(),
  ruleId: idSchema.nullable(),
  event: eventViewSchema,
  state: deliveryStateSchema,
  attempts: z.number().int().nonnegative(),
  nextAttemptAt: z.iso.datetime().nullable().describe('null = it is over'),
  lastError: z.string().nullable(),
  createdAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
});
export type EventDelivery = z.infer<typeof eventDeliverySchema>;
export const deliveryQuerySchema = z.object({
  state: deliveryStateSchema.optional(),
  targetId: idSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(200).optional().describe('`nextCursor` of the page before'),
});
/** Newest first. */
export const deliveryListSchema = z.object({
  deliveries: z.array(eventDeliverySchema),
  nextCursor: z.string().nullable(),
});
export type DeliveryList = z.infer<typeof deliveryListSchema>;

/** What webhooks and MQTT carry, as JSON. New fields may come at any time; `version` changes when one goes or changes. */
export const deliveryBodySchema = z.object({
  version: z.literal(1),
  type: z.enum(['ruleFired', 'test']),
  id: idSchema.describe('of the delivery: one that comes twice has the same'),
  timestamp: z.iso.datetime().describe('when it happened: `event.at`'),
  rule: z.object({ id: idSchema, name: z.string() }).nullable(),
  event: eventViewSchema.describe('of kind `ruleFired`'),
  cause: eventViewSchema.nullable().describe('the event that made it fire, where it was one'),
});
export type DeliveryBody = z.infer<typeof deliveryBodySchema>;
