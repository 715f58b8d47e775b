/** Which messages an export is of: a condition over the columns of `messages`, in force for every question it asks. */
import type { DuckDBValue } from '@duckdb/node-api';
import type { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import type { Slice } from '../query/catalog.ts';
import type { AuditContext } from '../query/reader.ts';
import { type SearchInput, searchInput } from '../query/search.ts';
import { type TimeRange, timeRange } from '../query/time-range.ts';
import {
  grantOf,
  heldBy,
  intersected,
  sessionsOf,
  sessionsOfChannels,
  type Visibility,
  visible,
  visibleDays,
  visibleWhere,
} from '../query/visibility.ts';
import type { exportInput } from './input.ts';
import { ZoneClock } from './time.ts';

export interface ExportSlice {
  /** SQL over the columns of `messages`; values as `$name`. */
  readonly where: string;
  readonly values: Readonly<Record<string, DuckDBValue>>;
  /** Segments that can hold some of it. */
  readonly segments: Slice;
  /** When its messages were sent. */
  readonly window: TimeRange;
  readonly clock: ZoneClock;
}

type Exported = z.output<typeof exportInput>['of'];

const EVERYTHING: Visibility = { all: true, grants: [{ sessions: null, from: null, to: null }] };
const OPEN: TimeRange = { from: null, to: null };
const DAY_MS = 86_400_000;

/** Conditions that all hold, with their values. */
class Conditions {
  readonly #terms: string[] = [];
  readonly values: Record<string, DuckDBValue> = {};

  add(term: string): void {
    this.#terms.push(`(${term})`);
  }

  /** A name by which `value` can be used in a term. */
  value(value: DuckDBValue): string {
    const name = `asked${Object.keys(this.values).length}`;
    this.values[name] = value;
    return `$${name}`;
  }

  get text(): string {
    return this.#terms.length === 0 ? 'true' : this.#terms.join(' and ');
  }
}

/** What is asked for, before what the reader may see of it. */
interface Asked {
  readonly window: TimeRange;
  readonly places: Visibility;
}

/** Makes the condition: what is asked for and the reader may see. Fails with `usage`, `record-not-found`. */
export async function sliceOf(ctx: AuditContext, of: Exported, zone: string): Promise<ExportSlice> {
  const clock = new ZoneClock(zone);
  const conditions = new Conditions();
  const { window, places } = await askedOf(ctx, conditions, of, zone);
  const moment = (at: number): string => `make_timestamptz(${at} * 1000)`;
  if (window.from !== null) conditions.add(`sent_at >= ${moment(window.from)}`);
  if (window.to !== null) conditions.add(`sent_at < ${moment(window.to)}`);
  const seen = intersected(await visible(ctx), places);
  const condition = visibleWhere(seen);
  conditions.add(condition.where);
  // Versions stand under the day of their own time, which is not before that of sending.
  const first = window.from === null ? undefined : new Date(window.from - DAY_MS).toISOString().slice(0, 10);
  const days = visibleDays(seen);
  const from = [first, days.from]
    .filter((day) => day !== undefined)
    .sort()
    .at(-1);
  return {
    where: conditions.text,
    values: { ...conditions.values, ...condition.values },
    segments: { from, to: days.to },
    window,
    clock,
  };
}

async function askedOf(
  { archive }: AuditContext,
  conditions: Conditions,
  of: Exported,
  zone: string,
): Promise<Asked> {
  switch (of.kind) {
    case 'search':
      return searched(archive, conditions, of.query);
    case 'conversations':
      return { window: timeRange(of.from, of.to, zone), places: inSessions(new Set(of.sessions)) };
    case 'custodians':
      return {
        window: timeRange(of.from, of.to, zone),
        places: inSessions(sessionsOf(await archive.known(), of.custodians)),
      };
    case 'matter':
      return { window: OPEN, places: await heldPlaces(archive, of.matter) };
    default:
      return of satisfies never;
  }
}

function inSessions(sessions: ReadonlySet<string>): Visibility {
  return { all: false, grants: sessions.size === 0 ? [] : [{ sessions, from: null, to: null }] };
}

async function heldPlaces(archive: AuditContext['archive'], matter: string): Promise<Visibility> {
  const holds = heldBy(archive, matter);
  if (holds.length === 0)
    throw new ArchiverError('record-not-found', 'the log has no hold of this matter', { detail: matter });
  const known = await archive.known();
  return { all: false, grants: holds.map((hold) => grantOf(known, hold)) };
}

async function searched(
  archive: AuditContext['archive'],
  conditions: Conditions,
  input: SearchInput,
): Promise<Asked> {
  const query = searchInput.parse(input);
  const window = timeRange(query.from, query.to, query.zone);
  const lower = (text: string): string => conditions.value(text.normalize('NFC').toLowerCase());
  if (query.text !== undefined) {
    if (query.match === 'regex') conditions.add(`regexp_matches(text, ${conditions.value(query.text)})`);
    else
      for (const part of query.match === 'words' ? query.text.split(/\s+/) : [query.text])
        conditions.add(`contains(lower(text), ${lower(part)})`);
  }
  if (query.person !== undefined) {
    const person = lower(query.person);
    conditions.add(
      `lower(sender_email) = ${person} or lower(sender_member_id) = ${person} or lower(sender_name) = ${person}`,
    );
  }
  if (query.session !== undefined)
    conditions.add(
      `session_id = ${conditions.value(query.session)} or contains(lower(session_name), ${lower(query.session)})`,
    );
  if (query.kind !== undefined) conditions.add(`kind = ${conditions.value(query.kind)}`);
  if (query.hasFiles !== undefined) conditions.add(`(file_count > 0) = ${query.hasFiles}`);
  for (const name of ['external', 'edited', 'deleted'] as const) {
    if (query[name] !== undefined)
      throw new ArchiverError('usage', 'an export cannot ask for this yet', { detail: name });
  }
  let places = EVERYTHING;
  for (const person of [query.participant, query.custodian])
    if (person !== undefined)
      places = intersected(places, inSessions(sessionsOf(await archive.known(), [person])));
  if (query.channel !== undefined)
    places = intersected(places, inSessions(sessionsOfChannels(await archive.known(), [query.channel])));
  if (query.matter !== undefined) places = intersected(places, await heldPlaces(archive, query.matter));
  return { window, places };
}
