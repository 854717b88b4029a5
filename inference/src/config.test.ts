import { describe, expect, it } from 'vitest';
import { parseConfig } from './config.ts';

describe('parseConfig', () => {
  it('needs the secret and the server, and has defaults for the rest', () => {
    const config = parseConfig({ NODE_SECRET: 's', SERVER_URL: 'http://127.0.0.1:8080', MODEL: '', DATA_DIR: '/d' });
    expect(config).toMatchObject({ ANALYSIS_MAX_FPS: 15, CONTROL_PORT: 0, MODELS_DIR: '/d/models', MODEL: undefined });
  });

  it('names every problem at once', () => {
    const problems = () => parseConfig({ SERVER_URL: 'x', DECODE_THREADS: '0', EXECUTION_PROVIDER: 'gpu' });
    expect(problems).toThrow(/NODE_SECRET[\s\S]*SERVER_URL[\s\S]*EXECUTION_PROVIDER[\s\S]*DECODE_THREADS/);
  });
});
