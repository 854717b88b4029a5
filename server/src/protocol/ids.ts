import { z } from 'zod';

/** Every id on the wire: letters, digits, `_` and `-`, 1 to 64 of them; safe in a URL, a file name and a metric label. */
export const idSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'an id has 1 to 64 letters, digits, _ or -');

/** RTP, ICE, DTLS and SCTP parameters: JSON that the control plane forwards unopened (mediasoup's shapes). */
export const opaqueSchema = z.record(z.string(), z.unknown());
export type Opaque = z.infer<typeof opaqueSchema>;

export const mediaKindSchema = z.enum(['audio', 'video']);
export type MediaKind = z.infer<typeof mediaKindSchema>;

export const portSchema = z.number().int().min(1).max(65535);
export const ipSchema = z.union([z.ipv4(), z.ipv6()]);
