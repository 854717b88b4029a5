import { describe, expect, test } from 'vitest';
import { ConfigError, parseConfig } from './config.ts';

const secret = '0123456789abcdef';

describe('parseConfig', () => {
  test('has defaults for everything but the secret', () => {
    const config = parseConfig({ NODE_SECRET: secret });
    expect(config).toMatchObject({
      workers: 1,
      rtcPort: 40000,
      host: '127.0.0.1',
      controlPort: 0,
      announcedIp: undefined,
    });
    expect(config.nodeId).toMatch(/^sfu-[0-9a-f-]{36}$/);
  });

  test('takes empty strings as unset, and localhost as its address', () => {
    const config = parseConfig({ NODE_SECRET: secret, ANNOUNCED_IP: '', WORKERS: '', RTC_PORT: '', HOST: 'localhost' });
    expect(config).toMatchObject({ workers: 1, rtcPort: 40000, host: '127.0.0.1', announcedIp: undefined });
  });

  test('names all problems in one message', () => {
    const broken = { WORKERS: 'many', RTC_PORT: '70000', HOST: 'example.org', SERVER_URL: 'ftp://x', NODE_ID: 'a b' };
    expect(() => parseConfig(broken)).toThrow(ConfigError);
    for (const name of [...Object.keys(broken), 'NODE_SECRET']) expect(() => parseConfig(broken)).toThrow(name);
  });

  test('refuses Workers whose ports go past 65535', () => {
    expect(() => parseConfig({ NODE_SECRET: secret, RTC_PORT: '65530', WORKERS: '6' })).not.toThrow();
    expect(() => parseConfig({ NODE_SECRET: secret, RTC_PORT: '65530', WORKERS: '7' })).toThrow('65535');
  });
});
