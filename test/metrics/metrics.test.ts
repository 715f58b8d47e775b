import { describe, expect, test } from 'vitest';
import { createMetrics, createRegistry, type MetricsOptions } from '../../src/metrics/metrics.ts';

const BUILD = { version: '1.2.3', commit: 'abc1234' };
const AT = Date.UTC(2026, 2, 1);

describe('names', () => {
  test('every metric of ours has the prefix, a help text and the suffix of its kind and unit', async () => {
    const { registry } = create();
    const ours = (await registry.getMetricsAsJSON()).filter(({ name }) => !/^(process|nodejs)_/.test(name));
    expect(ours.length).toBeGreaterThan(20);
    for (const { name, help, type } of ours) {
      expect(name).toMatch(/^zoom_chat_archiver_[a-z_]+$/);
      expect(help, name).toMatch(/\.$/);
      expect(name.endsWith('_total'), name).toBe(String(type) === 'counter');
      if (String(type) === 'histogram') expect(name).toMatch(/_seconds$/);
    }
  });

  test("Node's own metrics stand on the same registry, and nothing on the global one", async () => {
    const { text } = create();
    expect(await text()).toContain('process_resident_memory_bytes');
    const { register } = await import('prom-client');
    expect(await register.getMetricsAsJSON()).toEqual([]);
  });

  test('two processes in one test have numbers of their own', async () => {
    const [one, two] = [create(), create()];
    one.metrics.sightings({ stream: 'messages', count: 3 });
    expect(await one.text()).toContain('zoom_chat_archiver_sightings_total{stream="messages"} 3');
    expect(await two.text()).not.toContain('zoom_chat_archiver_sightings_total{');
  });
});

