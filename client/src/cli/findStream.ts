import { ApiError, type components, type FramelockClient } from '../api/FramelockClient.ts';
import { CliError } from './Command.ts';

type Stream = components['schemas']['StreamDetail'];

const isId = (text: string) => /^[A-Za-z0-9_-]{1,64}$/.test(text);

/** By id, or by its whole name where no other Stream has it too. */
export async function findStream(client: FramelockClient, named: string): Promise<Stream> {
  const byId = (id: string) => client.get('/api/v1/streams/{id}', { path: { id } });
  let refused: ApiError | undefined;
  if (isId(named)) {
    try {
      return await byId(named);
    } catch (error) {
      if (!(error instanceof ApiError && [401, 403, 404].includes(error.status))) throw error;
      refused = error;
    }
  }
  const { streams } = await client.get('/api/v1/streams').catch((error: Error) => {
    throw refused ?? error;
  });
  const fit = streams.filter(({ name }) => name === named);
  if (fit.length > 1) {
    throw new CliError(
      `${fit.length} Streams are called ${JSON.stringify(named)}: ${fit.map(({ id }) => id).join(', ')}`,
    );
  }
  const [only] = fit;
  if (only) return byId(only.id);
  throw (
    refused ?? new ApiError({ status: 404, code: 'notFound', message: `there is no Stream ${JSON.stringify(named)}` })
  );
}
