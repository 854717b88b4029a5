import { existsSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

// Where set-up found or made mediasoup-worker, FFmpeg and Chromium; what the environment says goes before it.
const toolsFile = new URL('.cache/tools.json', import.meta.url);
const tools = existsSync(toolsFile) ? (JSON.parse(readFileSync(toolsFile, 'utf8')) as Record<string, string>) : {};
for (const [name, path] of Object.entries(tools)) process.env[name] ||= path;

const hls = 'sfu/src/hls/**/*.it.test.ts';
const fast = {
  include: ['{server,sfu,inference,client,db,deploy}/**/*.test.ts'],
  exclude: ['**/node_modules/**', '**/*.it.test.ts'],
};

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', ...fast } },
      // The server's tests wait for databases, sockets and time-outs more than they work, and find ports by themselves.
      {
        test: {
          name: 'integration-server',
          include: ['{server,db}/**/*.it.test.ts'],
          maxWorkers: 2,
          retry: 1,
          testTimeout: 60_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      // Real Workers, models and children: one file at a time, for the machine has two cores.
      {
        test: {
          name: 'integration',
          include: ['{sfu,inference,client,deploy}/**/*.it.test.ts'],
          exclude: ['**/node_modules/**', hls],
          fileParallelism: false,
          // Two shared cores: a second try, which deploy/retriedTests.mjs always names.
          retry: 1,
          testTimeout: 60_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 2 },
        },
      },
      // HLS plays in real time: its tests wait more than they work, and have no port, folder or database in common.
      {
        test: {
          name: 'integration-hls',
          include: [hls],
          maxWorkers: 3,
          retry: 1,
          testTimeout: 60_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['client/e2e/**/*.e2e.ts'],
          fileParallelism: false,
          retry: 1,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
