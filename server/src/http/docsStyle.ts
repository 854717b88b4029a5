import { html } from 'hono/html';

/** Of the API's page, which loads nothing. */
export const docsStyle = html`<style>
  :root {
    color-scheme: light dark;
    font:
      16px/1.5 system-ui,
      sans-serif;
    --line: color-mix(in srgb, currentcolor 20%, transparent);
    --pale: color-mix(in srgb, currentcolor 8%, transparent);
  }
  body {
    display: grid;
    grid-template-columns: 12rem minmax(0, 60rem);
    gap: 2rem;
    margin: 0 auto;
    max-width: 76rem;
    padding: 1.5rem 1rem;
  }
  nav {
    align-self: start;
    display: flex;
    flex-direction: column;
    position: sticky;
    top: 1.5rem;
  }
  nav a {
    border-radius: 6px;
    color: inherit;
    padding: 0.2rem 0.6rem;
    text-decoration: none;
  }
  nav a:hover {
    background: var(--pale);
  }
  h1 {
    margin-top: 0;
  }
  h2 {
    border-top: 1px solid var(--line);
    margin-top: 2.5rem;
    padding-top: 1.2rem;
  }
  h3 {
    font-size: 0.95rem;
    margin-bottom: 0.3rem;
  }
  details {
    border: 1px solid var(--line);
    border-radius: 8px;
    margin: 0.5rem 0;
    padding: 0.55rem 0.9rem;
    scroll-margin-top: 1rem;
  }
  summary {
    cursor: pointer;
  }
  summary .words {
    display: block;
    margin-left: 4.6rem;
    opacity: 0.85;
  }
  code {
    font-family: ui-monospace, monospace;
    font-size: 0.9em;
    overflow-wrap: anywhere;
  }
  pre {
    background: var(--pale);
    border-radius: 6px;
    font-size: 0.82rem;
    max-height: 26rem;
    overflow: auto;
    padding: 0.75rem;
  }
  small,
  .small {
    font-size: 0.85rem;
    opacity: 0.85;
  }
  .method {
    display: inline-block;
    font-size: 0.8rem;
    font-weight: 700;
    min-width: 4.2rem;
    text-transform: uppercase;
  }
  @media (max-width: 50rem) {
    body {
      display: block;
    }
    nav {
      flex-flow: row wrap;
      margin-bottom: 1rem;
      position: static;
    }
    summary .words {
      margin-left: 0;
    }
  }
</style>`;
