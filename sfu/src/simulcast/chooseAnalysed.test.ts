import { expect, test } from 'vitest';
import { chooseAnalysed, type LayerFlow } from './chooseAnalysed.ts';

function layer(order: number, flowingSinceMs?: number, everFlowed = flowingSinceMs !== undefined): LayerFlow {
  return { id: `layer${order}`, order, flowingSinceMs, everFlowed };
}

test('before anything flows it is the largest that there is', () => {
  expect(chooseAnalysed([layer(1)], undefined, 0)?.id).toBe('layer1');
  expect(chooseAnalysed([layer(1), layer(0)], 'layer1', 0)?.id).toBe('layer0');
  expect(chooseAnalysed([], undefined, 0)).toBeUndefined();
});

test('when it stops, the next smaller one that flows takes over; a short start of others changes nothing', () => {
  const stopped = layer(0, undefined, true);
  expect(chooseAnalysed([stopped, layer(1), layer(2, 1000)], 'layer0', 9000)?.id).toBe('layer2');
  expect(chooseAnalysed([stopped, layer(1, 1000), layer(2, 1000)], 'layer0', 9000)?.id).toBe('layer1');
  expect(chooseAnalysed([layer(0), layer(1, 8900)], 'layer0', 9000)?.id).toBe('layer0');
  expect(chooseAnalysed([stopped, layer(1)], 'layer0', 9000)?.id).toBe('layer0');
});

test('goes back to a larger one only when that has flowed for a while', () => {
  expect(chooseAnalysed([layer(0, 8000), layer(1, 0)], 'layer1', 9000)?.id).toBe('layer1');
  expect(chooseAnalysed([layer(0, 5000), layer(1, 0)], 'layer1', 9000)?.id).toBe('layer0');
  expect(chooseAnalysed([layer(1, 0), layer(2, 0)], 'layer0', 9000)?.id).toBe('layer1');
});
