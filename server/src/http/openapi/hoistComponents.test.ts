import { expect, it } from 'vitest';
import { ComponentHoist } from './hoistComponents.ts';

const colour = { type: 'string', enum: ['red', 'blue'] };
const shape = { type: 'object', properties: { colour, side: { type: 'number', default: 1 } }, required: ['colour'] };
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

it('puts a name where a schema looks like a named one, whatever is said beside it', () => {
  const hoist = new ComponentHoist({ Colour: colour });
  const used = {
    a: hoist.hoist({ enum: ['red', 'blue'], type: 'string', description: 'of the hat' }, 'in'),
    b: hoist.hoist({ type: 'string', enum: ['red'] }, 'in'),
    c: hoist.hoist({ type: ['string', 'null'], enum: ['red', 'blue', null] }, 'in'),
  };
  const { document, schemas } = hoist.finish(used);
  expect(document).toEqual({
    a: { ...ref('Colour'), description: 'of the hat' },
    b: { type: 'string', enum: ['red'] },
    c: { anyOf: [ref('Colour'), { type: 'null' }] },
  });
  expect(schemas).toEqual({ Colour: colour });
});

it('tells a request, which may leave out what has a default, from an answer, which never does', () => {
  const hoist = new ComponentHoist({ Shape: shape, Colour: colour });
  const both = hoist.finish([hoist.hoist(shape, 'in'), hoist.hoist({ type: 'array', items: shape }, 'out')]);
  expect(both.document).toEqual([ref('ShapeInput'), { type: 'array', items: ref('Shape') }]);
  expect(both.schemas.Shape).toEqual({
    type: 'object',
    properties: { colour: ref('Colour'), side: { type: 'number' } },
    required: ['colour', 'side'],
  });
  expect(both.schemas.ShapeInput!.required).toEqual(['colour']);
  expect(Object.keys(both.schemas)).toEqual(['Colour', 'Shape', 'ShapeInput']);

  const alone = hoist.finish([hoist.hoist(shape, 'in')]);
  expect(alone.document).toEqual([ref('Shape')]);
});