test('each report of a stage arrives under its name, in base units', async () => {
  const { metrics, lines } = create();
  metrics.requestFinished({ endpoint: '/report/chat/sessions/:id', status: 200, seconds: 0.2 });
  metrics.requestFinished({ endpoint: '/report/chat/sessions/:id', status: 'no-answer', seconds: 30 });
  metrics.rateLimited({ label: 'heavy', type: 'per-second' });
  metrics.tokensLeft({ label: 'heavy', tokens: 12 });
  metrics.parkedUntil({ label: 'heavy', at: AT + 500 });
  metrics.unknownShape({ endpoint: 'report_chat_messages', name: 'messages[].topic', count: 50 });
  metrics.recordsAdmitted({ stream: 'messages', kind: 'sent', count: 100 });
  metrics.recordsAdmitted({ stream: 'messages', kind: 'sent', count: 20 });
  metrics.sightings({ stream: 'messages', count: 7 });
  metrics.drift({ stream: 'messages', count: 1 });
  metrics.unitFinished({ stream: 'messages', mode: 'window', outcome: 'complete' });
  metrics.streamComplete({ stream: 'messages', at: AT });
  metrics.oldestUncollected({ stream: 'messages', at: AT - 1000 });
  metrics.windowLost({ stream: 'messages' });
  metrics.sessionsSurveyed({
    sessions: 9,
    holes: 2,
    lost: 1,
    untilLossSeconds: 7200,
    untilLossRatio: 0.25,
    within: new Map([['6h', 3]]),
  });
  metrics.unitsFailing(new Map([['messages', 2]]));
  metrics.locksProbed({
    at: AT,
    checks: [
      { check: 'overwrite', enforced: true },
      { check: 'checksum', enforced: false },
      { check: 'version-delete', enforced: 'unknown' },
    ],
  });
  metrics.logSize(77);
  metrics.verified({ at: AT, findings: 2 });
  metrics.staged({ records: 5, bytes: 4096 });
  metrics.segmentPut({ stream: 'messages', class: 'default', bytes: 1000 });
  metrics.kept([{ class: 'chat', segments: 4, objects: 3, bytes: 900, expires: AT }]);
  metrics.disposed({ kind: 'segment', class: 'chat', bytes: 70 });
  metrics.disposalRefused({ class: 'chat' });
  metrics.sealStep({ step: 'put', seconds: 0.3 });
  metrics.webhookReceived({ receipt: 'queued' });
  metrics.webhookRefused({ reason: 'signature' });
  metrics.webhookHinted({ hint: 'unknown' });
  metrics.lease({ held: true, generation: 4 });
  metrics.jobFinished({ job: 'collect', outcome: 'done', seconds: 12 });
  metrics.jobFinished({ job: 'collect', outcome: 'skipped' });
  metrics.errorSeen({ code: 'zoom-unreachable', phrase: 'zoom did not answer' });

  expect(await lines(/_bucket|_sum|nodejs|process/)).toEqual([
    'build_info{version="1.2.3",commit="abc1234"} 1',
    'zoom_requests_total{endpoint="/report/chat/sessions/:id",status="200"} 1',
    'zoom_requests_total{endpoint="/report/chat/sessions/:id",status="no-answer"} 1',
    'zoom_request_seconds_count{endpoint="/report/chat/sessions/:id"} 2',
    'zoom_rate_limited_total{label="heavy",type="per-second"} 1',
    'zoom_tokens_left{label="heavy"} 12',
    `zoom_parked_until_timestamp_seconds{label="heavy"} ${AT / 1000 + 0.5}`,
    'zoom_unknown_shape_total{endpoint="report_chat_messages",name="messages[].topic"} 50',
    'records_admitted_total{stream="messages",kind="sent"} 120',
    'sightings_total{stream="messages"} 7',
    'drift_total{stream="messages"} 1',
    'units_total{stream="messages",mode="window",outcome="complete"} 1',
    `stream_last_complete_timestamp_seconds{stream="messages"} ${AT / 1000}`,
    'stream_seconds_since_complete{stream="messages"} 0',
    `oldest_uncollected_timestamp_seconds{stream="messages"} ${AT / 1000 - 1}`,
    'windows_lost_total{stream="messages"} 1',
    'sessions_known 9',
    'coverage_holes 2',
    'coverage_lost_windows 1',
    'retention_gap_seconds 7200',
    'retention_gap_ratio 0.25',
    'retention_gap_sessions{within="6h"} 3',
    'units_failing{stream="messages"} 2',
    'object_lock_enforced{check="overwrite"} 1',
    'object_lock_enforced{check="checksum"} 0',
    `object_lock_probe_timestamp_seconds ${AT / 1000}`,
    'log_size 77',
    `verify_timestamp_seconds ${AT / 1000}`,
    'verify_findings 2',
    'staged_records 5',
    'staged_bytes 4096',
    'segments_total{stream="messages",class="default"} 1',
    'segment_bytes_total 1000',
    'class_segments{class="chat"} 4',
    'class_objects{class="chat"} 3',
    'class_bytes{class="chat"} 900',
    `class_next_expiry_timestamp_seconds{class="chat"} ${AT / 1000}`,
    'disposals_total{kind="segment",class="chat"} 1',
    'disposed_bytes_total 70',
    'disposal_refusals_total{class="chat"} 1',
    'seal_seconds_count{step="put"} 1',
    'lease_held 1',
    'lease_generation 4',
    'job_runs_total{job="collect",outcome="done"} 1',
    'job_runs_total{job="collect",outcome="skipped"} 1',
    'job_seconds_count{job="collect"} 1',
    'webhooks_received_total{receipt="queued"} 1',
    'webhooks_refused_total{reason="signature"} 1',
    'webhook_hints_total{hint="unknown"} 1',
    'errors_total{code="zoom-unreachable",phrase="zoom did not answer"} 1',
  ]);
});

