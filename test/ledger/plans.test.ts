import { expect, test } from 'vitest';
import { admit } from '../../src/ledger/admit.ts';
import type { Database, Row } from '../../src/ledger/database.ts';
import { message, page } from './candidates.ts';
import { openLedger, POSTGRES } from './ledgers.ts';

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Plans?: readonly PlanNode[];
}

function nodes(plan: PlanNode): readonly PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodes)];
}

interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** The statement of `run` that has these words, caught on its way. */
async function statementOf(
  db: Database,
  words: string,
  run: (db: Database) => Promise<unknown>,
): Promise<Statement> {
  let caught: Statement | undefined;
  const query = async <R extends Row>(text: string, values?: readonly unknown[]): Promise<R[]> => {
    if (text.includes(words)) caught = { text, values: values ?? [] };
    return db.query<R>(text, values);
  };
  await run({ ...db, query });
  if (caught === undefined) throw new Error(`nothing was sent with ${words}`);
  return caught;
}

async function planOf(
  db: Database,
  { text, values }: Statement,
  mode: 'force_custom_plan' | 'force_generic_plan',
): Promise<readonly PlanNode[]> {
  return await db.transaction(async (tx) => {
    await tx.query(`set local plan_cache_mode = ${mode}`);
    const [row] = await tx.query<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>(
      `explain (format json) ${text}`,
      values,
    );
    const plan = row?.['QUERY PLAN'][0]?.Plan;
    if (plan === undefined) throw new Error('no plan');
    return nodes(plan);
  });
}

test('admission reads keys by index only, also when hundreds of thousands are known', async () => {
  const { db, lease, unit } = await openLedger(POSTGRES);
  const candidates = Array.from({ length: 50 }, (_, index) => message(`m${index}`));
  const states = candidates.map((one) => ({ ...one, rule: 'state', stream: 'reactions' }) as const);
  const run = (target: Database, name: string) =>
    admit(target, lease, unit, page([...candidates.slice(0, 25), ...states.slice(25), message(name)]));
  const admission = await statementOf(db, 'insert into staged', (target) => run(target, 'first'));
  const month = candidates[0]?.keyMonth;
  for (const table of ['seen', 'states']) {
    await db.query(
      `insert into ${table} (month, key, content)
       select $1::date, md5(n::text)::uuid, md5(n::text)::uuid from generate_series(1, 200000) n`,
      [month],
    );
  }

  for (const statistics of ['as they happen to be', 'fresh']) {
    if (statistics === 'fresh') await db.query('analyze seen, states, staged, units');
    // A prepared statement's generic plan is made without looking at the values.
    for (const mode of ['force_custom_plan', 'force_generic_plan'] as const) {
      const plan = await planOf(db, admission, mode);
      const onKeys = plan.filter((node) => /^(seen|states)/.test(node['Relation Name'] ?? ''));
      const scans = onKeys.filter((node) => node['Node Type'].includes('Scan'));
      expect(scans.length, `${statistics}, ${mode}`).toBeGreaterThan(0);
      expect(new Set(scans.map((node) => node['Node Type'])), `${statistics}, ${mode}`).not.toContain(
        'Seq Scan',
      );
      const joins = plan.filter((node) => /Hash Join|Merge Join/.test(node['Node Type']));
      expect(joins, `${statistics}, ${mode}`).toEqual([]);
    }
  }
});
