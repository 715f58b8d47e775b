/** What a reader is told of sessions and people: from segments of his days, and of them from his places. */
import { type DuckDBValue, listValue } from '@duckdb/node-api';
import type { OpenArchive } from './archive.ts';
import { INDEXED } from './index-part.ts';
import type { Known } from './known.ts';
import type { AuditContext } from './reader.ts';
import { type Condition, type Grant, textList, visible } from './visibility.ts';

/** By scope; of one checkpoint it does not change. */
const told = new WeakMap<OpenArchive, Map<string, Promise<Known>>>();
const MOST_SCOPES = 50;

/**
 * {@link OpenArchive.known} without names, addresses and numbers that only records beyond the reader's scope have. It is
 * for what is shown; who may see what is decided by all that is known.
 */
export async function knownTo({ archive, reader }: Pick<AuditContext, 'archive' | 'reader'>): Promise<Known> {
  const { all, grants } = await visible({ archive, reader });
  if (all) return archive.known();
  const own = told.get(archive) ?? new Map<string, Promise<Known>>();
  told.set(archive, own);
  const scope = JSON.stringify(reader.scope);
  const before = own.get(scope);
  if (before !== undefined) return before;
  const [oldest] = own.keys();
  if (own.size >= MOST_SCOPES && oldest !== undefined) own.delete(oldest);
  const found = conditionOf(archive, grants).then(({ where, values }) => archive.knownWhere(where, values));
  own.set(scope, found);
  found.catch(() => own.delete(scope));
  return found;
}

/** Over the tables `places` and `people` of the index. A segment is of one day. */
async function conditionOf(archive: OpenArchive, grants: readonly Grant[]): Promise<Condition> {
  const { sessions: known } = await archive.known();
  const values: Record<string, DuckDBValue> = {};
  const parts = grants.map(({ sessions, from, to }, index) => {
    const conditions = ['true'];
    if (from !== null || to !== null) {
      const days = { from: from ?? undefined, to: to ?? undefined };
      const entries = archive.segments({ streams: INDEXED, ...days }).map(({ index: entry }) => entry);
      values[`entries${index}`] = listValue([-1, ...entries]);
      conditions.push(`entry in (select unnest($entries${index}::integer[]))`);
    }
    if (sessions !== null) {
      const channels = [...sessions].flatMap((id) => known.get(id)?.channelId || []);
      values[`sessions${index}`] = textList([...sessions]);
      values[`channels${index}`] = textList(channels);
      // What is of no place at all is what the account says of its people.
      conditions.push(`(session in (select unnest($sessions${index}::varchar[]))
        or (session = '' and (channel = '' or channel in (select unnest($channels${index}::varchar[])))))`);
    }
    return `(${conditions.join(' and ')})`;
  });
  return { where: parts.length === 0 ? 'false' : parts.join(' or '), values };
}
