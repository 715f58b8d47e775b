import { expect, test } from 'vitest';
import { warnAboutSettings } from '../../src/commands/preflight.ts';
import { parseConfig } from '../../src/config.ts';
import { silentLog } from '../../src/log.ts';
import { createMetrics, createRegistry } from '../../src/metrics/metrics.ts';
import { settings } from '../support/archiver.ts';
import { emulate, RUNNING } from '../zoom/connect.ts';

/** What the check at start warns about, and the metric it leaves. */
async function preflight(options: Parameters<typeof emulate>[0], change: object = {}) {
  const { emulator, client } = await emulate(options);
  emulator.setSettings(change);
  const warnings: string[] = [];
  const log = Object.assign(silentLog(), {
    warn: (_fields: object, text: string) => void warnings.push(text),
  });
  const config = parseConfig({
    text: JSON.stringify(
      settings(emulator.url, {
        ledger: { directory: './ledger' },
        sink: { directory: { path: './archive' } },
      }),
    ),
    folder: '/',
    environment: {},
    readFile: () => '',
  });
  const registry = createRegistry();
  const metrics = createMetrics(registry, { version: '1', commit: '2' });
  const context = { config, log, account: 'account', now: () => emulator.now() };
  await warnAboutSettings(context, client, metrics, RUNNING);
  const gauge = await registry.getSingleMetric('zoom_chat_archiver_source_setting_ok')?.get();
  const values = (gauge?.values ?? []).map(({ labels, value }) => [labels.setting, value]);
  return { warnings, values: Object.fromEntries(values) };
}

test('an account that keeps what it says is in order', async () => {
  expect(await preflight({})).toEqual({
    warnings: [],
    values: { store_revise_chat: 1, cloud_storage: 1, retention_direct: 1, retention_channels: 1 },
  });
});

test('revisions that are not stored, and a retention of a day, are named', async () => {
  const { warnings, values } = await preflight(
    {},
    { store_revise_chat: false, set_retention_period_in_cloud: { retention_period_of_channels: '1d' } },
  );
  expect(values).toEqual({
    store_revise_chat: 0,
    cloud_storage: 1,
    retention_direct: 1,
    retention_channels: 0,
  });
  expect(warnings).toMatchObject([expect.stringContaining('revisions'), expect.stringContaining('1d')]);
});

test('no cloud storage is named', async () => {
  const { warnings, values } = await preflight({}, { set_retention_period_in_cloud: { enable: false } });
  expect(values).toEqual({ store_revise_chat: 1, cloud_storage: 0 });
  expect(warnings).toHaveLength(1);
});

test('settings that cannot be read are a warning, not a failure', async () => {
  const { warnings, values } = await preflight({ scopes: [] });
  expect(values).toEqual({});
  expect(warnings).toHaveLength(1);
});
