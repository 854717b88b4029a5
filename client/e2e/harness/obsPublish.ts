import { parseArgs } from 'node:util';
import { EncodedClip } from './EncodedClip.ts';
import { ObsPublisher, type ObsPublisherOptions } from './ObsPublisher.ts';

/**
 * An ObsPublisher in a process of its own, which a test can kill: `node obsPublish.ts --whip <url> --key <stream key>
 * --clip <folder of an EncodedClip> [--until posted|connected]`. Prints `ready` when it got that far; SIGTERM stops it
 * as OBS stops.
 */
const { values } = parseArgs({
  options: {
    whip: { type: 'string' },
    key: { type: 'string' },
    clip: { type: 'string' },
    until: { type: 'string', default: 'publishing' },
    simulcast: { type: 'boolean', default: false },
  },
});
if (!values.whip || !values.clip) throw new Error('give --whip and --clip');

const publisher = await ObsPublisher.create({
  whipUrl: values.whip,
  ...(values.key === undefined ? {} : { bearer: values.key }),
  clip: await EncodedClip.read(values.clip),
  simulcast: values.simulcast,
  until: values.until as NonNullable<ObsPublisherOptions['until']>,
  onState: (state) => console.error(state),
});
console.log('ready');
const alive = setInterval(() => undefined, 60_000);
process.once('SIGTERM', () => {
  clearInterval(alive);
  void publisher.close().then((status) => {
    console.log(`DELETE ${status}`);
    process.exit(0);
  });
});
