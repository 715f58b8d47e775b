// node scripts/ci-summary.mjs REPORT TEST_EXIT_CODE OTHER_FAILURES: says how a run of CI came out; the last line is the sum.
import { readFileSync } from 'node:fs';

const [file = '', exitCode = '1', others = '0'] = process.argv.slice(2);
let passed = 0;
let failed = Number(others);
const skipped = [];

try {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  for (const { name, status, message, assertionResults } of report.testResults) {
    for (const { status: outcome, fullName } of assertionResults) {
      if (outcome === 'passed') passed += 1;
      else if (outcome === 'failed') failed += 1;
      else skipped.push(`${name}: ${fullName}`);
    }
    // A file that could not even be loaded has no tests to count.
    if (status === 'failed' && !assertionResults.some(({ status: outcome }) => outcome === 'failed')) {
      console.log(`failed as a whole: ${name}\n${message}`);
      failed += 1;
    }
  }
  if (passed === 0) throw new Error('the report holds no passed test');
} catch (error) {
  console.log(`no usable report of the tests: ${error.message}`);
  failed += 1;
}
// Types, lint, or an error outside of any test.
if (exitCode !== '0' && failed === Number(others)) {
  console.log(`npm test ended with ${exitCode}`);
  failed += 1;
}
for (const name of skipped) console.log(`skipped: ${name}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || skipped.length > 0 ? 1 : 0;
