/**
 * `npm run schema`: writes config.schema.json, retention.schema.json, the settings in docs/configuration.md and the
 * presets in docs/retention.md anew from the sources.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  MANUAL_FILE,
  manualText,
  RETENTION_FILE,
  retentionText,
  SCHEDULE_SCHEMA_FILE,
  SCHEMA_FILE,
  scheduleSchemaText,
  schemaText,
} from './config-docs.ts';

const root = join(import.meta.dirname, '..');
const manual = join(root, MANUAL_FILE);

writeFileSync(join(root, SCHEMA_FILE), schemaText());
writeFileSync(manual, manualText(readFileSync(manual, 'utf8')));
writeFileSync(join(root, SCHEDULE_SCHEMA_FILE), scheduleSchemaText());
const retention = join(root, RETENTION_FILE);
writeFileSync(retention, retentionText(readFileSync(retention, 'utf8')));
// As `npm run check` wants them.
const biome = spawnSync(
  join(root, 'node_modules/.bin/biome'),
  ['format', '--write', SCHEMA_FILE, MANUAL_FILE, SCHEDULE_SCHEMA_FILE, RETENTION_FILE],
  {
    cwd: root,
    stdio: 'inherit',
  },
);
process.exitCode = biome.status ?? 1;
