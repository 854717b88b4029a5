import type { Command } from '../Command.ts';
import { exportCommands } from './exports.ts';
import { historyCommands } from './history.ts';
import { modelCommands } from './models.ts';
import { peopleCommands } from './people.ts';
import { ruleCommands } from './rules.ts';
import { sourceCommands } from './sources.ts';
import { streamCommands } from './streams.ts';
import { systemCommands } from './system.ts';
import { watch } from './watch.ts';
import { zoneCommands } from './zones.ts';

export const commands: readonly Command[] = [
  ...streamCommands,
  ...sourceCommands,
  watch,
  ...modelCommands,
  ...zoneCommands,
  ...historyCommands,
  ...ruleCommands,
  ...exportCommands,
  ...peopleCommands,
  ...systemCommands,
];
