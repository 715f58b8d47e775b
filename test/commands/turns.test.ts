import { expect, test } from 'vitest';
import { inTurn } from '../../src/commands/turns.ts';
import type { Database } from '../../src/ledger/database.ts';

const ledger = (): Database => ({
  engine: 'pglite',
  query: async () => [],
  transaction: (work) => work({ query: async () => [] }),
  close: async () => undefined,
});

test('work of one kind on one ledger takes turns, in order, also after one that failed', async () => {
  const [db, other] = [ledger(), ledger()];
  const said: string[] = [];
  const open = new Map<string, () => void>();
  const work =
    (name: string, fails = false) =>
    async (): Promise<string> => {
      said.push(`${name} begins`);
      await new Promise<void>((resolve) => open.set(name, resolve));
      said.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
  const first = inTurn(db, 'holds', work('first', true));
  const second = inTurn(db, 'holds', work('second'));
  const third = inTurn(db, 'holds', work('third'));
  const index = inTurn(db, 'index', work('index'));
  const beside = inTurn(other, 'holds', work('beside'));
  await Promise.resolve();
  await Promise.resolve();
  expect(said).toEqual(['first begins', 'index begins', 'beside begins']);
  for (const name of ['index', 'beside', 'first']) open.get(name)?.();
  await expect(first).rejects.toThrow('first');
  expect(await Promise.all([index, beside])).toEqual(['index', 'beside']);
  expect(said.at(-1)).toBe('second begins');
  open.get('second')?.();
  expect(await second).toBe('second');
  await Promise.resolve();
  open.get('third')?.();
  expect(await third).toBe('third');
  expect(said.filter((line) => / (second|third)/.test(` ${line}`))).toEqual([
    'second begins',
    'second ends',
    'third begins',
    'third ends',
  ]);
});