describe('what is not known is not claimed', () => {
  test('gauges are absent before the first report, except the lease, which is not held', async () => {
    const { lines } = create();
    expect(await lines(/_bucket|_sum|nodejs|process/)).toEqual([
      'build_info{version="1.2.3",commit="abc1234"} 1',
      'segment_bytes_total 0',
      'disposed_bytes_total 0',
      'lease_held 0',
    ]);
  });

  test('but counters that an alert watches begin at 0, because it would not see them begin at 1', async () => {
    const { lines } = create({ streams: ['messages', 'sessions'], jobs: ['seal'] });
    const counters = (await lines(/_bucket|_sum|nodejs|process/)).filter((line) => /_total\{/.test(line));
    expect(counters).toEqual([
      'drift_total{stream="messages"} 0',
      'drift_total{stream="sessions"} 0',
      'windows_lost_total{stream="messages"} 0',
      'windows_lost_total{stream="sessions"} 0',
      'job_runs_total{job="seal",outcome="done"} 0',
      'job_runs_total{job="seal",outcome="failed"} 0',
      'job_runs_total{job="seal",outcome="interrupted"} 0',
      'job_runs_total{job="seal",outcome="skipped"} 0',
    ]);
  });

  test('a stream with nothing open has no oldest uncollected moment', async () => {
    const { metrics, text } = create();
    metrics.oldestUncollected({ stream: 'messages', at: AT });
    metrics.oldestUncollected({ stream: 'messages', at: undefined });
    expect(await text()).not.toContain('oldest_uncollected_timestamp_seconds{');
  });
});

test('what a probe found is gone when the next does not know it, and with the lease', async () => {
  const { metrics, text } = create();
  metrics.lease({ held: true, generation: 1 });
  metrics.locksProbed({ at: AT, checks: [{ check: 'overwrite', enforced: false }] });
  metrics.locksProbed({ at: AT, checks: [{ check: 'overwrite', enforced: 'unknown' }] });
  expect(await text()).not.toContain('object_lock_enforced{');
  metrics.locksProbed({ at: AT, checks: [{ check: 'overwrite', enforced: true }] });
  metrics.lease({ held: false, generation: 0 });
  expect(await text()).not.toMatch(/object_lock_(enforced\{|probe_timestamp_seconds \d)/);
});

describe('seconds since a stream was complete', () => {
  test('grow from scrape to scrape and fall back when it is complete again', async () => {
    const { metrics, clock, text } = create();
    metrics.streamComplete({ stream: 'messages', at: AT });
    clock.now = AT + 90_000;
    expect(await text()).toContain('stream_seconds_since_complete{stream="messages"} 90');
    clock.now = AT + 120_000;
    expect(await text()).toContain('stream_seconds_since_complete{stream="messages"} 120');
    metrics.streamComplete({ stream: 'messages', at: AT + 120_000 });
    expect(await text()).toContain('stream_seconds_since_complete{stream="messages"} 0');
  });

  test('begin with the lease where no pass was complete, and end with it', async () => {
    const { metrics, clock, text } = create({ collected: ['messages', 'sessions'] });
    expect(await text()).not.toContain('since_complete{');
    metrics.lease({ held: true, generation: 1 });
    metrics.streamComplete({ stream: 'sessions', at: AT + 50_000 });
    clock.now = AT + 90_000;
    expect(await text()).toContain('stream_seconds_since_complete{stream="messages"} 90');
    expect(await text()).toContain('stream_seconds_since_complete{stream="sessions"} 40');
    metrics.lease({ held: false, generation: 0 });
    expect(await text()).not.toContain('since_complete{');
    metrics.lease({ held: true, generation: 3 });
    expect(await text()).toContain('stream_seconds_since_complete{stream="sessions"} 0');
  });

  test('are never negative when the clock was set back', async () => {
    const { metrics, clock, text } = create();
    metrics.streamComplete({ stream: 'messages', at: AT });
    clock.now = AT - 60_000;
    expect(await text()).toContain('stream_seconds_since_complete{stream="messages"} 0');
  });
});

test('a label that takes ever new values stops at a ceiling, and counts on as "other"', async () => {
  const { metrics, text } = create();
  for (let id = 0; id < 1000; id += 1) {
    metrics.requestFinished({ endpoint: `/users/${id}`, status: 200, seconds: 0.1 });
  }
  const counted = (await text()).split('\n').filter((line) => line.includes('zoom_requests_total{'));
  expect(counted).toHaveLength(201);
  expect(counted.at(-1)).toMatch(/endpoint="other",status="200"} 800$/);
});

function create(options: MetricsOptions = {}) {
  const clock = { now: AT };
  const registry = createRegistry();
  const metrics = createMetrics(registry, BUILD, { now: () => clock.now, ...options });
  const text = () => registry.metrics();
  /** The samples without comments and prefix, but for the lines that match `without`. */
  const lines = async (without: RegExp) =>
    (await text())
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#') && !without.test(line))
      .map((line) => line.replace('zoom_chat_archiver_', ''));
  return { registry, metrics, clock, text, lines };
}
