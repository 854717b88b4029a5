import { type MatchFamily, wrongOutputCount } from './Family.ts';
import { matchRows } from './rows.ts';

/** Our own marker detector (models/marker): rows in `detections`, score 0 = an empty row. */
export const matchMarker: MatchFamily = (outputs, context) => {
  const output = outputs.find(({ name }) => name === 'detections');
  if (!output) return wrongOutputCount(outputs, 'marker', `one named 'detections'`);
  const match = matchRows('marker', output, outputs, context);
  return 'decode' in match && context.labelCount === undefined ? { ...match, labelCount: 1 } : match;
};
