/** Writes the pictures of the test Source beside itself: `node sfu/src/source/test/drawSprites.ts`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderSprite } from './renderSprite.ts';
import { sprites } from './sprites.ts';

for (const [name, draw] of Object.entries(sprites))
  writeFileSync(join(import.meta.dirname, name), await renderSprite(draw()));
