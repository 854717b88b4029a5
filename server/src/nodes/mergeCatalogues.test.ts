import { expect, it } from 'vitest';
import type { ModelAdding, ModelEntry } from '../protocol/index.ts';
import { mergeCatalogues } from './mergeCatalogues.ts';

const model = (id: string, more: Partial<ModelEntry> = {}): ModelEntry => ({
  id,
  name: id,
  task: 'detect',
  family: 'yolox',
  licence: 'MIT',
  labels: 80,
  inputWidth: 416,
  inputHeight: 416,
  bundled: false,
  available: true,
  isDefault: false,
  ...more,
});
const at = (receivedBytes: number, phase: ModelAdding['phase'] = 'downloading') => ({ phase, receivedBytes });

it('is empty of no node, and the catalogue of a single one', () => {
  expect(mergeCatalogues([])).toEqual([]);
  expect(mergeCatalogues([[model('a', { adding: at(5) })]])).toMatchObject([{ id: 'a', adding: at(5) }]);
});

it('has a Model available where every node has it', () => {
  const merged = mergeCatalogues([
    [model('a'), model('b'), model('c')],
    [model('a'), model('b', { available: false })],
  ]);
  expect(merged.map(({ id, available }) => [id, available])).toEqual([
    ['a', true],
    ['b', false],
    ['c', false],
  ]);
});

it.each([
  ['bytes', at(5), at(3), at(3)],
  ['phase', at(9, 'verifying'), at(9), at(9)],
  ['who is at it at all', undefined, at(3), at(3)],
])('tells the adding that is least far, by %s', (_, first, second, expected) => {
  const merged = mergeCatalogues([[model('a', { adding: first })], [model('a', { adding: second })]]);
  expect(merged[0]!.adding).toEqual(expected);
});

it('tells a problem of any node', () => {
  const merged = mergeCatalogues([[model('a')], [model('a', { addProblem: 'no room' })]]);
  expect(merged[0]!.addProblem).toBe('no room');
});
