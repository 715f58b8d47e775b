import { Command } from 'commander';
import { aliasesOf, placesOf } from '../ledger/contents.ts';
import type { Database } from '../ledger/database.ts';
import {
  namedPlaces,
  type Person,
  type PersonKept,
  personFiles,
  personKept,
  personStreams,
} from '../ledger/person.ts';
import { countUnindexed } from '../ledger/segment-contents.ts';
import { type Standing, standingOf } from '../retention/due.ts';
import type { ClassTerms } from '../retention/lock.ts';
import type { Disposition } from '../retention/terms.ts';
import {
  type CommandIo,
  type CommonFlags,
  type Context,
  leadOnce,
  openContext,
  openSink,
  withLedger,
} from './context.ts';
import { indexFirst } from './index-first.ts';
import { classesWith } from './schedule-in-force.ts';
import { printable, renderTable } from './table.ts';

/** What of one class is kept about the person, and why it cannot go. Days are UTC, moments ISO 8601. */
interface KeptRow {
  readonly class: string;
  readonly disposition: Disposition;
  readonly segments: number;
  readonly objects: number;
  /** Of the stored files, with what others wrote. */
  readonly bytes: number;
  readonly earliest: string;
  readonly latest: string;
  /** Null where nothing of it is locked. */
  readonly lockedUntil: string | null;
  /** When the last of it is past its date; null where it is so already. */
  readonly keptUntil: string | null;
  readonly matters: readonly string[];
}

/** Why nothing can be erased yet: the first date that comes, and what sets it. Null where nothing stands in the way. */
interface Verdict {
  /** Segments and objects that may be disposed of now; some of them once somebody else approves. */
  readonly now: { readonly segments: number; readonly objects: number; readonly toApprove: number };
  /** The first date on which something more may go. */
  readonly notBefore: { readonly date: string; readonly class: string; readonly because: string } | null;
  /** The date from which nothing is kept by a period or a lock any more. */
  readonly allFrom: string | null;
  /** Matters whose holds keep something, whatever the date. */
  readonly heldBy: readonly string[];
  /** Classes that keep some of it for good. */
  readonly keptForGoodBy: readonly string[];
}

/** `find-person`: everything that is held about a person, and what forbids erasing it until when. */
export function findPersonCommand(io: CommandIo): Command {
  return new Command('find-person')
    .description('say what is archived about a person, and which rule or hold forbids erasing it until when')
    .argument('<person>', 'e-mail address, member id or user id')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nSays where and how much, never what was written.\n\nExample:\n  $ zoom-chat-archiver find-person ann@example.com',
    )
    .action(async (name: string, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      const context = openContext(flags, 'warn');
      io.drainWithin(context.config.drain);
      await withLedger(context, async (db) => {
        await readUnindexed(io, context, db);
        const found = await find(context, db, name);
        io.out(flags.json ? JSON.stringify(found) : inWords(found));
      });
    });
}

/** Segments of a rebuilt ledger are read first. That takes the lease. */
async function readUnindexed(io: CommandIo, context: Context, db: Database): Promise<void> {
  if ((await countUnindexed(db, context.account)) === 0) return;
  const sink = await openSink(context);
  try {
    const { lease, lost, release } = await leadOnce(context, db, io.interrupt);
    try {
      const stop = { drain: io.drain, interrupt: AbortSignal.any([io.interrupt, lost]) };
      await indexFirst(context, { db, sink, lease, stop });
    } finally {
      await release();
    }
  } finally {
    await sink.close();
  }
}

async function find(context: Context, db: Database, name: string) {
  const { account, config, now } = context;
  const aliases = await aliasesOf(db, account, name);
  const person: Person = { aliases, places: [...(await placesOf(db, account, aliases))] };
  const classes = await classesWith(context, db, config.retention.schedule);
  const kept = await personKept(db, account, person);
  return {
    person: name,
    aliases,
    streams: await personStreams(db, account, person),
    files: await personFiles(db, account, person),
    places: await namedPlaces(db, account, person.places),
    kept: rowsOf(kept, classes, now()),
    verdict: verdictOf(kept, classes, now()),
    /** Segments of which it is not known what they hold. */
    unindexed: await countUnindexed(db, account),
  };
}

type Found = Awaited<ReturnType<typeof find>>;

function judge(one: PersonKept, classes: ClassTerms, now: number, approved = false): Standing {
  return standingOf({ ...one, lockedUntil: one.lockedUntil?.getTime() }, classes, now, approved);
}

