import { expect, it } from 'vitest';
import { hlsOriginToken } from './hlsOriginToken.ts';

it('is the HMAC that operators can make for their CDN with openssl', () => {
  // printf hls-origin | openssl dgst -sha256 -hmac 0123456789abcdef
  expect(hlsOriginToken('0123456789abcdef')).toBe('ddf0f627fe6f2cdc680bf4d9d302a7e8e4af4040313f7bf2c83395c08bc539be');
  expect(hlsOriginToken('0123456789abcdeg')).not.toBe(hlsOriginToken('0123456789abcdef'));
});
