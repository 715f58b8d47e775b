/** How fast slices are exported, and in how much memory, from an archive of BENCH_EXPORT_REVISIONS revisions. */
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { type ExportSummary, exportSlice, type Format } from '../src/export/export.ts';
import type { OpenArchive } from '../src/query/archive.ts';
import { WHOLE_ARCHIVE } from '../src/query/reader.ts';
import { type Written, writtenArchive } from '../test/support/searched-archive.ts';
import { markdown, mb, whole } from './table.ts';

const REVISIONS = Number(process.env.BENCH_EXPORT_REVISIONS ?? 100_000);
const SESSIONS = 250;
const DAYS = 20;
const BEGIN = Date.parse('2026-05-01T00:00:00Z');
const WORDS = 'the budget draft for the second quarter is with legal until Thursday please have a look';

const DAY_MS = 86_400_000;

const CASES: readonly (readonly [format: Format, proofs: boolean, demand: string])[] = [
  ['ndjson', false, '20,000/s'],
  ['ndjson', true, ''],
  ['csv', false, ''],
  ['rsmf', false, '2,000/s'],
  ['rsmf', true, ''],
];

export async function exporting(): Promise<string> {
  const written = await writtenArchive(Array.from({ length: REVISIONS }, (_one, index) => message(index)));
  try {
    const archive = await written.open();
    await archive.known();
    const middle = new Date(BEGIN + (DAYS / 2 - 1) * DAY_MS).toISOString().slice(0, 10);
    const rows: (readonly string[])[] = [];
    for (const [format, proofs, demand] of CASES) {
      // Half of it first: memory must not follow.
      for (const to of [middle, undefined]) {
        const cost = await measured(archive, join(written.root, '../spool'), format, proofs, to);
        const rate = cost.summary.revisions / cost.seconds;
        rows.push([
          `${format}${proofs ? ' with proofs' : ''}`,
          demand,
          whole(cost.summary.revisions),
          whole(rate),
          whole(cost.summary.revisions / cost.cpu),
          mb(cost.summary.bytes),
          mb(cost.peak),
        ]);
      }
    }
    return markdown(
      ['format', 'demand', 'revisions', 'a second', 'a second of CPU', 'ZIP, MB', 'peak memory, MB'],
      rows,
    );
  } finally {
    await written.remove();
  }
}

/** In the order of time; one in fifty is an edit of another. */
function message(index: number): Written {
  const place = index % SESSIONS;
  const person = (place * 7 + (index % 12)) % 2000;
  const sent = BEGIN + Math.floor((index * DAYS * DAY_MS) / REVISIONS);
  const isEdit = index % 50 === 49;
  return {
    stream: 'messages',
    kind: isEdit ? 'edited' : 'sent',
    time: sent,
    session: { id: `session-${place}`, type: 'Group', name: `Room ${place}`, channelId: `channel-${place}` },
    record: {
      action_timestamp: isEdit ? sent + 1 : sent,
      date_time: new Date(sent).toISOString(),
      id: `9bb4b1d8-0b5d-4a5c-9e0f-${String(index).padStart(12, '0')}`,
      is_sender_external: false,
      message: `${WORDS} ${index}`,
      sender: `person${person}@company.example`,
      sender_display_name: `Person Number ${person}`,
      sender_member_id: `MEMBER${String(person).padStart(38, '0')}`,
      timestamp: sent,
    },
  };
}

interface Cost {
  readonly summary: ExportSummary;
  readonly seconds: number;
  /** Seconds, of all threads. */
  readonly cpu: number;
  /** Bytes of the process. */
  readonly peak: number;
}

async function measured(
  archive: OpenArchive,
  spool: string,
  format: Format,
  proofs: boolean,
  to: string | undefined,
): Promise<Cost> {
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 50);
  const cpu = process.cpuUsage();
  const begun = performance.now();
  try {
    const summary = await exportSlice(
      {
        archive,
        reader: { name: 'bench', role: 'auditor', scope: WHOLE_ARCHIVE },
        record: async () => undefined,
        signal: new AbortController().signal,
      },
      {
        of: { kind: 'search', query: to === undefined ? {} : { to } },
        formats: [format],
        proofs,
        reason: 'bench',
      },
      { out: new Writable({ write: (_chunk, _encoding, done) => done() }), spool, now: () => 0 },
    );
    const { user, system } = process.cpuUsage(cpu);
    return { summary, seconds: (performance.now() - begun) / 1000, cpu: (user + system) / 1e6, peak };
  } finally {
    clearInterval(timer);
  }
}
