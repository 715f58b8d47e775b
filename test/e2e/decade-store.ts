/** What stands at the store, read as an outsider would, and what the truth says of each of its versions. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { S3Fake, S3FakeObject } from '../support/s3-fake.ts';
import { PREFIX } from '../support/s3-sink.ts';
import { readStream, type StreamRow } from '../support/stream-rows.ts';
import { type Facts, type Holds, type Promised, type Schedules, strictest } from './decade-truth.ts';

/** A record of a segment. */
export interface StoredRecord extends Facts {
  readonly stream: string;
  /** Message id and kind of a message. */
  readonly what: string;
  /** The object that it points to. */
  readonly sha256: string | undefined;
}

interface Segment {
  readonly records: readonly StoredRecord[];
  /** Milliseconds. */
  readonly archivedAt: number;
}

interface StoredObject {
  readonly pointing: readonly StoredRecord[];
  /** When a record pointed to it first, and for the last time; milliseconds. */
  readonly archivedAt: number;
  readonly wantedAt: number;
}

export interface Standing {
  readonly version: S3FakeObject;
  /** What keeps it, as the lock says. */
  readonly promised: Promised;
  /** Undefined where it cannot be told: the records that a hold would cover are gone. */
  readonly held: boolean | undefined;
  /** Until when nothing may destroy it: of an object also while records point to it. Milliseconds. */
  readonly until: number;
}

const STREAMS = ['messages', 'sessions', 'files', 'matters', 'hold_files'];
/** Streams whose records point to files. */
const POINTING = new Set(['messages', 'files', 'hold_files']);

export interface Truth {
  readonly schedules: Schedules;
  readonly holds: Holds;
  readonly sessions: ReadonlyMap<string, { readonly name: string; readonly type: string }>;
}

export class DecadeStore {
  readonly #fake: S3Fake;
  readonly #folder: string;
  readonly #truth: Truth;
  /** By key. What was read once is remembered: objects never change, as `verify` makes sure. */
  readonly #segments = new Map<string, Segment>();
  readonly #objects = new Map<string, StoredObject>();
  /** Texts of schedules. */
  readonly forGood = new Set<string>();

  /** @param folder for copies, which go again */
  constructor(fake: S3Fake, folder: string, truth: Truth) {
    this.#fake = fake;
    this.#folder = folder;
    this.#truth = truth;
  }

  /** Every version below `segments/` and `objects/`, by key without the prefix. Throws where a key has two. */
  versions(): ReadonlyMap<string, S3FakeObject> {
    const found = new Map<string, S3FakeObject>();
    for (const version of this.#fake.objects()) {
      const key = version.key.slice(PREFIX.length);
      if (!key.startsWith('segments/') && !key.startsWith('objects/')) continue;
      if (found.has(key)) throw new Error(`two versions of ${key}`);
      found.set(key, version);
    }
    return found;
  }

