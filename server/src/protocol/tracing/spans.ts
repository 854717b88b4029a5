import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';

/** Of this span's instrumentation, as backends show it. */
const scope = 'framelock';

/** What `run` does is a span, below the one at work now; one that fails says so. */
export function traced<T>(name: string, attributes: Attributes, run: (span: Span) => Promise<T>): Promise<T> {
  return inSpan(name, { kind: SpanKind.INTERNAL, attributes }, context.active(), run);
}

/** A request to another process; `run` gets what tells that process which trace it belongs to. */
export function tracedCall<T>(
  name: string,
  attributes: Attributes,
  run: (traceparent: string | undefined) => Promise<T>,
): Promise<T> {
  return inSpan(name, { kind: SpanKind.CLIENT, attributes }, context.active(), () => {
    const carrier: { traceparent?: string } = {};
    propagation.inject(context.active(), carrier);
    return run(carrier.traceparent);
  });
}

/** A request that came to this process, in its caller's trace where it told of one. */
export function tracedAnswer<T>(
  name: string,
  attributes: Attributes,
  traceparent: string | undefined,
  run: (span: Span) => Promise<T>,
): Promise<T> {
  const from = traceparent === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, { traceparent });
  return inSpan(name, { kind: SpanKind.SERVER, attributes }, from, run);
}

async function inSpan<T>(
  name: string,
  options: { kind: SpanKind; attributes: Attributes },
  parent: Context,
  run: (span: Span) => Promise<T>,
): Promise<T> {
  const span = trace.getTracer(scope).startSpan(name, options, parent);
  try {
    return await context.with(trace.setSpan(parent, span), run, undefined, span);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    span.setStatus({ code: SpanStatusCode.ERROR, message });
    const code = (error as { code?: unknown }).code;
    if (typeof code === 'string') span.setAttribute('error.type', code);
    throw error;
  } finally {
    span.end();
  }
}

/** One stage of something that is over: its name, when it began and ended, Unix ms. */
export type TracedStage = readonly [name: string, fromMs: number, toMs: number];

/** Something that is over, as a trace of its own with a span for each stage. `stages` in their order, at least one. */
export function tellTrace(name: string, attributes: Attributes, stages: readonly TracedStage[]): void {
  const tracer = trace.getTracer(scope);
  const root = tracer.startSpan(name, { attributes, startTime: stages[0]![1] }, ROOT_CONTEXT);
  if (root.isRecording()) {
    const below = trace.setSpan(ROOT_CONTEXT, root);
    for (const [stage, fromMs, toMs] of stages) tracer.startSpan(stage, { startTime: fromMs }, below).end(toMs);
  }
  root.end(stages.at(-1)![2]);
}

/** For `RpcCallee.around` of a process that only ever answers: what no trace asks for is in none. */
export function answersInTrace(process: string) {
  return <T>(method: string, traceparent: string | undefined, run: () => Promise<T>): Promise<T> =>
    traceparent === undefined
      ? run()
      : tracedAnswer(`${process} ${method}`, { 'rpc.method': method }, traceparent, run);
}
