/** Patterns for names and addresses: `*` stands for any text, also none, and `?` for one character; case is ignored. */

/** Lower case, in one Unicode form: what looks alike is alike. */
export function folded(text: string): string {
  return text.normalize('NFC').toLowerCase();
}

/** A pattern ready to be asked. Everything but `*` and `?` stands for itself, slashes and brackets too. */
export function compileGlob(pattern: string): (text: string) => boolean {
  const source = [...folded(pattern)]
    .map((character) => {
      if (character === '*') return '.*';
      if (character === '?') return '.';
      return character.replace(/[\\^$.|+()[\]{}/]/g, '\\$&');
    })
    .join('')
    .replace(/(\.\*){2,}/g, '.*');
  const expression = new RegExp(`^${source}$`, 'su');
  return (text) => expression.test(folded(text));
}

/** Whether some text fits both patterns. */
export function globsMeet(one: string, other: string): boolean {
  const [a, b] = [[...folded(one)], [...folded(other)]];
  const known = new Map<string, boolean>();
  // From place i of the one and place j of the other on.
  const meet = (i: number, j: number): boolean => {
    const name = `${i} ${j}`;
    const before = known.get(name);
    if (before !== undefined) return before;
    const [x, y] = [a[i], b[j]];
    let found: boolean;
    if (x === '*') found = meet(i + 1, j) || (y !== undefined && meet(i, j + 1));
    else if (y === '*') found = meet(i, j + 1) || (x !== undefined && meet(i + 1, j));
    else if (x === undefined || y === undefined) found = x === y;
    else found = (x === y || x === '?' || y === '?') && meet(i + 1, j + 1);
    known.set(name, found);
    return found;
  };
  return meet(0, 0);
}
