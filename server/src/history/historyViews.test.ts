import { expect, test } from 'vitest';
import { eventViews } from './historyViews.ts';
import { eventViewsOf } from './eventViews.ts';
import { testBatch, testZoneEvent } from './testBatches.ts';

test('an event of a kind that a newer version stored is left out, and ends no page', () => {
  const batch = testBatch('run', 0, { events: [testZoneEvent()] });
  const [view] = eventViewsOf(batch, 'Front door');
  const row = { ...view!, at: new Date(view!.at) };
  expect(eventViews(row as never)).toEqual([view]);
  expect(eventViews({ ...row, kind: 'unheardOf' } as never)).toEqual([]);
});
