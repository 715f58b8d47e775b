/** What differs between two versions of a text, for people: the same on a terminal, in a transcript and on a page. Pure. */

export interface DifferenceSegment {
  readonly kind: 'kept' | 'removed' | 'added';
  /** Never empty. */
  readonly text: string;
}

/**
 * What a difference is made of: runs of space, words, and every other sign by itself with what joins it. Signs of
 * scripts that write no spaces are words of their own. Not `Intl.Segmenter`, whose words change with its tables: the
 * same versions are to look the same in a transcript made next year.
 */
const TOKEN =
  /\s+|[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Khmer}\p{sc=Lao}\p{sc=Mymr}]\p{M}*|(?:(?![\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Khmer}\p{sc=Lao}\p{sc=Mymr}])[\p{L}\p{N}\p{M}_])+|\p{RI}\p{RI}|.(?:[\p{M}\p{Emoji_Modifier}]|\u200d.)*/gsu;

/**
 * Most steps of the search for the shortest difference; its memory and time grow with their square. Texts that differ in
 * more are shown as replaced but for their common beginning and end.
 */
const MOST_STEPS = 600;

/**
 * The shortest way from one text to the other in words. What is kept and removed is `before`, what is kept and added is
 * `after`, sign by sign; neighbours are of different kinds, and of a replaced part the removed stands first.
 */
export function difference(before: string, after: string): readonly DifferenceSegment[] {
  const old = before.match(TOKEN) ?? [];
  const young = after.match(TOKEN) ?? [];
  const shorter = Math.min(old.length, young.length);
  let head = 0;
  while (head < shorter && old[head] === young[head]) head += 1;
  let tail = 0;
  while (tail < shorter - head && old.at(-1 - tail) === young.at(-1 - tail)) tail += 1;
  const whole = merged([
    ...old.slice(0, head).map(kept),
    ...middle(old.slice(head, old.length - tail), young.slice(head, young.length - tail)),
    ...old.slice(old.length - tail).map(kept),
  ]);
  return merged(
    whole.flatMap((segment, place) => (isBetweenChanges(whole, place) ? replaced(segment) : [segment])),
  );
}

/** Nothing but space that stayed between two changes: whoever reads takes both for one. */
function isBetweenChanges(segments: readonly DifferenceSegment[], place: number): boolean {
  const isInner = place > 0 && place < segments.length - 1;
  return isInner && segments[place]?.kind === 'kept' && segments[place]?.text.trim() === '';
}

const replaced = ({ text }: DifferenceSegment): readonly DifferenceSegment[] => [removed(text), added(text)];

const kept = (text: string): DifferenceSegment => ({ kind: 'kept', text });
const removed = (text: string): DifferenceSegment => ({ kind: 'removed', text });
const added = (text: string): DifferenceSegment => ({ kind: 'added', text });

/** Myers, "An O(ND) difference algorithm", 1986: the furthest reach on each diagonal, a step at a time. */
function middle(old: readonly string[], young: readonly string[]): readonly DifferenceSegment[] {
  const reach = new Map<number, number>([[1, 0]]);
  const steps: ReadonlyMap<number, number>[] = [];
  for (let step = 0; step <= Math.min(MOST_STEPS, old.length + young.length); step += 1) {
    steps.push(new Map(reach));
    for (let diagonal = -step; diagonal <= step; diagonal += 2) {
      let x = furthest(reach, diagonal, step);
      while (x < old.length && x - diagonal < young.length && old[x] === young[x - diagonal]) x += 1;
      reach.set(diagonal, x);
      if (x >= old.length && x - diagonal >= young.length) return traced(old, young, steps);
    }
  }
  return [...old.map(removed), ...young.map(added)];
}

/** Where a step onto a diagonal begins: by an addition from the one above, or by a removal from the one below. */
function furthest(reach: ReadonlyMap<number, number>, diagonal: number, step: number): number {
  return isAddition(reach, diagonal, step)
    ? (reach.get(diagonal + 1) ?? 0)
    : (reach.get(diagonal - 1) ?? 0) + 1;
}

function isAddition(reach: ReadonlyMap<number, number>, diagonal: number, step: number): boolean {
  if (diagonal === -step) return true;
  return diagonal !== step && (reach.get(diagonal - 1) ?? 0) < (reach.get(diagonal + 1) ?? 0);
}

/** The way back from the end, by what was reached before each step. */
function traced(
  old: readonly string[],
  young: readonly string[],
  steps: readonly ReadonlyMap<number, number>[],
): readonly DifferenceSegment[] {
  const way: DifferenceSegment[] = [];
  let x = old.length;
  let y = young.length;
  for (const [step, reach] of [...steps.entries()].reverse()) {
    const diagonal = x - y;
    const isAdded = isAddition(reach, diagonal, step);
    const begin = furthest(reach, diagonal, step);
    while (x > begin && y > begin - diagonal) {
      x -= 1;
      y -= 1;
      way.push(kept(old[x] ?? ''));
    }
    if (step === 0) break;
    if (isAdded) way.push(added(young[--y] ?? ''));
    else way.push(removed(old[--x] ?? ''));
  }
  return way.reverse();
}

/** Neighbours of a kind as one; within a change what was removed before what was added. */
function merged(segments: readonly DifferenceSegment[]): readonly DifferenceSegment[] {
  const whole: DifferenceSegment[] = [];
  let texts = { kept: '', removed: '', added: '' };
  const flush = (): void => {
    for (const kind of ['kept', 'removed', 'added'] as const)
      if (texts[kind] !== '') whole.push({ kind, text: texts[kind] });
    texts = { kept: '', removed: '', added: '' };
  };
  for (const { kind, text } of segments) {
    if ((kind === 'kept') !== (texts.kept !== '')) flush();
    texts[kind] += text;
  }
  flush();
  return whole;
}
