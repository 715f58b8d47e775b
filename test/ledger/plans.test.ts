import { expect, test } from 'vitest';
import { admit } from '../../src/ledger/admit.ts';
import type { Database, Row } from '../../src/ledger/database.ts';
import { message, page } from './candidates.ts';
import { openLedger, POSTGRES } from './ledgers.ts';

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

function nodes(plan: PlanNode): readonly PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodes)];
}

/** What `admit` sends, caught on its way. */
async function admissionOf(
  db: Database,
  run: (db: Database) => Promise<unknown>,
): Promise<{ text: string; values: readonly unknown[] }> {
  let caught: { text: string; values: readonly unknown[] } | undefined;
  const query = async <R extends Row>(text: string, values?: readonly unknown[]): Promise<R[]> => {
    if (text.includes('insert into staged')) caught = { text, values: values ?? [] };
    return db.query<R>(text, values);
  };
  await run({ ...db, query });
  if (caught === undefined) throw new Error('nothing was admitted');
  return caught;
}

test('admission reads keys by index only, also when hundreds of thousands are known', async () => {
  const { db, lease, unit } = await openLedger(POSTGRES);
  const candidates = Array.from({ length: 50 }, (_, index) => message(`m${index}`));
  const states = candidates.map((one) => ({ ...one, rule: 'state', stream: 'reactions' }) as const);
  const run = (target: Database, name: string) =>
    admit(target, lease, unit, page([...candidates.slice(0, 25), ...states.slice(25), message(name)]));
  const { text, values } = await admissionOf(db, (target) => run(target, 'first'));
  const month = candidates[0]?.keyMonth;
  for (const table of ['seen', 'states']) {
    await db.query(
      `insert into ${table} (month, key, content)
       select $1::date, md5(n::text)::uuid, md5(n::text)::uuid from generate_series(1, 200000) n`,
      [month],
    );
  }

  for (const statistics of ['as they happen to be', 'fresh']) {
    if (statistics === 'fresh')
      await db.script('analyze seen; analyze states; analyze staged; analyze units');
    // A prepared statement's generic plan is made without looking at the values.
    for (const mode of ['force_custom_plan', 'force_generic_plan']) {
      const plan = await db.transaction(async (tx) => {
        await tx.query(`set local plan_cache_mode = ${mode}`);
        const [row] = await tx.query<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>(
          `explain (format json) ${text}`,
          values,
        );
        return row?.['QUERY PLAN'][0]?.Plan;
      });
      if (plan === undefined) throw new Error('no plan');
      const onKeys = nodes(plan).filter((node) => /^(seen|states)/.test(node['Relation Name'] ?? ''));
      const scans = onKeys.filter((node) => node['Node Type'].includes('Scan'));
      expect(scans.length, `${statistics}, ${mode}`).toBeGreaterThan(0);
      expect(new Set(scans.map((node) => node['Node Type'])), `${statistics}, ${mode}`).not.toContain(
        'Seq Scan',
      );
      const joins = nodes(plan).filter((node) => /Hash Join|Merge Join/.test(node['Node Type']));
      expect(joins, `${statistics}, ${mode}`).toEqual([]);
    }
  }
});
