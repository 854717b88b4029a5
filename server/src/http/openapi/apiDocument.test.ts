import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import type { HttpContext } from '../context.ts';
import { createApp } from '../createApp.ts';
import { apiDocument, type ApiOperation, type MediaType } from './apiDocument.ts';
import { operations as known } from './operations.ts';

const app = createApp({ whipPostsPerMinute: 1 } as HttpContext);
const document = apiDocument(app);
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ route: `${method.toUpperCase()} ${path}`, operation })),
);

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema({ $id: 'document', components: document.components });
/** Its problems; `[]` = it is valid. */
function problemsOf({ schema, example }: MediaType): unknown[] {
  const absolute = JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"document#/components')) as object;
  const validate = ajv.compile(absolute);
  return validate(example) ? [] : validate.errors!;
}

const hasText = (type: string, { schema }: MediaType) =>
  schema?.format !== 'binary' && !/^(?:image|video|multipart)\/|octet-stream/.test(type);

describe('the OpenAPI document', () => {
  it('has every route, but those of nodes', () => {
    const routes = app.routes
      .filter(({ method, path }) => method !== 'ALL' && !path.includes('*') && !path.startsWith('/internal/'))
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
    const described = new Set(operations.map(({ route }) => route));
    expect(routes.filter((route) => !described.has(route))).toEqual([]);
  });

  it('gives each operation a name of its own, a tag, a summary, and an explicit row in operations.ts', () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
    expect(ids.filter((id) => !/^[a-z][A-Za-z0-9]+$/.test(id))).toEqual([]);
    const tagNames = document.tags.map(({ name }) => name);
    for (const { route, operation } of operations) {
      expect([route, operation.summary ?? '']).toEqual([route, expect.stringMatching(/\S/)]);
      expect([route, tagNames]).toEqual([route, expect.arrayContaining(operation.tags)]);
    }
    expect(operations.map(({ route }) => route).filter((route) => !known[route])).toEqual([]);
  });

  it.each(operations)('$route: every parameter of its path, an example of everything, and each fits', (one) => {
    const { operation, route } = one;
    const inPath = [...route.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const parameters = operation.parameters ?? [];
    expect(parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)).toEqual(inPath);
    for (const parameter of parameters) expect([parameter.name, problemsOf(parameter)]).toEqual([parameter.name, []]);
    for (const [where, content] of contentsOf(operation)) {
      for (const [type, media] of Object.entries(content)) {
        if (!hasText(type, media)) continue;
        expect([where, type, media.example]).not.toEqual([where, type, undefined]);
        if (media.schema)
          expect([where, type, media.example, problemsOf(media)]).toEqual([where, type, media.example, []]);
      }
    }
    const answers = Object.keys(operation.responses);
    expect(answers.some((status) => /^[23]/.test(status))).toBe(true);
  });

  it('names what clients would call by a name', () => {
    for (const name of ['Stream', 'StreamDetail', 'Error', 'Brand', 'Recording', 'Token', 'ZoneSettings']) {
      expect(document.components.schemas).toHaveProperty(name);
    }
    // An answer has what has a default; a request may leave it out.
    expect(document.components.schemas.Zone!.required).toContain('anchor');
    expect(document.components.schemas.ZoneInput!.required).not.toContain('anchor');
    const json = JSON.stringify(document);
    expect(json).not.toMatch(/schemas\/(?:in|out):/);
    const referred = [...json.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name!);
    expect(referred.filter((name) => !(name in document.components.schemas))).toEqual([]);
  });
});

function contentsOf({ requestBody, responses }: ApiOperation): [string, Record<string, MediaType>][] {
  const answers = Object.entries(responses).map(([status, { content }]) => [status, content ?? {}] as const);
  return [['request', requestBody?.content ?? {}], ...answers].map(([where, content]) => [
    where as string,
    content as never,
  ]);
}