function rowsOf(kept: readonly PersonKept[], classes: ClassTerms, now: number): readonly KeptRow[] {
  const rows = new Map<string, KeptRow>();
  for (const one of kept) {
    const row = rows.get(one.class);
    const standing = judge(one, classes, now);
    const until = standing.state === 'dated' ? new Date(standing.until).toISOString() : null;
    rows.set(one.class, {
      class: one.class,
      disposition: classes.get(one.class)?.disposition ?? 'keep',
      segments: (row?.segments ?? 0) + (one.kind === 'segment' ? one.count : 0),
      objects: (row?.objects ?? 0) + (one.kind === 'object' ? one.count : 0),
      bytes: (row?.bytes ?? 0) + one.bytes,
      earliest: row === undefined || one.day < row.earliest ? one.day : row.earliest,
      latest: row === undefined || one.day > row.latest ? one.day : row.latest,
      lockedUntil: later(row?.lockedUntil ?? null, one.lockedUntil?.toISOString() ?? null),
      keptUntil: later(row?.keptUntil ?? null, until),
      matters: [...new Set([...(row?.matters ?? []), ...one.matters])].sort(),
    });
  }
  return [...rows.values()];
}

function later(one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other;
  return one > other ? one : other;
}

function verdictOf(kept: readonly PersonKept[], classes: ClassTerms, now: number): Verdict {
  const free = { segments: 0, objects: 0, toApprove: 0 };
  const heldBy = new Set<string>();
  const forGood = new Set<string>();
  let first: { until: number; class: string; because: string } | undefined;
  let last: number | undefined;
  for (const one of kept) {
    if (one.onHold) for (const matter of one.matters) heldBy.add(matter);
    const standing = judge(one, classes, now);
    switch (standing.state) {
      case 'dated':
        last = Math.max(last ?? standing.until, standing.until);
        if (first === undefined || standing.until < first.until) first = { ...standing, class: one.class };
        break;
      case 'keep':
        forGood.add(one.class);
        break;
      case 'due':
      case 'review':
        free[one.kind === 'segment' ? 'segments' : 'objects'] += one.count;
        if (standing.state === 'review') free.toApprove += one.count;
        break;
      case 'held':
        break;
      default:
        standing satisfies never;
    }
  }
  return {
    now: free,
    notBefore:
      first === undefined
        ? null
        : { date: new Date(first.until).toISOString(), class: first.class, because: first.because },
    allFrom: last === undefined ? null : new Date(last).toISOString(),
    heldBy: [...heldBy].sort(),
    keptForGoodBy: [...forGood].sort(),
  };
}

function inWords({ aliases, streams, files, places, kept, verdict, unindexed }: Found): string {
  if (kept.length === 0 && places.length === 0) return 'nothing is archived about this person';
  const number = (value: number): string => value.toLocaleString('en-US');
  const day = (time: string | null): string => time?.slice(0, 10) ?? '';
  return [
    `known as ${printable(aliases.join(', '))}`,
    renderTable(
      ['stream', 'records sent', 'in places of theirs', 'segments'],
      streams.map(({ stream, sent, present, segments }) => [stream, sent, present, segments]),
    ),
    `${number(files.sent)} files sent, ${number(files.present)} in places of theirs`,
    renderTable(
      ['place', 'type', 'name'],
      places.map(({ id, type, name }) => [id, type, name]),
    ),
    renderTable(
      [
        'class',
        'disposition',
        'segments',
        'objects',
        'bytes',
        'earliest',
        'latest',
        'locked until',
        'kept until',
        'holds',
      ],
      kept.map((row) => [
        row.class,
        row.disposition,
        row.segments,
        row.objects,
        row.bytes,
        row.earliest,
        row.latest,
        day(row.lockedUntil),
        day(row.keptUntil),
        row.matters.join(', '),
      ]),
    ),
    ...conclusion(verdict),
    ...(unindexed === 0 ? [] : [`of ${number(unindexed)} segments it is not known what they hold`]),
  ].join('\n');
}

const BECAUSE: Readonly<Record<string, string>> = {
  period: 'by the period of',
  lock: 'by the lock of',
  records: 'by records that point to files of',
};

function conclusion({ now, notBefore, allFrom, heldBy, keptForGoodBy }: Verdict): readonly string[] {
  const lines: string[] = [];
  if (now.segments + now.objects > 0) {
    const approve = now.toApprove > 0 ? `, ${now.toApprove} of them once somebody approves` : '';
    lines.push(`${now.segments} segments and ${now.objects} objects may be disposed of now${approve}`);
  }
  if (notBefore !== null) {
    const what = lines.length === 0 ? 'nothing can be erased' : 'nothing more can be erased';
    const why = `${BECAUSE[notBefore.because] ?? ''} class ${notBefore.class}`;
    lines.push(
      `${what} before ${notBefore.date.slice(0, 10)}, ${why}; the last of it from ${allFrom?.slice(0, 10)}`,
    );
  }
  if (heldBy.length > 0) lines.push(`on hold, whatever the date, for ${printable(heldBy.join(', '))}`);
  if (keptForGoodBy.length > 0) lines.push(`kept for good by class ${keptForGoodBy.join(', ')}`);
  return lines;
}
