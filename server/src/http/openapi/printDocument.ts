// Prints the OpenAPI document; starts nothing.
import type { HttpContext } from '../context.ts';
import { createApp } from '../createApp.ts';
import { apiDocument } from './apiDocument.ts';

// Routes are described where they are made; nothing of the context is asked before a request.
process.stdout.write(JSON.stringify(apiDocument(createApp({ whipPostsPerMinute: 1 } as HttpContext))));
