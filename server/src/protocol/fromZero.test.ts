import { Counter, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { fromZero } from './fromZero.ts';

test('a counter has its series before anything happened', async () => {
  const registry = new Registry();
  const counter = new Counter({ name: 'lost_total', help: '-', labelNames: ['why'], registers: [registry] });
  expect(fromZero(counter, 'why', ['full', 'spoiled'])).toBe(counter);
  expect(await registry.metrics()).toContain('lost_total{why="full"} 0\nlost_total{why="spoiled"} 0\n');
  counter.inc({ why: 'full' });
  expect(await registry.metrics()).toContain('lost_total{why="full"} 1\nlost_total{why="spoiled"} 0\n');
});
