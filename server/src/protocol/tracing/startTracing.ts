import { context, diag, DiagLogLevel, propagation, trace } from '@opentelemetry/api';

/** Spans of a process that ends are given this long to leave it, ms. */
const longestShutdownMs = 2_000;

export interface Tracing {
  /** Sends what waits. Never rejects. */
  close(): Promise<void>;
}

/**
 * Sends OpenTelemetry traces of this process by OTLP over HTTP, where the environment says to where
 * (`OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, with the headers, timeout and compression that
 * the OTLP exporter's specification names, and `OTEL_SDK_DISABLED`). Else the SDK is not even loaded, and every span is
 * OpenTelemetry's own no-op. A collector that does not answer costs spans, told by `onProblem`, and nothing else.
 */
export async function startTracing(
  name: string,
  onProblem: (message: string) => void,
  environment: Record<string, string | undefined> = process.env,
): Promise<Tracing> {
  const endpoint = environment['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || environment['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (!endpoint || environment['OTEL_SDK_DISABLED'] === 'true') return { close: () => Promise.resolve() };
  const [hooks, core, exporter, resources, sdk] = await Promise.all([
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/core'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/sdk-trace'),
  ]);
  const say = (message: string) => onProblem(message);
  const silent = () => undefined;
  diag.setLogger(
    { error: say, warn: say, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN },
  );
  const own = resources.resourceFromAttributes({ 'service.name': environment['OTEL_SERVICE_NAME'] || name });
  const told = resources.detectResources({ detectors: [resources.envDetector] });
  const provider = new sdk.TracerProvider({
    resource: resources.defaultResource().merge(own).merge(told),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: new exporter.OTLPTraceExporter() })],
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new hooks.AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new core.W3CTraceContextPropagator());
  return {
    close: async () => {
      const late = new Promise<void>((resolve) => setTimeout(resolve, longestShutdownMs).unref());
      await Promise.race([provider.shutdown().catch((error: Error) => say(error.message)), late]);
    },
  };
}
