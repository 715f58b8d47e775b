/** What changed between two versions of a text, by words. */

export interface Change {
  readonly type: 'same' | 'added' | 'removed';
  readonly text: string;
}

/** Words, runs of white space, and every other character for itself. */
const TOKEN = /[\p{L}\p{N}\p{M}_]+|\s+|./gsu;
/** Cells of the table at most; beyond it the middle is shown as one change. */
const MOST_CELLS = 4_000_000;

/** Same and changed stretches in order; of a change what was removed comes first. */
export function difference(before: string, after: string): readonly Change[] {
  const old = before.match(TOKEN) ?? [];
  const now = after.match(TOKEN) ?? [];
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head += 1;
  let tail = 0;
  while (
    tail < old.length - head &&
    tail < now.length - head &&
    old[old.length - 1 - tail] === now[now.length - 1 - tail]
  )
    tail += 1;
  return joined([
    { type: 'same', text: old.slice(0, head).join('') },
    ...middle(old.slice(head, old.length - tail), now.slice(head, now.length - tail)),
    { type: 'same', text: old.slice(old.length - tail).join('') },
  ]);
}

function middle(old: readonly string[], now: readonly string[]): readonly Change[] {
  if (old.length * now.length > MOST_CELLS)
    return [
      { type: 'removed', text: old.join('') },
      { type: 'added', text: now.join('') },
    ];
  const width = now.length + 1;
  // Length of the longest common rest of old from i and now from j.
  const common = new Uint32Array((old.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] ?? 0;
  for (let i = old.length - 1; i >= 0; i -= 1)
    for (let j = now.length - 1; j >= 0; j -= 1)
      common[i * width + j] = old[i] === now[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const changes: Change[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length || j < now.length) {
    const [was, is] = [old[i], now[j]];
    if (was !== undefined && was === is) {
      changes.push({ type: 'same', text: was });
      i += 1;
      j += 1;
    } else if (was !== undefined && (is === undefined || at(i + 1, j) >= at(i, j + 1))) {
      changes.push({ type: 'removed', text: was });
      i += 1;
    } else {
      changes.push({ type: 'added', text: is ?? '' });
      j += 1;
    }
  }
  return changes;
}

/** Neighbours of one type as one; within a change what was removed before what was added. */
function joined(changes: readonly Change[]): readonly Change[] {
  const all: Change[] = [];
  let removed = '';
  let added = '';
  const flush = (): void => {
    if (removed !== '') all.push({ type: 'removed', text: removed });
    if (added !== '') all.push({ type: 'added', text: added });
    removed = '';
    added = '';
  };
  let same = '';
  for (const { type, text } of changes) {
    if (text === '') continue;
    if (type === 'same') {
      flush();
      same += text;
      continue;
    }
    if (same !== '') all.push({ type: 'same', text: same });
    same = '';
    if (type === 'removed') removed += text;
    else added += text;
  }
  flush();
  if (same !== '') all.push({ type: 'same', text: same });
  return all;
}
