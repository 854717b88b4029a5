/**
 * Counts for the closing line of `npm test`, from vitest's JSON report. A file that could not be loaded and a failed
 * check are one failure each, and a vitest that failed without a failed test is one too: "0 failed" means all is well.
 */
export function testCounts(results, { failedChecks, vitestFailed }) {
  const files = results?.testResults ?? [];
  const unloadable = files.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const failed = (results?.numFailedTests ?? 0) + unloadable + failedChecks;
  return {
    passed: results?.numPassedTests ?? 0,
    failed: failed === 0 && (vitestFailed || results === undefined) ? 1 : failed,
    skipped: (results?.numPendingTests ?? 0) + (results?.numTodoTests ?? 0),
  };
}
