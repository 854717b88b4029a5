import { type MatchFamily, wrongOutputCount } from './Family.ts';
import { matchRows } from './rows.ts';

/**
 * Our own brand model (models/brands): rows in `detections`, score 0 = an empty row, and one embedding a row in
 * `embeddings` [N,K,dim]. There is one label, "unknown mark"; names come from the gallery afterwards.
 */
export const matchBrands: MatchFamily = (outputs, context) => {
  const at = outputs.findIndex(({ name }) => name === 'detections');
  const detections = outputs[at];
  const embeddings = outputs.find(({ name }) => name === 'embeddings');
  if (!detections || !embeddings) return wrongOutputCount(outputs, 'brands', `'detections' and 'embeddings'`);
  const rows = detections.dims[1];
  if (embeddings.dims.length !== 3 || embeddings.dims[1] !== rows) {
    return {
      mismatch: `output 'embeddings' is [${embeddings.dims.join(',')}], but [${detections.dims[0]},${rows},dim] is needed`,
    };
  }
  return matchRows('brands', detections, outputs, context);
};
