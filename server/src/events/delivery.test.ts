import { describe, expect, it } from 'vitest';
import { maxAttempts, retryAfterMs, retryDelayMs } from './retryDelay.ts';
import { newWebhookSecret, signWebhook } from './signWebhook.ts';

describe('signWebhook', () => {
  it('signs as the reference libraries of Standard Webhooks do', () => {
    // https://github.com/standard-webhooks/standard-webhooks, the vector that its libraries are tested with.
    const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestampS: 1_614_265_330, body: '{"test": 2432232314}' };
    const signature = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
    expect(signWebhook('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', message)).toBe(signature);
    expect(signWebhook('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', message)).toBe(signature);
    expect(signWebhook('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', { ...message, timestampS: 1 })).not.toBe(signature);
  });

  it('makes secrets of 256 bits, in the form of the specification', () => {
    const secret = newWebhookSecret();
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(secret).not.toBe(newWebhookSecret());
  });
});

describe('retryDelayMs', () => {
  const delays = (random: number) =>
    Array.from({ length: maxAttempts }, (_, i) => retryDelayMs(i + 1, { firstMs: 5_000, random: () => random }));

  it('grows by four, by a fifth more or less, and ends with the eighth attempt', () => {
    const seconds = [5, 20, 80, 320, 1_280, 5_120, 20_480];
    expect(delays(0.5)).toEqual([...seconds.map((s) => s * 1000), undefined]);
    expect(delays(0)).toEqual([...seconds.map((s) => s * 800), undefined]);
    expect(delays(1).slice(0, 7)).toEqual(seconds.map((s) => Math.round(s * 1200)));
  });

  it('waits as long as the receiver asks, a day at most', () => {
    const options = { firstMs: 5_000, random: () => 0.5 };
    expect(retryDelayMs(1, { ...options, retryAfterMs: 60_000 })).toBe(60_000);
    expect(retryDelayMs(4, { ...options, retryAfterMs: 60_000 })).toBe(320_000);
    expect(retryDelayMs(1, { ...options, retryAfterMs: 1e12 })).toBe(86_400_000);
    expect(retryDelayMs(8, { ...options, retryAfterMs: 60_000 })).toBeUndefined();
  });

  it('reads Retry-After as seconds and as a date', () => {
    const nowMs = Date.parse('2026-11-22T10:00:00Z');
    expect(retryAfterMs('120', nowMs)).toBe(120_000);
    expect(retryAfterMs('Sun, 22 Nov 2026 10:01:00 GMT', nowMs)).toBe(60_000);
    expect(retryAfterMs('Sun, 22 Nov 2026 09:01:00 GMT', nowMs)).toBe(0);
    expect(retryAfterMs('soon', nowMs)).toBeUndefined();
    expect(retryAfterMs(undefined, nowMs)).toBeUndefined();
  });
});
