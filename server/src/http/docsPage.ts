import { html } from 'hono/html';

interface Operation {
  summary?: string;
  description?: string;
  parameters?: { name: string; in: string; required?: boolean }[];
  requestBody?: unknown;
  responses?: Record<string, { description?: string }>;
}

/**
 * A page of our own from the OpenAPI document. The well-known reference viewers load their scripts from a CDN, which a
 * closed network does not reach; this one needs no script at all.
 */
export function docsPage(document: { info: { title: string; version: string }; paths?: object }) {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Operation>).map(([method, operation]) => ({ path, method, operation })),
  );
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${document.info.title} ${document.info.version}</title>
        <style>
          :root {
            color-scheme: light dark;
            font:
              16px/1.5 system-ui,
              sans-serif;
          }
          body {
            max-width: 60rem;
            margin: 2rem auto;
            padding: 0 1rem;
          }
          details {
            border: 1px solid #8884;
            border-radius: 8px;
            margin: 0.5rem 0;
            padding: 0.6rem 1rem;
          }
          summary {
            cursor: pointer;
          }
          code {
            font-family: ui-monospace, monospace;
          }
          pre {
            overflow: auto;
            background: #8882;
            border-radius: 6px;
            padding: 0.75rem;
            font-size: 0.85rem;
          }
          .method {
            display: inline-block;
            min-width: 4rem;
            font-weight: 700;
            text-transform: uppercase;
          }
        </style>
      </head>
      <body>
        <h1>${document.info.title}</h1>
        <p>
          Machine-readable: <a href="/api/openapi.json">/api/openapi.json</a>. Off loopback every request needs
          <code>Authorization: Bearer &lt;token&gt;</code>. Errors are
          <code>{"error": {"code", "message", "details"?}}</code>.
        </p>
        ${operations.map(
          ({ path, method, operation }) =>
            html`<details>
              <summary><span class="method">${method}</span> <code>${path}</code> · ${operation.summary ?? ''}</summary>
              ${operation.description ? html`<p>${operation.description}</p>` : ''}
              ${
                operation.requestBody
                  ? html`<h4>Body</h4>
                      <pre>${JSON.stringify(operation.requestBody, undefined, 2)}</pre>`
                  : ''
              }
              <h4>Answers</h4>
              ${Object.entries(operation.responses ?? {}).map(
                ([status, response]) =>
                  html`<p><b>${status}</b> ${response.description ?? ''}</p>
                    ${status.startsWith('2') ? html`<pre>${JSON.stringify(response, undefined, 2)}</pre>` : ''}`,
              )}
            </details>`,
        )}
      </body>
    </html>`;
}
