import { expect, test } from 'vitest';
import { testCounts } from './testCounts.mjs';

const results = {
  numPassedTests: 5,
  numFailedTests: 1,
  numPendingTests: 2,
  numTodoTests: 1,
  testResults: [
    { status: 'failed', assertionResults: [{ status: 'failed' }, { status: 'passed' }] },
    { status: 'failed', assertionResults: [] },
    { status: 'passed', assertionResults: [{ status: 'passed' }] },
  ],
};

test('counts tests, files that could not be loaded, and failed checks', () => {
  expect(testCounts(results, { failedChecks: 2, vitestFailed: true })).toEqual({ passed: 5, failed: 4, skipped: 3 });
});

test('never says "0 failed" of a run that failed', () => {
  const green = { ...results, numFailedTests: 0, testResults: [] };
  expect(testCounts(green, { failedChecks: 0, vitestFailed: false }).failed).toBe(0);
  expect(testCounts(green, { failedChecks: 0, vitestFailed: true }).failed).toBe(1);
  expect(testCounts(undefined, { failedChecks: 0, vitestFailed: false }).failed).toBe(1);
});
