import { describe, expect, it } from 'vitest';
import { ConfigurationError, parseConfig } from './config.ts';

const secret = { NODE_SECRET: 'sixteen-or-more-characters' };

describe('parseConfig', () => {
  it('has the defaults of the public contract', () => {
    const config = parseConfig(secret);
    expect(config).toMatchObject({
      port: 8080,
      host: '127.0.0.1',
      databaseUrl: undefined,
      adminToken: undefined,
      iceServers: [],
      logLevel: 'info',
    });
    expect(config.dataDir).toBe(`${process.cwd()}/data`);
    expect(config.clientDist).toMatch(/\/client\/dist$/);
  });

  it('takes empty variables as not set', () => {
    const empty = {
      PORT: '',
      HOST: '',
      DATABASE_URL: '',
      DATA_DIR: '',
      ADMIN_TOKEN: '',
      ICE_SERVERS: '',
      CLIENT_DIST: '',
    };
    expect(parseConfig({ ...secret, ...empty, LOG_LEVEL: '' })).toEqual(parseConfig(secret));
  });

  it('reads what is set', () => {
    const iceServers = [{ urls: 'stun:stun.example:3478' }];
    const config = parseConfig({
      ...secret,
      PORT: '0',
      HOST: '::1',
      ICE_SERVERS: JSON.stringify(iceServers),
      DATA_DIR: '/d',
    });
    expect(config).toMatchObject({ port: 0, host: '::1', iceServers, dataDir: '/d' });
  });

  it('refuses an admin token that no header could bring', () => {
    for (const ADMIN_TOKEN of ['with a space', 'ünïcode', 'x'.repeat(513)])
      expect(() => parseConfig({ ...secret, ADMIN_TOKEN })).toThrow('ADMIN_TOKEN: a bearer has no spaces');
    expect(parseConfig({ ...secret, ADMIN_TOKEN: 'the-admin-token' }).adminToken).toBe('the-admin-token');
  });

  it('names every problem in one message', () => {
    const wrong = { PORT: '70000', HOST: 'a b', ICE_SERVERS: '{', LOG_LEVEL: 'loud', NODE_SECRET: 'short' };
    expect(() => parseConfig(wrong)).toThrow(ConfigurationError);
    for (const name of Object.keys(wrong)) expect(() => parseConfig(wrong)).toThrow(`  ${name}: `);
    expect(() => parseConfig({})).toThrow('NODE_SECRET: is required');
    expect(() => parseConfig({ ...secret, ICE_SERVERS: '[{"url":"x"}]' })).toThrow('ICE_SERVERS');
  });

  it('lets Sources reach private addresses on a machine of its own only, unless told otherwise', () => {
    expect(parseConfig(secret)).toMatchObject({ sourceAllowPrivate: true, maxUploadBytes: 2_147_483_648 });
    expect(parseConfig({ ...secret, HOST: '0.0.0.0' }).sourceAllowPrivate).toBe(false);
    expect(parseConfig({ ...secret, HOST: '0.0.0.0', SOURCE_ALLOW_PRIVATE: 'true' }).sourceAllowPrivate).toBe(true);
    expect(parseConfig({ ...secret, SOURCE_ALLOW_PRIVATE: 'false' }).sourceAllowPrivate).toBe(false);
    expect(() => parseConfig({ ...secret, SOURCE_ALLOW_PRIVATE: 'yes' })).toThrow('SOURCE_ALLOW_PRIVATE');
    expect(parseConfig({ ...secret, DATA_DIR: '/d' }).sourceFilesDir).toBe('/d/files');
    expect(parseConfig({ ...secret, DATA_DIR: '/d', SOURCE_FILES_DIR: '/f' }).sourceFilesDir).toBe('/f');
  });

  it('reads TURN, and says what is missing of it', () => {
    const urls = 'turn:turn.example:3478?transport=udp, turns:[2001:db8::1]:5349';
    expect(parseConfig({ ...secret, TURN_URLS: urls, TURN_SECRET: 'north' }).turn).toMatchObject({
      urls: ['turn:turn.example:3478?transport=udp', 'turns:[2001:db8::1]:5349'],
      secret: 'north',
    });
    expect(parseConfig(secret).turn).toBeUndefined();
    expect(() => parseConfig({ ...secret, TURN_URLS: urls })).toThrow('TURN_URLS: needs TURN_SECRET');
    expect(() => parseConfig({ ...secret, TURN_URLS: urls, TURN_USERNAME: 'me' })).toThrow('TURN_CREDENTIAL');
    for (const wrong of ['http://turn.example', 'turn:', 'turn:a b', 'turn:a?transport=sctp', 'turn:a,']) {
      expect(() => parseConfig({ ...secret, TURN_URLS: wrong, TURN_SECRET: 'north' })).toThrow('TURN_URLS');
    }
  });
});
