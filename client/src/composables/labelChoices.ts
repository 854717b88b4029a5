import type { OverlayOptions } from '../player/Player.ts';

export type LabelChoices = Pick<OverlayOptions, 'hiddenLabels' | 'blurredLabels' | 'colours'>;
export type LabelChoice = 'show' | 'blur' | 'hide';

export function choiceOf(choices: LabelChoices, label: string): LabelChoice {
  if (choices.hiddenLabels.includes(label)) return 'hide';
  return choices.blurredLabels.includes(label) ? 'blur' : 'show';
}

/** A label is in one list at most. */
export function withChoice(choices: LabelChoices, label: string, choice: LabelChoice): LabelChoices {
  const put = (labels: readonly string[], isIn: boolean) => [
    ...labels.filter((one) => one !== label),
    ...(isIn ? [label] : []),
  ];
  return {
    ...choices,
    hiddenLabels: put(choices.hiddenLabels, choice === 'hide'),
    blurredLabels: put(choices.blurredLabels, choice === 'blur'),
  };
}

/** `undefined` = the palette's again. */
export function withColour(choices: LabelChoices, label: string, colour: string | undefined): LabelChoices {
  const { [label]: _, ...others } = choices.colours;
  return { ...choices, colours: colour === undefined ? others : { ...others, [label]: colour } };
}

/** Those that were seen, and those of which something was chosen: a hidden one is seen no more. */
export function listedLabels(choices: LabelChoices, seen: readonly string[]): string[] {
  const { hiddenLabels, blurredLabels, colours } = choices;
  return [...new Set([...seen, ...hiddenLabels, ...blurredLabels, ...Object.keys(colours)])].sort((a, b) =>
    a.localeCompare(b),
  );
}

/** What was chosen, in words; nothing where nothing was. */
export function choiceWords({ hiddenLabels, blurredLabels }: LabelChoices): string {
  const words = [];
  if (hiddenLabels.length > 0) words.push(`${hiddenLabels.length} hidden`);
  if (blurredLabels.length > 0) words.push(`${blurredLabels.length} blurred`);
  return words.join(', ');
}
