import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { createMetrics, createRegistry } from '../../src/metrics/metrics.ts';

const root = resolve(import.meta.dirname, '../..');
const file = join(root, 'helm/zoom-chat-archiver/files/alerts.yaml');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
}

const document: { groups: { rules: Rule[] }[] } = parse(readFileSync(file, 'utf8'));
const rules = document.groups.flatMap((group) => group.rules);

/** Per alert: name and labels of its metric, values by the minute when all is well and when it is not. */
const cases: Record<string, { metric: string; labels?: Record<string, string>; well: string; ill: string }> =
  {
    ZoomChatRetentionGap: { metric: 'retention_gap_ratio', well: '0.9x300', ill: '0.2x300' },
    ZoomChatWindowsLost: { metric: 'windows_lost_total', well: '0x300', ill: '0x270 1x30' },
    ZoomChatCoverageHole: { metric: 'coverage_holes', well: '0x300', ill: '2x300' },
    ZoomChatStreamStale: {
      metric: 'stream_seconds_since_complete',
      labels: { stream: 'messages' },
      well: '86000x300',
      ill: '86401x300',
    },
    ZoomChatUnitsFailing: {
      metric: 'units_failing',
      labels: { stream: 'messages' },
      well: '0x300',
      ill: '1x300',
    },
    ZoomChatDrift: {
      metric: 'drift_total',
      labels: { stream: 'messages' },
      well: '4x300',
      ill: '4x270 5x30',
    },
    ZoomChatNoLeader: { metric: 'lease_held', well: '1x300', ill: '0x300' },
    ZoomChatLedgerUnreachable: {
      metric: 'errors_total',
      labels: { code: 'ledger-unreachable' },
      well: '3x300',
      ill: '0+1x300',
    },
    ZoomChatSinkRefusing: {
      metric: 'errors_total',
      labels: { code: 'sink-denied' },
      well: '3x300',
      ill: '0+1x300',
    },
    ZoomChatLockMissing: {
      metric: 'object_lock_enforced',
      labels: { check: 'version-delete' },
      well: '1x300',
      ill: '0x300',
    },
    ZoomChatVerifyFailed: { metric: 'verify_findings', well: '0x300', ill: '1x300' },
    // Promtool's clock begins at 0 and the rules are asked at 280 minutes.
    ZoomChatVerifyOld: { metric: 'verify_timestamp_seconds', well: '0x300', ill: '-172800x300' },
    ZoomChatRateBudgetExhausted: {
      metric: 'zoom_parked_until_timestamp_seconds',
      labels: { label: 'heavy' },
      well: '17000x300',
      ill: '30000x300',
    },
    ZoomChatHoldFailed: { metric: 'hold_versions_waiting', well: '0x300', ill: '5x300' },
    ZoomChatDisposalRefused: {
      metric: 'disposal_refusals_total',
      labels: { class: 'default' },
      well: '2x300',
      ill: '2x270 3x30',
    },
  };

const where = { namespace: 'archive', job: 'zoom-chat-archiver' };

/** Values as promtool writes them: `3x300` is a constant, anything with a step stays as it is. */
const values = (short: string) => short.replaceAll(/(^| )(-?[\d.]+)x(\d+)/g, '$1$2+0x$3');

describe('alerts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zoom-chat-archiver-alerts-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const promtool = (...args: string[]) => execFileSync('promtool', args, { encoding: 'utf8', stdio: 'pipe' });

  it('are rules that Prometheus takes', () => {
    expect(promtool('check', 'rules', file)).toContain(`${rules.length} rules found`);
  });

  it('have a severity, a summary and a section of the runbook each', () => {
    const runbook = readFileSync(join(root, 'docs/operations.md'), 'utf8');
    for (const { alert, labels, annotations } of rules) {
      expect(['critical', 'warning']).toContain(labels.severity);
      expect(annotations.summary).not.toBe('');
      expect(annotations.runbook_url).toBe(`docs/operations.md#${alert.toLowerCase()}`);
      expect(runbook).toContain(`\n### ${alert}\n`);
    }
  });

  it('look at metrics that exist', async () => {
    const registry = createRegistry();
    createMetrics(registry, { version: '0', commit: '0' });
    const names = (await registry.getMetricsAsJSON()).map(({ name }) => name);
    for (const { expr } of rules)
      for (const name of expr.match(/zoom_chat_archiver_\w+/g) ?? []) expect(names).toContain(name);
  });

  it('fire when they should, and only then', () => {
    expect(Object.keys(cases)).toEqual(rules.map(({ alert }) => alert));
    const tests = rules.flatMap((rule) => {
      const { metric, labels = {}, well, ill } = cases[rule.alert] ?? { metric: '', well: '', ill: '' };
      const series = Object.entries({ ...where, ...labels }).map(([key, value]) => `${key}="${value}"`);
      const fired = {
        exp_labels: { ...where, ...labels, ...rule.labels },
        exp_annotations: rule.annotations,
      };
      return [well, ill].map((course) => ({
        name: `${rule.alert} ${course}`,
        interval: '1m',
        input_series: [
          { series: `zoom_chat_archiver_${metric}{${series.join(',')}}`, values: values(course) },
        ],
        alert_rule_test: [
          { eval_time: '280m', alertname: rule.alert, exp_alerts: course === ill ? [fired] : [] },
        ],
      }));
    });
    const path = join(folder, 'tests.yaml');
    writeFileSync(path, stringify({ rule_files: [file], evaluation_interval: '1m', tests }));
    expect(promtool('test', 'rules', path)).toContain('SUCCESS');
  });
});
