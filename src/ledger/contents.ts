import type { Database } from './database.ts';

export async function membersOf(
  _db: Database,
  _account: string,
  _places: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  return new Map();
}
