import { expect, it } from 'vitest';
import { choiceOf, choiceWords, type LabelChoices, listedLabels, withChoice, withColour } from './labelChoices.ts';

const none: LabelChoices = { hiddenLabels: [], blurredLabels: [], colours: {} };

it('keeps a label in one list, and takes it out again', () => {
  const hidden = withChoice(withChoice(none, 'dog', 'hide'), 'person', 'hide');
  const blurred = withChoice(hidden, 'person', 'blur');
  expect(blurred).toEqual({ hiddenLabels: ['dog'], blurredLabels: ['person'], colours: {} });
  expect(['dog', 'person', 'car'].map((label) => choiceOf(blurred, label))).toEqual(['hide', 'blur', 'show']);
  expect(choiceWords(blurred)).toBe('1 hidden, 1 blurred');
  expect(withChoice(withChoice(blurred, 'person', 'show'), 'dog', 'show')).toEqual(none);
  expect(choiceWords(none)).toBe('');
});

it('keeps colours until they are the palette’s again, and lists what was chosen though it is not seen', () => {
  const coloured = withColour(withChoice(none, 'zebra', 'hide'), 'car', '#112233');
  expect(listedLabels(coloured, ['person', 'car'])).toEqual(['car', 'person', 'zebra']);
  expect(withColour(coloured, 'car', undefined).colours).toEqual({});
});
