import { describe, expect, it } from 'vitest';
import { highestTargetMs, LockController, type LockInput } from './LockController.ts';

const input = (more: Partial<LockInput> = {}): LockInput => ({
  ...{ nowMs: 0, mode: 'lock', analysisRunning: true, analysisIntervalMs: 60, expectedDelayMs: 100 },
  ...more,
});

function measured(delayMs: number, count = 300): LockController {
  const lock = new LockController();
  for (let i = 0; i < count; i++) lock.addDelay(delayMs, 0);
  return lock;
}

describe('LockController', () => {
  it('waits for nothing in Live and while nothing is analysed', () => {
    const lock = measured(100);
    expect(lock.update(input({ mode: 'live' }))).toBe(0);
    expect(lock.update(input({ analysisRunning: false }))).toBe(0);
  });

  it('begins with what is likely, then uses what it measured', () => {
    const lock = new LockController();
    expect(lock.update(input())).toBe(190); // 100 + 60 + 30
    for (let i = 0; i < 15; i++) lock.addDelay(200, 0);
    expect(lock.update(input())).toBe(290);
  });

  it('covers 99 of 100 frames and not the one outlier', () => {
    const lock = measured(100, 299);
    lock.addDelay(1500, 0);
    expect(lock.update(input())).toBe(190);
    for (let i = 0; i < 5; i++) lock.addDelay(400, 0);
    expect(lock.update(input())).toBe(490);
  });

  it('rises at once and falls only after five seconds of less', () => {
    const lock = measured(300);
    expect(lock.update(input())).toBe(390);
    for (let i = 0; i < 400; i++) lock.addDelay(100, 0);
    for (const nowMs of [0, 1000, 4900]) expect(lock.update(input({ nowMs }))).toBe(390);
    expect(lock.update(input({ nowMs: 5000 }))).toBe(190);
  });

  it('falls to the most that was needed meanwhile', () => {
    const lock = measured(300);
    lock.update(input());
    for (let i = 0; i < 400; i++) lock.addDelay(100, 0);
    lock.update(input({ nowMs: 0 }));
    lock.update(input({ nowMs: 2000, analysisIntervalMs: 120 }));
    expect(lock.update(input({ nowMs: 5000 }))).toBe(250);
  });

  it('forgets delays of ten seconds ago', () => {
    const lock = measured(900);
    for (let i = 0; i < 20; i++) lock.addDelay(100, 9000);
    expect(lock.detectionDelayMs).toBe(900);
    lock.addDelay(100, 10_001);
    expect(lock.detectionDelayMs).toBe(100);
  });

  it('ignores small differences', () => {
    const lock = measured(120);
    expect(lock.update(input())).toBe(210);
    for (let i = 0; i < 400; i++) lock.addDelay(105, 0);
    for (let nowMs = 0; nowMs < 10_000; nowMs += 500) expect(lock.update(input({ nowMs }))).toBe(210);
  });

  it('never waits longer than two seconds', () => {
    expect(measured(30_000).update(input())).toBe(highestTargetMs);
  });

  it('takes nonsense for nothing', () => {
    const lock = new LockController();
    for (const delay of [NaN, Infinity, -5000, 1e9]) lock.addDelay(delay, 0);
    expect(lock.detectionDelayMs).toBeNull();
  });
});
