import { OpenAPIHono } from '@hono/zod-openapi';
import { HTTPException } from 'hono/http-exception';
import { Refusal, type RefusalCode, refusalOf, refusalStatus } from '../protocol/index.ts';
import { addAccessRoutes } from './accessRoutes.ts';
import { auditChanges } from './auditChanges.ts';
import { addBrandRoutes } from './brandRoutes.ts';
import type { HttpContext } from './context.ts';
import { docsPage } from './docsPage.ts';
import { addDoctorRoutes, addDoctorSessionRoutes } from './doctorRoutes.ts';
import { addEventStreamRoutes } from './eventStreamRoutes.ts';
import { addExposureRoutes } from './exposureRoutes.ts';
import { addFileRoutes } from './fileRoutes.ts';
import { addHealthRoutes } from './healthRoutes.ts';
import { addHistoryRoutes } from './historyRoutes.ts';
import { describeHlsRoutes } from './hlsRoutes.ts';
import { originCheck, securityHeaders } from './middleware.ts';
import { addModelRoutes } from './modelRoutes.ts';
import { apiDocument, type ApiDocument } from './openapi/apiDocument.ts';
import { describeDocs, describeSdpRoutes } from './openapi/describeDoors.ts';
import { addRecordingRoutes } from './recordingRoutes.ts';
import { refusalHeaders } from './refusalHeaders.ts';
import { addRuleRoutes } from './ruleRoutes.ts';
import { addShareRoutes } from './shareRoutes.ts';
import { addSourceRoutes } from './sourceRoutes.ts';
import { serveClient } from './staticFiles.ts';
import { addStreamRoutes } from './streamRoutes.ts';
import { traceRequests } from './traceRequests.ts';
import { addSystemRoutes } from './systemRoutes.ts';
import { addTargetRoutes } from './targetRoutes.ts';
import { addUserRoutes } from './userRoutes.ts';
import { addWhepRoutes } from './whepRoutes.ts';
import { addWhipRoutes } from './whipRoutes.ts';
import { addZoneRoutes } from './zoneRoutes.ts';

/** All that the server answers over HTTP. */
export function createApp(http: HttpContext): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook: (result) => {
      if (result.success) return;
      const problems = result.error.issues
        .slice(0, 8)
        .map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`);
      throw new Refusal('badRequest', `the request is not valid: ${problems.join('; ')}`);
    },
  });
  app.use(traceRequests);
  app.use(securityHeaders);
  app.use(originCheck(http.access));
  app.use(auditChanges(http));
  app.onError((error, context) => {
    const refusal = toRefusal(error);
    if (refusal.code === 'internal') http.onFault(error, context.req.method, context.req.path);
    const door = /^\/(wh[ie]p)\//.exec(context.req.path)?.[1] ?? 'http';
    http.metrics.refused.inc({ door, code: refusal.code });
    return context.json({ error: refusal.toJSON() }, refusal.status, refusalHeaders(refusal));
  });

  addAccessRoutes(app, http);
  addUserRoutes(app, http);
  addStreamRoutes(app, http);
  addZoneRoutes(app, http);
  addShareRoutes(app, http);
  addSourceRoutes(app, http);
  addFileRoutes(app, http);
  addDoctorRoutes(app, http);
  addDoctorSessionRoutes(app, http);
  addModelRoutes(app, http);
  addRecordingRoutes(app, http);
  addBrandRoutes(app, http);
  addExposureRoutes(app, http);
  addHistoryRoutes(app, http);
  addEventStreamRoutes(app, http);
  addRuleRoutes(app, http);
  addTargetRoutes(app, http);
  describeHlsRoutes(app);
  addHealthRoutes(app, http);
  addSystemRoutes(app, http);
  addWhipRoutes(app, http);
  addWhepRoutes(app, http);
  for (const protocol of ['whip', 'whep'] as const) describeSdpRoutes(app, protocol);
  addDocs(app);

  const methods = methodsByPath(app);
  app.notFound(async (context) => {
    const { path, method } = context.req;
    const known = methods.find(({ pattern }) => pattern.test(path));
    if (known) {
      context.header('Allow', known.allow);
      throw new Refusal('methodNotAllowed', `${path} takes ${known.allow}`);
    }
    const found = method === 'GET' || method === 'HEAD' ? await serveClient(context, http.clientDist) : undefined;
    if (found) return found;
    throw new Refusal('notFound', 'there is nothing at this path');
  });
  return app;
}

function addDocs(app: OpenAPIHono): void {
  describeDocs(app);
  let document: ApiDocument | undefined;
  const cached = () => (document ??= apiDocument(app));
  app.get('/api/openapi.json', (context) => context.json(cached()));
  app.get('/api/docs', (context) => context.html(docsPage(cached())));
}

/** Which methods each path takes, for 405. */
function methodsByPath(app: OpenAPIHono): { pattern: RegExp; allow: string }[] {
  const paths = new Map<string, Set<string>>();
  for (const { path, method } of app.routes) {
    if (method === 'ALL') continue;
    const methods = paths.get(path) ?? new Set();
    paths.set(path, methods.add(method));
    if (method === 'GET') methods.add('HEAD');
  }
  return [...paths].map(([path, methods]) => ({
    pattern: new RegExp(`^${path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:\w+/g, '[^/]+')}$`),
    allow: [...methods].join(', '),
  }));
}

function toRefusal(error: unknown): Refusal {
  // Nobody hears it, yet it is counted as what it is: a body that ended early is no fault of ours.
  if (isAborted(error)) return new Refusal('badRequest', 'the body ended before its end');
  if (!(error instanceof HTTPException)) return refusalOf(error);
  const code = (Object.keys(refusalStatus) as RefusalCode[]).find((one) => refusalStatus[one] === error.status);
  return code && code !== 'internal' ? new Refusal(code, error.message || code) : refusalOf(error);
}

/** node:http's error for a caller that went away in the middle of its body. */
function isAborted(error: unknown): boolean {
  return (
    error instanceof Error && error.message === 'aborted' && (error as NodeJS.ErrnoException).code === 'ECONNRESET'
  );
}
