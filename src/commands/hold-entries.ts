/** Steps of legal holds as entries of the log, and back. */
import type { Deed, Hold, HoldStep } from '../ledger/holds.ts';
import { entryBytes, type LogEntry } from '../proof/entry.ts';
import type { HoldScope } from '../record.ts';
import { EVERYTHING, scopeParts, zoomMatterOf } from '../retention/holds.ts';

type HoldEntry = Extract<LogEntry, { type: 'hold' }>;

/** What entries say of every hold. */
type Named = Pick<Hold, 'id' | 'matter' | 'source'>;

/** An entry of a step, as the log keeps it. */
export function holdEntry(
  { id, matter, source }: Named,
  action: HoldEntry['action'],
  { by, at, reason }: Deed,
  told: Partial<Pick<HoldEntry, 'scope' | 'ends_at'>> = {},
): string {
  return entryBytes({
    type: 'hold',
    at: new Date(at).toISOString(),
    hold: id,
    matter,
    source,
    action,
    by,
    reason,
    scope: null,
    ends_at: null,
    ...told,
  }).toString();
}

/** The entries of a new hold: a scope that one entry cannot hold goes on in changes. */
export function placeEntries({
  scope,
  placed,
  ...hold
}: Named & Pick<Hold, 'scope' | 'placed'>): readonly string[] {
  return scopeParts(scope).map((part, place) =>
    holdEntry(hold, place === 0 ? 'place' : 'change', placed, { scope: entryScope(part) }),
  );
}

/** The entries of a scope that was widened. */
export function changeEntries(hold: Named, scope: HoldScope, deed: Deed): readonly string[] {
  return scopeParts(scope).map((part) => holdEntry(hold, 'change', deed, { scope: entryScope(part) }));
}

function entryScope({
  custodians,
  channels,
  sessions,
  from,
  to,
}: HoldScope): NonNullable<HoldEntry['scope']> {
  return { custodians: [...custodians], channels: [...channels], sessions: [...sessions], from, to };
}

/** The step that an entry tells of. */
export function holdStep(entry: HoldEntry): HoldStep {
  const { hold: id, matter, source, action, by, reason } = entry;
  const at = Date.parse(entry.at);
  const scope = entry.scope ?? EVERYTHING;
  switch (action) {
    case 'place': {
      const zoomMatter = source === 'zoom' ? zoomMatterOf(id) : undefined;
      return { action, hold: { id, matter, source, zoomMatter, scope, placed: { by, at, reason } } };
    }
    case 'change':
      return { action, id, matter, scope };
    case 'release': {
      const endsAt = entry.ends_at === null ? at : Date.parse(entry.ends_at);
      return { action, id, released: { by, at, reason, endsAt } };
    }
    case 'cancel':
      return { action, id };
    case 'end':
      return { action, id, at };
    default:
      return action satisfies never;
  }
}
