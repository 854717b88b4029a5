// `npm start`: set-up, then the local launcher. Begins on any Node from 20.19 on, before there is a node_modules.
import { readEnvironment } from './launcher/environment.mjs';
import { launch } from './launcher/launch.mjs';
import { repositoryFolder } from './setup/folders.mjs';
import { runToTheEnd, setUp } from './setup/setup.mjs';

await runToTheEnd(async () => {
  const env = readEnvironment(process.env, repositoryFolder);
  await launch({ ...env, ...(await setUp('start', env)) });
});
