import { html } from 'hono/html';
import type { ApiDocument, ApiOperation, MediaType } from './openapi/apiDocument.ts';
import { docsStyle } from './docsStyle.ts';

type Listed = { path: string; method: string; operation: ApiOperation };

/**
 * A page of our own from the OpenAPI document. The well-known reference viewers load their scripts from a CDN, which a
 * closed network does not reach; this one needs no script at all.
 */
export function docsPage(document: ApiDocument) {
  const all: Listed[] = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const groups = document.tags.map((tag) => ({
    ...tag,
    operations: all.filter(({ operation }) => operation.tags[0] === tag.name),
  }));
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${document.info.title}</title>
        ${docsStyle}
      </head>
      <body>
        <nav aria-label="Capabilities">
          ${groups.map(({ name, operations }) => html`<a href="#${name}">${name} <small>${operations.length}</small></a>`)}
          <a href="#schemas">Schemas</a>
        </nav>
        <main>
          <h1>${document.info.title}</h1>
          ${document.info.description.split('\n\n').map((paragraph) => html`<p>${withCode(paragraph)}</p>`)}
          <p>Machine-readable: <a href="/api/openapi.json">/api/openapi.json</a>, OpenAPI 3.1.</p>
          <h2>Who asks</h2>
          <ul>
            ${Object.entries(document.components.securitySchemes).map(
              ([name, { description = '' }]) => html`<li><b>${name}</b>: ${withCode(description)}</li>`,
            )}
          </ul>
          ${groups.map(
            ({ name, description, operations }) =>
              html`<section id="${name}">
                <h2>${name}</h2>
                <p>${description}</p>
                ${operations.map(operationDetails)}
              </section>`,
          )}
          <section id="schemas">
            <h2>Schemas</h2>
            ${Object.entries(document.components.schemas).map(
              ([name, schema]) =>
                html`<details id="schema-${name}">
                  <summary><code>${name}</code></summary>
                  <pre>${JSON.stringify({ ...schema, examples: undefined }, undefined, 2)}</pre>
                </details>`,
            )}
          </section>
        </main>
      </body>
    </html>`;
}

function operationDetails({ path, method, operation }: Listed) {
  const { operationId, summary = '', description, parameters = [], requestBody, responses, security } = operation;
  const who = security.map((one) => Object.keys(one)[0]).join(', ');
  return html`<details id="${operationId}">
    <summary>
      <span class="method ${method}">${method}</span> <code>${path}</code>
      <span class="words">${withCode(summary)}</span>
    </summary>
    ${description ? html`<p>${withCode(description)}</p>` : ''}
    <p class="small"><code>${operationId}</code> · ${who ? html`for: ${who}` : 'for anybody'}</p>
    ${
      parameters.length > 0
        ? html`<h3>Parameters</h3>
            <ul>
              ${parameters.map(
                ({ name, in: where, required, description: words, example }) =>
                  html`<li>
                    <code>${name}</code> in
                    ${where}${required ? '' : ', optional'}${words ? html`: ${withCode(words)}` : ''}
                    ${example === undefined ? '' : html`<small>such as <code>${String(example)}</code></small>`}
                  </li>`,
              )}
            </ul>`
        : ''
    }
    ${
      requestBody
        ? html`<h3>Body</h3>
            ${contentDetails(requestBody.content)}`
        : ''
    }
    <h3>Answers</h3>
    ${Object.entries(responses).map(([status, { description: words = '', content = {} }]) =>
      status.startsWith('2')
        ? html`<p><b>${status}</b> ${withCode(words)}</p>
            ${contentDetails(content)}`
        : html`<p class="small"><b>${status}</b> ${withCode(words)}</p>`,
    )}
  </details>`;
}

function contentDetails(content: Record<string, MediaType>) {
  return Object.entries(content).map(([type, { schema, example }]) => {
    const name = schema?.$ref?.split('/').at(-1);
    const shown = typeof example === 'string' ? example : JSON.stringify(example, undefined, 2);
    return html`<p class="small"><code>${type}</code>${name ? html` · <a href="#schema-${name}">${name}</a>` : ''}</p>
      ${shown ? html`<pre>${shown}</pre>` : ''}`;
  });
}

/** What stands in backticks is code. */
function withCode(text: string) {
  return text.split('`').map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : part));
}
