/** An archive of any size in the form that sealing gives it, made by DuckDB in seconds. */
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { digestOf, fileBytes } from '../src/digest.ts';
import { literal, openDuckDB } from '../src/duckdb.ts';
import type { LogEntry } from '../src/proof/entry.ts';
import { columns, ROW_GROUP } from '../src/segments/format.ts';
import { segmentKey } from '../src/segments/layout.ts';
import { archiveEntry, segmentEntryOf, writeLog } from '../test/support/written-log.ts';

export const ACCOUNT = 'bench';
/** In one row of a million. */
export const RARE_WORD = 'xylograph';
export const SESSIONS = 2_000;
export const PEOPLE = 1_000;
const CLASSES = ['general', 'direct'];
const FIRST_DAY = Date.UTC(2025, 0, 1);
const DAY_MS = 86_400_000;

const WORDS =
  'the quarterly report meeting budget draft invoice contract release server deploy review agenda ticket customer supplier question answer tomorrow thanks please update status project board pricing page migration training room holiday request build clause case version delivery number order café Grüße naïve schedule legal privacy support sales finance office';

/** Ids as a row of the archive has them. @param number from 0 */
export const sessionName = (number: number): string => `sha256('session ${number}')`;

/**
 * Writes `revisions` rows of messages in `segments` segments, and their log. Roots are made up: bytes and log agree,
 * which is what queries compare.
 * @returns the day in the middle, `yyyy-mm-dd`
 */
export async function writeQueryArchive(root: string, revisions: number, segments: number): Promise<string> {
  const instance = await openDuckDB({ threads: 2 });
  const connection = await instance.connect();
  const entries: LogEntry[] = [archiveEntry(ACCOUNT)];
  const rows = Math.ceil(revisions / segments);
  try {
    await connection.run(
      `create macro word(n) as (string_split(${literal(WORDS)}, ' '))[(n % ${WORDS.split(' ').length})::integer + 1]`,
    );
    for (let number = 0; number < segments; number += 1) {
      const day = new Date(FIRST_DAY + Math.floor(number / CLASSES.length) * DAY_MS);
      entries.push(await writeSegment(connection, root, { number, day, rows }));
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  await writeLog(root, entries);
  return new Date(FIRST_DAY + Math.floor(segments / CLASSES.length / 2) * DAY_MS).toISOString().slice(0, 10);
}

async function writeSegment(
  connection: DuckDBConnection,
  root: string,
  { number, day, rows }: { readonly number: number; readonly day: Date; readonly rows: number },
): Promise<LogEntry> {
  const className = CLASSES[number % CLASSES.length] ?? '';
  const date = day.toISOString().slice(0, 10);
  const path = join(root, `segment-${number}.parquet`);
  await mkdir(root, { recursive: true });
  const text = Array.from({ length: 10 }, (_, place) => `word(hash(n, ${place}))`).join(` || ' ' || `);
  const values: Record<string, string> = {
    account: literal(ACCOUNT),
    kind: 'kind',
    drift: 'false',
    event_at: 'make_timestamptz(acted * 1000)',
    session_id: 'session',
    session_type: `'Group'`,
    session_name: `'Room ' || place`,
    channel_id: `'channel' || place`,
    message_id: 'message',
    sent_at: 'make_timestamptz(sent * 1000)',
    action_at: 'make_timestamptz(acted * 1000)',
    sender_email: `'person' || person || '@company.example'`,
    sender_member_id: `upper(substr(sha256('member ' || person), 1, 44))`,
    sender_name: `'Person Number ' || person`,
    receiver: 'null',
    text: 'text',
    reply_to: 'null',
    file_count: 'case when n % 97 = 0 then 1 else 0 end',
    observed_at: 'make_timestamptz((acted + 60000) * 1000)',
    run: `'run-1'`,
    request_id: `'request-' || (n // 100)`,
    tracking_id: `'tracking-' || (n // 100)`,
    record: 'record',
    record_hash: `unhex(sha256(record))`,
  };
  const list = columns('messages').map(({ name, type }) => `(${values[name]})::${type} as "${name}"`);
  const made = `make up ${number} of ${rows}`;
  const [[madeRoot] = []] = (await connection.runAndReadAll(`select sha256(${literal(made)})`)).getRows();
  await connection.run(`
    copy (
      select ${list.join(', ')} from (
        select *, '{"action_timestamp":' || acted || ',"date_time":"' || strftime(make_timestamp(sent * 1000), '%Y-%m-%dT%H:%M:%SZ')
          || '",' || case when n % 97 = 0 then '"files":[{"download_url":"https://zoom.us/file/download/x?jwt=' || message
            || '","file_id":"' || substr(message, 1, 22) || '","file_name":"minutes ' || (n % 1000) || '.pdf","file_size":48213}],' else '' end
          || '"id":"' || upper(message) || '","message":"' || text || '","sender":"person' || person
          || '@company.example","sender_display_name":"Person Number ' || person || '","sender_member_id":"'
          || upper(substr(sha256('member ' || person), 1, 44)) || '","timestamp":' || sent || '}' as record
        from (
          select n, place, sha256('session ' || place) as session,
            (substr(md5('message ' || n), 1, 8) || '-' || substr(md5('message ' || n), 9, 4) || '-'
              || substr(md5('message ' || n), 13, 4) || '-' || substr(md5('message ' || n), 17, 4) || '-'
              || substr(md5('message ' || n), 21, 12)) as message,
            (place * 7 + hash(n, 'person') % 12) % ${PEOPLE} as person,
            case when n % 33 = 0 then 'edited' when n % 101 = 0 then 'deleted' else 'sent' end as kind,
            ${day.getTime()} + (hash(n, 'at') % ${DAY_MS})::bigint as acted,
            acted - case when kind = 'sent' then 0 else 1000 + (hash(n, 'sent') % 3600000)::bigint end as sent,
            ${text} || case when n % 1000000 = 500000 then ' ${RARE_WORD}' else '' end as text
          from (select range + ${number * rows} as n,
              (hash(range, ${number}) % ${SESSIONS / CLASSES.length})::bigint * ${CLASSES.length} + ${number % CLASSES.length} as place
            from range(${rows}))
        )
      ) order by session, acted, message
    ) to ${literal(path)} (format parquet, compression zstd, row_group_size ${ROW_GROUP},
      kv_metadata {format: '1', account: '${ACCOUNT}', stream: 'messages', class: '${className}', root: '${madeRoot}', count: '${rows}'})`);
  const { size: bytes, sha256 } = await digestOf(fileBytes(path));
  const segment = {
    bytes,
    sha256,
    count: rows,
    root: String(madeRoot),
    stream: 'messages',
    class: className,
    date,
  } as const;
  const key = segmentKey({ stream: 'messages', className, day: date, root: segment.root });
  await mkdir(dirname(join(root, key)), { recursive: true });
  await rename(path, join(root, key));
  return segmentEntryOf(segment);
}
