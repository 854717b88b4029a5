import { expect, it } from 'vitest';
import { csvField, csvLine } from './csv.ts';

it.each([
  ['Acme', 'Acme'],
  ['Acme, Inc.', '"Acme, Inc."'],
  ['the "A"', '"the ""A"""'],
  ['two\r\nlines', '"two\r\nlines"'],
  ['=1+1', "'=1+1"],
  ['+49', "'+49"],
  ['-x', "'-x"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['=HYPERLINK("http://x","y")', `"'=HYPERLINK(""http://x"",""y"")"`],
  ['\t=1', "'\t=1"],
  ['a=b', 'a=b'],
  ['', ''],
  ['☃', '☃'],
])('%j is written as %j', (text, written) => {
  expect(csvField(text)).toBe(written);
});

it('numbers and times are as they are, and a line ends with CRLF', () => {
  expect(csvLine(['a', -1.5, true, null, new Date(0)])).toBe('a,-1.5,true,,1970-01-01T00:00:00.000Z\r\n');
});