  /** Reads what came since the last time. */
  async look(now: number): Promise<void> {
    const root = join(this.#folder, 'new');
    const versions = this.versions();
    // What was destroyed may come again.
    for (const key of this.#segments.keys()) if (!versions.has(key)) this.#segments.delete(key);
    for (const key of this.#objects.keys()) if (!versions.has(key)) this.#objects.delete(key);
    const fresh = [...versions].filter(([key]) => key.startsWith('segments/') && !this.#segments.has(key));
    for (const [key, { bytes }] of fresh) {
      await mkdir(dirname(join(root, key)), { recursive: true });
      await writeFile(join(root, key), bytes);
    }
    for (const [key] of fresh) {
      const day = /\/date=([^/]+)\//.exec(key)?.[1] ?? '';
      const isCoverage = key.includes('/stream=coverage/');
      const records = isCoverage
        ? [{ stream: 'coverage', what: '', place: undefined, day, sha256: undefined }]
        : [];
      this.#segments.set(key, { records, archivedAt: now });
    }
    for (const stream of STREAMS) {
      for (const row of await readStream(root, stream)) {
        const key = String(row.columns.filename).slice(root.length + 1);
        const record = this.#record(stream, row);
        const segment = this.#segments.get(key);
        if (segment === undefined) throw new Error(`a row of ${key}`);
        this.#segments.set(key, { ...segment, records: [...segment.records, record] });
        if (record.sha256 !== undefined) this.#point(record.sha256, record, now);
      }
    }
    await rm(root, { recursive: true, force: true });
    for (const key of versions.keys())
      if (key.startsWith('objects/') && !this.#objects.has(key)) this.forGood.add(key);
  }

  #record(stream: string, { columns, eventAt, kind }: StreamRow): StoredRecord {
    const matter = columns.matter_id === undefined ? undefined : `matter:${columns.matter_id}`;
    const place = matter ?? String(columns.session_id);
    const session = this.#truth.sessions.get(place);
    const sender = columns.sender_email;
    return {
      stream,
      what: stream === 'messages' ? `${columns.message_id} ${kind}` : '',
      place,
      day: new Date(eventAt).toISOString().slice(0, 10),
      sha256: typeof columns.sha256 === 'string' ? columns.sha256 : undefined,
      ...(session === undefined ? {} : { session }),
      ...(typeof sender === 'string' ? { sender } : {}),
    };
  }

  #point(sha256: string, record: StoredRecord, now: number): void {
    const key = `objects/sha256/${sha256.slice(0, 2)}/${sha256}`;
    const { pointing, archivedAt } = this.#objects.get(key) ?? { pointing: [], archivedAt: now };
    this.#objects.set(key, { pointing: [...pointing, record], archivedAt, wantedAt: now });
  }

  /** Messages that stand in the archive, as id and kind. */
  messages(): ReadonlySet<string> {
    const found = new Set<string>();
    for (const { records } of this.#segments.values())
      for (const { stream, what } of records) if (stream === 'messages') found.add(what);
    return found;
  }

  /** All segments and objects that are there, but for those that stay for good. */
  standings(now: number): ReadonlyMap<string, Standing> {
    const found = new Map<string, Standing>();
    for (const [key, version] of this.versions()) {
      const segment = this.#segments.get(key);
      const object = this.#objects.get(key);
      if (segment !== undefined) found.set(key, this.#segment(version, segment, now));
      else if (object !== undefined) found.set(key, this.#object(version, object, now));
      else if (!this.forGood.has(key)) throw new Error(`nothing is known of ${key}`);
    }
    return found;
  }

  #segment(version: S3FakeObject, { records, archivedAt }: Segment, now: number): Standing {
    const { schedules, holds } = this.#truth;
    const promised = strictest(records.map((record) => schedules.promised(record, archivedAt)));
    const held = records.some((record) => holds.covers(record, now));
    return { version, promised, held, until: promised.until };
  }

  #object(version: S3FakeObject, { pointing, archivedAt, wantedAt }: StoredObject, now: number): Standing {
    const { schedules, holds } = this.#truth;
    const wanted = new Date(wantedAt).toISOString().slice(0, 10);
    const promised = strictest(
      pointing.map((record) => {
        const day = [record.day, wanted].sort().at(-1);
        return schedules.promised(record, archivedAt, day);
      }),
    );
    const covering = pointing.filter((record) => holds.covers(record, now));
    const held =
      covering.length === 0 ? false : covering.some((record) => this.#isThere(record)) || undefined;
    return { version, promised, held, until: promised.until };
  }

  /** Whether some record of the same place, sender and day, to which a file may belong, stands in the archive. */
  #isThere(record: StoredRecord): boolean {
    return [...this.#segments.values()].some(({ records }) => records.some((one) => pointAlike(one, record)));
  }

  /**
   * What a disposal at this moment has to destroy, and all of it.
   * @param approved whether what asks for a review was approved
   */
  due(
    now: number,
    approved: boolean,
  ): { readonly must: ReadonlySet<string>; readonly may: ReadonlySet<string> } {
    const must = new Set<string>();
    const may = new Set<string>();
    const standings = this.standings(now);
    const goes = ({ promised, held, until }: Standing, key: string): void => {
      const { disposition } = promised;
      const free = disposition === 'destroy' || (disposition === 'review' && approved);
      if (until > now || held === true || !free) return;
      (held === undefined ? may : must).add(key);
    };
    for (const [key, standing] of standings) if (this.#segments.has(key)) goes(standing, key);
    const staying = [...this.#segments].filter(([key]) => !must.has(key));
    for (const [key, standing] of standings) {
      const pointing = this.#objects.get(key)?.pointing;
      if (pointing === undefined) continue;
      const keeping = staying
        .filter(([, { records }]) =>
          records.some((one) => pointing.some((record) => pointAlike(one, record))),
        )
        .map(([name]) => standings.get(name)?.until ?? 0);
      goes({ ...standing, until: Math.max(standing.until, ...keeping) }, key);
    }
    return { must, may };
  }
}

/** Which record a file comes from is not kept: every one of its place, sender and day counts. */
function pointAlike(one: StoredRecord, other: StoredRecord): boolean {
  return (
    POINTING.has(one.stream) &&
    one.place === other.place &&
    one.sender === other.sender &&
    one.day === other.day
  );
}
