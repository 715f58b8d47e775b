/** `npm run schema`: writes config.schema.json and the settings in docs/configuration.md anew from src/config/schema.ts. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MANUAL_FILE, manualText, SCHEMA_FILE, schemaText } from './config-docs.ts';

const root = join(import.meta.dirname, '..');
const manual = join(root, MANUAL_FILE);

writeFileSync(join(root, SCHEMA_FILE), schemaText());
writeFileSync(manual, manualText(readFileSync(manual, 'utf8')));
// As `npm run check` wants them.
const biome = spawnSync(
  join(root, 'node_modules/.bin/biome'),
  ['format', '--write', SCHEMA_FILE, MANUAL_FILE],
  {
    cwd: root,
    stdio: 'inherit',
  },
);
process.exitCode = biome.status ?? 1;
