/**
 * What zips and archive hold, side by side in a DuckDB of its own on disk, and what differs. Memory is bounded by
 * {@link MEMORY_MB}, whatever the zips hold.
 */

import { hash } from 'node:crypto';
import { join } from 'node:path';
import type { DuckDBAppender, DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { openDuckDB } from '../duckdb.ts';
import type { Stream } from '../record.ts';
import type { HeldFile } from './hold-contents.ts';
import type { ListedMessage } from './hold-listing.ts';

const MEMORY_MB = 512;
/** Findings of a kind that are listed of each zip; all are counted. */
export const MOST_LISTED = 1000;

/** In order of what they mean. Documented in docs/retention.md. */
export const MESSAGE_FINDINGS = [
  'only-in-zip',
  'text-differs',
  'version-only-in-zip',
  'only-in-archive',
] as const;
export const FILE_FINDINGS = [
  'file-only-in-zip',
  'file-differs',
  'file-unavailable',
  'file-name-differs',
  'file-only-in-archive',
] as const;

export type DriftFinding =
  | {
      readonly kind: (typeof MESSAGE_FINDINGS)[number];
      /** As the zip names it, or else the archive. */
      readonly session: string | null;
      readonly messageId: string | null;
      readonly sender: string | null;
      /** ISO 8601, UTC. */
      readonly sentAt: string | null;
    }
  | {
      readonly kind: (typeof FILE_FINDINGS)[number];
      /** In the zip, or of the archived file. */
      readonly name: string;
      readonly size: number | null;
      /** Lower-case hex. */
      readonly sha256: string | null;
      /** Of `file-unavailable`: why the archive does not have it. */
      readonly reason: string | null;
    };

export type DriftKind = DriftFinding['kind'];

/** What one zip is compared with. Times in milliseconds; `to` is not part of it. */
export interface ZipScope {
  readonly zip: number;
  readonly custodian: string;
  readonly from: number;
  readonly to: number;
  /** Everything in it could be read, so that what it lacks is known. */
  readonly whole: boolean;
}

export interface ZipDrift {
  readonly messages: number;
  readonly messagesById: number;
  readonly files: number;
  readonly counts: Readonly<Record<DriftKind, number>>;
  readonly findings: readonly DriftFinding[];
}

const SCHEMA = `
  create table scope (zip integer, custodian varchar, begins bigint, ends bigint, whole boolean);
  create table listed (zip integer, line bigint, id varchar, place varchar, sender varchar, sent bigint, digest varchar);
  create table held (zip integer, line bigint, path varchar, size bigint, sha256 varchar);
  create table archived (session varchar, session_name varchar, channel varchar, id varchar, email varchar,
    name varchar, member varchar, receiver varchar, sent bigint, digest varchar);
  create table files (file_id varchar, name varchar, message_id varchar, origin varchar, sha256 varchar, size bigint,
    reason varchar);`;

/** Segments are added side by side; everything else one after the other. */
export class DriftTables {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #listed: DuckDBAppender;
  readonly #held: DuckDBAppender;
  #line = 0n;

  private constructor(
    instance: DuckDBInstance,
    connection: DuckDBConnection,
    listed: DuckDBAppender,
    held: DuckDBAppender,
  ) {
    this.#instance = instance;
    this.#connection = connection;
    this.#listed = listed;
    this.#held = held;
  }

  /** @param folder an empty one on a disk with room for the zips' messages unpacked */
  static async create(folder: string): Promise<DriftTables> {
    const instance = await openDuckDB({
      file: join(folder, 'drift.duckdb'),
      memory: MEMORY_MB,
      temporary: join(folder, 'spill'),
      unordered: true,
    });
    const connection = await instance.connect();
    await connection.run(SCHEMA);
    return new DriftTables(
      instance,
      connection,
      await connection.createAppender('listed'),
      await connection.createAppender('held'),
    );
  }

  addMessage(zip: number, { id, place, sender, sentAt, text }: ListedMessage): void {
    const row = this.#listed;
    row.appendInteger(zip);
    row.appendBigInt(this.#next());
    appendText(row, id);
    appendText(row, place);
    appendText(row, sender);
    if (sentAt === undefined) row.appendNull();
    else row.appendBigInt(BigInt(sentAt));
    row.appendVarchar(hash('sha256', text.replaceAll('\r\n', '\n'), 'hex'));
    row.endRow();
  }

  addFile(zip: number, { name, size, sha256 }: HeldFile): void {
    const row = this.#held;
    row.appendInteger(zip);
    row.appendBigInt(this.#next());
    row.appendVarchar(name);
    row.appendBigInt(BigInt(size));
    row.appendVarchar(sha256);
    row.endRow();
  }

  /** Numbers rows, so that each is told apart. */
  #next(): bigint {
    this.#line += 1n;
    return this.#line;
  }

  /** Ends what zips hold. Segments can be added from here on. */
  async zipsRead(scopes: readonly ZipScope[]): Promise<void> {
    this.#listed.closeSync();
    this.#held.closeSync();
    for (const { zip, custodian, from, to, whole } of scopes) {
      await this.#connection.run('insert into scope values ($zip, $custodian, $from, $to, $whole)', {
        zip,
        custodian: custodian.toLowerCase(),
        from: BigInt(from),
        to: BigInt(to),
        whole,
      });
    }
  }

  /** Adds what a segment of `messages` or `files` at `path` has of it: what zips name, and what is of their days. */
  async addSegment(path: string, stream: Extract<Stream, 'messages' | 'files'>): Promise<void> {
    const connection = await this.#instance.connect();
    try {
      await connection.run(stream === 'messages' ? INSERT_MESSAGES : INSERT_FILES, { path });
    } finally {
      connection.closeSync();
    }
  }

  /** Compares, once all segments were added. */
  async compare(): Promise<void> {
    for (const statement of COMPARE) await this.#connection.run(statement);
  }

  async driftOf(zip: number): Promise<ZipDrift> {
    const one = async (sql: string): Promise<number> =>
      Number((await this.#connection.runAndReadAll(sql, { zip })).getRows()[0]?.[0] ?? 0);
    const counted = await this.#connection.runAndReadAll(
      'select kind, count(*)::double from findings where zip = $zip group by kind',
      { zip },
    );
    const counts = new Map(counted.getRowsJS().map(([kind, count]) => [String(kind), Number(count)]));
    const listed = await this.#connection.runAndReadAll(LIST, { zip });
    const kinds = [...MESSAGE_FINDINGS, ...FILE_FINDINGS];
    return {
      messages: await one('select count(*) from messages where zip = $zip'),
      messagesById: await one('select count(*) from messages where zip = $zip and by_id'),
      files: await one('select count(*) from held where zip = $zip'),
      counts: Object.fromEntries(kinds.map((kind) => [kind, counts.get(kind) ?? 0])) as Record<
        DriftKind,
        number
      >,
      findings: kinds.flatMap((kind) =>
        listed
          .getRowObjectsJS()
          .filter((row) => row.kind === kind)
          .map((row) => finding(kind, row)),
      ),
    };
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

function appendText(row: DuckDBAppender, text: string | undefined): void {
  if (text === undefined) row.appendNull();
  else row.appendVarchar(text);
}

function finding(kind: DriftKind, row: Readonly<Record<string, unknown>>): DriftFinding {
  const text = (name: string): string | null => (row[name] === null ? null : String(row[name]));
  const number = (name: string): number | null => (row[name] === null ? null : Number(row[name]));
  switch (kind) {
    case 'only-in-zip':
    case 'text-differs':
    case 'version-only-in-zip':
    case 'only-in-archive': {
      const sent = number('sent');
      return {
        kind,
        session: text('session'),
        messageId: text('id'),
        sender: text('sender'),
        sentAt: sent === null ? null : new Date(sent).toISOString(),
      };
    }
    case 'file-only-in-zip':
    case 'file-differs':
    case 'file-unavailable':
    case 'file-name-differs':
    case 'file-only-in-archive':
      return {
        kind,
        name: text('name') ?? '',
        size: number('size'),
        sha256: text('sha256'),
        reason: text('reason'),
      };
    default:
      return kind satisfies never;
  }
}

const INSERT_MESSAGES = `
  insert into archived
  select session_id, session_name, channel_id, message_id, lower(sender_email), lower(sender_name),
    lower(sender_member_id), lower(receiver), epoch_ms(sent_at),
    sha256(replace(coalesce(text, ''), chr(13) || chr(10), chr(10)))
  from read_parquet($path, hive_partitioning = false)
  where message_id in (select id from listed where id is not null)
    or epoch_ms(sent_at) // 1000 in (select sent // 1000 from listed where id is null)
    or epoch_ms(sent_at) between (select min(begins) from scope) and (select max(ends) from scope)`;

const INSERT_FILES = `
  insert into files
  select file_id, file_name, lower(message_id), origin, sha256, size, reason
  from read_parquet($path, hive_partitioning = false)`;

const COMPARE = [
  // Which archived message a row is. Without an id its text is part of what tells it apart.
  `create table found as
   select l.zip, l.line, l.id, a.id as archive_id, true as same
   from listed l join (select distinct id, digest from archived) a on a.id = l.id and a.digest = l.digest
   union all
   select l.zip, l.line, l.id, any_value(a.id), true
   from listed l join archived a on l.id is null and a.sent // 1000 = l.sent // 1000 and a.digest = l.digest
     and l.sender in (a.email, a.name, a.member)
     and (l.place is null or l.place in (a.session, a.channel, a.session_name))
   group by all`,
  `create table messages as
   select l.zip, coalesce(l.id, 'line ' || l.line) as key, bool_and(l.id is not null) as by_id,
     any_value(coalesce(f.archive_id, k.id)) as archive_id, any_value(l.id) as id, any_value(l.place) as place,
     any_value(l.sender) as sender, min(l.sent) as sent,
     bool_or(f.same is not null) as some_same, bool_and(f.same is not null) as all_same
   from listed l
   left join found f on f.zip = l.zip and f.line = l.line
   left join (select distinct id from archived) k on k.id = l.id
   group by all`,
  // Whose session it is: they wrote or received in it in those days, or the zip has some of it.
  `create table theirs as
   select s.zip, a.session from archived a join scope s on a.sent >= s.begins and a.sent < s.ends
     and s.custodian in (a.email, a.receiver)
   union
   select m.zip, a.session from messages m join archived a on a.id = m.archive_id`,
  `create table parts as
   select zip, line, unnest(string_split(replace(path, '\\', '/'), '/')) as part,
     string_split(replace(path, '\\', '/'), '/')[-1] as base from held`,
  // Attachments whose bytes the archive does not have, and which archived file each must be, by what it is called: its
  // id, or the name of a file of these messages of which the zip does not have the bytes.
  `create table strange as select * from held h anti join files f on f.sha256 = h.sha256 and f.size = h.size`,
  `create table named as
   select p.zip, p.line, f.* from strange s join parts p on p.line = s.line join files f on f.file_id = p.part
   union
   select p.zip, p.line, f.* from strange s join parts p on p.line = s.line and p.part = p.base
     join files f on f.name = p.base join messages m on m.zip = p.zip and m.archive_id = f.message_id
     anti join held h on h.zip = p.zip and h.sha256 = f.sha256`,
  `create table findings (zip integer, kind varchar, session varchar, id varchar, sender varchar, sent bigint,
     name varchar, size bigint, sha256 varchar, reason varchar)`,
  `insert into findings by name
   select zip, case when archive_id is null then 'only-in-zip' when not some_same then 'text-differs'
     else 'version-only-in-zip' end as kind, place as session, id, sender, sent
   from messages where archive_id is null or not all_same`,
  `insert into findings by name
   select s.zip, 'only-in-archive' as kind, a.session, a.id, any_value(coalesce(a.email, a.name)) as sender,
     min(a.sent) as sent
   from archived a join scope s on s.whole and a.sent >= s.begins and a.sent < s.ends
   join theirs t on t.zip = s.zip and t.session = a.session
   anti join messages m on m.zip = s.zip and m.archive_id = a.id
   group by s.zip, a.session, a.id`,
  `insert into findings by name
   select h.zip, case when exists (from named n where n.line = h.line and n.sha256 is not null) then 'file-differs'
     when exists (from named n where n.line = h.line) then 'file-unavailable' else 'file-only-in-zip' end as kind,
     h.path as name, h.size, h.sha256, (select any_value(n.reason) from named n where n.line = h.line) as reason
   from strange h`,
  `insert into findings by name
   select h.zip, 'file-name-differs' as kind, h.path as name, h.size, h.sha256
   from held h semi join files f on f.sha256 = h.sha256 and f.size = h.size
   where not exists (from parts p join files f on f.name = p.base where p.line = h.line and f.sha256 = h.sha256)`,
  `insert into findings by name
   select distinct s.zip, 'file-only-in-archive' as kind, f.name, f.size, f.sha256
   from files f join messages m on m.archive_id = f.message_id join scope s on s.zip = m.zip and s.whole
   anti join held h on h.zip = m.zip and h.sha256 = f.sha256
   anti join named n on n.zip = m.zip and n.file_id = f.file_id
   where f.origin = 'message' and f.sha256 is not null`,
];

const LIST = `
  select kind, session, id, sender, sent::double as sent, name, size::double as size, sha256, reason from findings
  where zip = $zip
  qualify row_number() over (partition by kind order by sent, session, id, name) <= ${MOST_LISTED}
  order by sent, session, id, name`;
