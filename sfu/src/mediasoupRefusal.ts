import { errors } from 'mediasoup';
import { Refusal } from '@framelock/server/protocol';

/**
 * mediasoup's answer to a caller's parameters, as a Refusal: it throws TypeError and UnsupportedError for wrong ones,
 * `InvalidStateError` where something closed meanwhile, and plain errors with a plain sentence from the Worker.
 */
export function mediasoupRefusal(error: unknown, what: string): Refusal {
  if (error instanceof Refusal) return error;
  const { message, name } = error as Error;
  if (error instanceof errors.UnsupportedError) return new Refusal('unsupported', `${what}: ${message}`);
  if (error instanceof errors.WorkerClosedError || name === 'InvalidStateError' || /closed/i.test(message)) {
    return new Refusal('unavailable', `${what}: it closed meanwhile`);
  }
  if (error instanceof errors.NotFoundError) return new Refusal('notFound', `${what}: ${message}`);
  return new Refusal('badRequest', `${what}: ${message}`);
}

/** Runs one call into mediasoup that carries parameters of the caller. */
export async function askMediasoup<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw mediasoupRefusal(error, what);
  }
}
