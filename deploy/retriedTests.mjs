/**
 * A vitest reporter that names every test which passed only at a later try: on a shared machine a try may fail for want
 * of a processor, but nobody should have to guess that it did.
 */
export default class RetriedTests {
  #retried = [];

  onTestCaseResult(test) {
    const { retryCount = 0 } = test.diagnostic() ?? {};
    if (retryCount > 0)
      this.#retried.push({ name: test.fullName, file: test.module.relativeModuleId, retryCount, test });
  }

  onTestRunEnd() {
    for (const { name, file, retryCount, test } of this.#retried) {
      const { state, errors = [] } = test.result();
      const why = errors[0]?.message?.split('\n', 1)[0] ?? 'no error kept';
      process.stdout.write(`retried ${retryCount}x, then ${state}: ${file} > ${name}: ${why}\n`);
    }
  }
}
