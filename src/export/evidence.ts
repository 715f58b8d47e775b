/** Proofs of the revisions of an export, a segment at a time: each needs all hashes of its segment, and these once. */

import { ArchiverError } from '../errors.ts';
import type { SegmentEntry } from '../proof/entry.ts';
import type { PlacedEntry } from '../proof/published.ts';
import { proverOf } from '../proof/record-proof.ts';
import type { RecordPlace } from '../query/archive.ts';
import type { AuditContext } from '../query/reader.ts';
import { factText } from '../segments/format.ts';
import { PROOFS } from './manifest.ts';
import { type StoredMember, storedZip } from './stored-zip.ts';

/** Which rows of which segments were rendered: a bit each. */
export class RenderedRows {
  readonly #rows = new Map<number, Uint8Array>();

  add({ entry, row }: RecordPlace): void {
    let bits = this.#rows.get(entry) ?? new Uint8Array(64);
    if (row >= bits.length * 8) {
      const wider = new Uint8Array(Math.max(bits.length * 2, (row >> 3) + 1));
      wider.set(bits);
      bits = wider;
    }
    bits[row >> 3] = (bits[row >> 3] ?? 0) | (1 << (row & 7));
    this.#rows.set(entry, bits);
  }

  has(entry: number, row: number): boolean {
    return (((this.#rows.get(entry)?.[row >> 3] ?? 0) >> (row & 7)) & 1) === 1;
  }

  get entries(): ReadonlySet<number> {
    return new Set(this.#rows.keys());
  }
}

/** Proofs in one ZIP: few enough to be held in memory, many enough that the export has few members. */
const PROOFS_OF_A_ZIP = 1000;

/** A ZIP of proofs, each a `.record` and the `.tlog-proof` of it, as `verify-proof` takes them. */
export interface Evidence {
  readonly path: string;
  readonly bytes: Buffer;
  readonly proofs: number;
}

/** In the order of the log, and of the rows. Fails as {@link proverOf} and the archive's rows do. */
export async function* evidenceOf(
  ctx: AuditContext,
  rendered: RenderedRows,
  where: { readonly where: string; readonly values: Parameters<typeof ctx.archive.select>[0]['values'] },
): AsyncGenerator<Evidence> {
  const { entries } = rendered;
  for (const placed of ctx.archive.segments({ streams: ['messages'] })) {
    if (entries.has(placed.index)) yield* ofSegment(ctx, placed, rendered, where);
  }
}

async function* ofSegment(
  { archive }: AuditContext,
  placed: PlacedEntry<SegmentEntry>,
  rendered: RenderedRows,
  {
    where,
    values = {},
  }: { readonly where: string; readonly values: Parameters<typeof archive.select>[0]['values'] },
): AsyncGenerator<Evidence> {
  const of = { streams: ['messages'] as const, slice: {}, entries: new Set([placed.index]) };
  const leaves: Uint8Array[] = [];
  for await (const rows of archive.select({ ...of, sql: 'select record_hash from messages order by _row' }))
    for (const [hash] of rows) if (hash instanceof Uint8Array) leaves.push(hash);
  const prove = await proverOf(archive.log, placed, leaves);
  const sql = `select _row::double, account, kind, epoch_ms(observed_at)::double, session_id, message_id, record
    from messages where ${where} order by _row`;
  let members: StoredMember[] = [];
  let part = 0;
  const bundle = (): Evidence => {
    part += 1;
    const path = `${PROOFS}${String(placed.index).padStart(6, '0')}-${String(part).padStart(3, '0')}.zip`;
    const evidence = { path, bytes: storedZip(members), proofs: members.length / 2 };
    members = [];
    return evidence;
  };
  for await (const rows of archive.select({ ...of, sql, values })) {
    for (const [at, account, kind, observed, session, message, record] of rows) {
      const row = Number(at);
      if (!rendered.has(placed.index, row)) continue;
      const fact = {
        account: String(account),
        kind: String(kind),
        observed_at: Number(observed),
        session_id: String(session),
        stream: 'messages',
      };
      const words = [String(message), fact.kind].map((word) =>
        word.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 64),
      );
      const name = `${words.join('.')}.${row}`;
      members.push({ name: `${name}.record`, bytes: Buffer.from(`${factText(fact)}\n${String(record)}`) });
      members.push({ name: `${name}.tlog-proof`, bytes: Buffer.from(await prove(row)) });
      if (members.length >= 2 * PROOFS_OF_A_ZIP) yield bundle();
    }
  }
  if (members.length > 0) yield bundle();
  if (leaves.length === 0)
    throw new ArchiverError('internal', 'a segment has no rows', { detail: placed.entry.key });
}
