// The launcher alone, without set-up: for tests and benchmarks, whose own start has done set-up already.
import { repositoryFolder } from '../setup/folders.mjs';
import { runToTheEnd } from '../setup/setup.mjs';
import { readEnvironment } from './environment.mjs';
import { launch } from './launch.mjs';

await runToTheEnd(() => launch(readEnvironment(process.env, repositoryFolder)));
