import { ConfigurationError } from '../config.ts';

/** What a person has to change so that the server can listen, or the error as it is. */
export function listenProblem(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const why = {
    EADDRINUSE: 'is in use by another program: stop that one, or set PORT to another',
    EACCES: 'may not be used by this user: set PORT above 1023',
    EADDRNOTAVAIL: 'is at an address that this machine does not have: set HOST to one that it has',
    ENOTFOUND: 'is at a name that has no address: set HOST to one that this machine has',
  }[error.code ?? ''];
  return why === undefined ? error : new ConfigurationError(`port ${port} on ${host} ${why}`);
}
