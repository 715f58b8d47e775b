/** Ten years of an archive, month by month: schedules and holds come and go, and each time what must be there is. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runArchiver } from '../support/command.ts';
import { PUBLIC_KEY } from '../support/log.ts';
import { brokenRules } from '../support/s3-sink.ts';
import { ANN, BOB, COOL_OFF, CY, DAY, type Decade, setStage } from './decade.ts';
import type { Rule, Schedule } from './decade-truth.ts';

const FIRST_YEAR = 2016;
const MONTHS = 120;

const TRADING: Rule = {
  class: 'trading',
  match: { session: ['Trading desk'] },
  keep: '7y',
  mode: 'compliance',
  disposition: 'review',
};
const LUNCH: Rule = {
  class: 'lunch',
  match: { session: ['Lunch', 'Walks'] },
  keep: '90d',
  mode: 'governance',
  disposition: 'destroy',
};
const PROJECT: Rule = {
  class: 'project',
  match: { session: ['Project'] },
  keep: '12m',
  mode: 'governance',
  disposition: 'destroy',
};
const DIRECT: Rule = {
  class: 'direct',
  match: { sessionType: '1:1' },
  keep: '18m',
  mode: 'governance',
  disposition: 'destroy',
};
const CHIEF: Rule = {
  class: 'chief',
  match: { sender: CY },
  keep: '3y',
  mode: 'governance',
  disposition: 'destroy',
};
const OTHER = { class: 'other', keep: '6m', mode: 'governance', disposition: 'destroy' } as const;

const scheduleOf = (...rules: readonly Rule[]): Schedule => ({ rules, default: OTHER });
/** By year, from the first. */
const SCHEDULES: Readonly<Record<number, Schedule>> = {
  1: scheduleOf(TRADING, LUNCH, PROJECT, DIRECT),
  // What people talk about at lunch is kept longer.
  2: scheduleOf(TRADING, { ...LUNCH, keep: '6m' }, PROJECT, DIRECT),
  // Direct messages are kept shorter: those that come.
  4: scheduleOf(TRADING, { ...LUNCH, keep: '6m' }, PROJECT, { ...DIRECT, keep: '12m' }),
  // There is no project any more: its class goes.
  5: scheduleOf(TRADING, { ...LUNCH, keep: '6m' }, { ...DIRECT, keep: '12m' }),
  // Trading longer, and whatever Cy wrote, also long ago.
  6: scheduleOf({ ...TRADING, keep: '8y' }, { ...LUNCH, keep: '6m' }, { ...DIRECT, keep: '12m' }, CHIEF),
};

/** Months of March and September somebody looks at what asks for a review. */
const isReviewed = (month: number): boolean => month % 12 === 2 || month % 12 === 8;

/** What happens on the first day of some months; the first is month 0. */
const EVENTS: Readonly<Record<number, (decade: Decade) => Promise<void>>> = {
  2: (decade) =>
    decade.hold({ action: 'place', id: 'doe', matter: 'Doe v. Acme', scope: { custodians: [ANN] } }, () =>
      decade.seen(ANN),
    ),
  13: (decade) =>
    decade.hold(
      {
        action: 'place',
        id: 'sec',
        matter: 'SEC inquiry',
        scope: { custodians: [ANN], sessions: ['Lunch'] },
      },
      () => new Set([...decade.seen(ANN), decade.session('Lunch')]),
    ),
  // The other matter covers all of it.
  24: (decade) => decade.hold({ action: 'release', id: 'doe' }),
  30: async (decade) => {
    await decade.hold({ action: 'release', id: 'sec' });
    decade.emulator.moveClock(5 * DAY);
    await decade.hold({ action: 'cancel', id: 'sec' });
  },
  36: (decade) => decade.hold({ action: 'release', id: 'sec' }),
  // A matter of Zoom, and its end, which frees nothing by itself.
  26: async (decade) => {
    const { emulator, holds } = decade;
    const from = '2018-02-01';
    const matter = emulator.hold({ verb: 'add-matter', name: 'Roe', custodians: [BOB], startDay: from });
    holds.place({ id: 'zoom', from, places: () => new Set([...decade.seen(BOB), `matter:${matter}`]) });
  },
  50: async ({ emulator }) => {
    for (const { matterId } of emulator.matters()) emulator.hold({ verb: 'close-matter', matterId });
  },
  56: async (decade) => {
    const placed = (await decade.log()).filter(({ type, source }) => type === 'hold' && source === 'zoom');
    expect(placed.map(({ action }) => action)).toEqual(['place']);
    await decade.archiver.hold({ action: 'release', id: placed[0]?.hold });
    decade.holds.release('zoom', decade.emulator.now() + COOL_OFF);
  },
  // What compliance was promised cannot be taken back.
  66: async (decade) => {
    const { rules, default: fallback } = decade.schedules.now;
    const weaker = rules.map((rule) => (rule.class === 'trading' ? { ...rule, keep: '7y' } : rule));
    await decade.restart({ rules: weaker, default: fallback });
    await expect(decade.archiver.collect()).rejects.toMatchObject({ code: 'retention-weaker' });
    await decade.restart(decade.schedules.now);
  },
  // Two channels with dates: of long ago, and of now.
  80: async (decade) => {
    const channelOf = (name: string): string =>
      decade.emulator.context().channels.find((channel) => channel.name === name)?.id ?? '';
    const days = {
      desk: { from: '2016-12-01', to: '2017-02-28' },
      lunch: { from: '2022-04-01', to: '2022-12-31' },
    };
    for (const [id, name] of [
      ['desk', 'Trading desk'],
      ['lunch', 'Lunch'],
    ] as const) {
      const scope = { channels: [channelOf(name)], ...days[id] };
      const places = new Set([decade.session(name)]);
      await decade.hold({ action: 'place', id, matter: `${name}, some months`, scope }, () => places);
    }
  },
  100: (decade) => decade.hold({ action: 'release', id: 'lunch' }),
};

/** Ids of two messages of the first December: one stays under a hold to the end, the other goes. */
interface Marked {
  readonly stays: string;
  readonly goes: string;
}

async function proveThem(decade: Decade, { stays, goes }: Marked): Promise<void> {
  for (const id of [stays, goes]) {
    const proven = await decade.command('prove', '--message', id, '--out', join(decade.folder, 'proofs'));
    expect(proven).toMatchObject({ code: 0 });
  }
}

/** Those that were made then, in the last year. */
async function expectProofsHold(decade: Decade, { stays, goes }: Marked): Promise<void> {
  const proofs = join(decade.folder, 'proofs');
  const files = (await readdir(proofs)).filter((name) => name.endsWith('.tlog-proof'));
  expect(files.length).toBeGreaterThan(1);
  const checked = await runArchiver([
    'verify-proof',
    '--key',
    PUBLIC_KEY,
    ...files.map((name) => join(proofs, name)),
  ]);
  expect(checked).toMatchObject({ code: 0 });
  const again = join(decade.folder, 'again');
  expect(await decade.command('prove', '--message', stays, '--out', again)).toMatchObject({ code: 0 });
  const gone = await decade.command('prove', '--message', goes, '--out', again);
  expect(gone).toEqual({ code: 25, said: expect.stringContaining('disposed of') });
}

test('ten years: nothing that is kept goes, and everything that is due does', {
  timeout: 600_000,
}, async () => {
  const decade = await setStage(Date.UTC(FIRST_YEAR, 0, 1));
  const { emulator, store } = decade;
  let marked: Marked | undefined;
  let head = '';
  for (let month = 0; month < MONTHS; month += 1) {
    const start = Date.UTC(FIRST_YEAR, month, 1);
    decade.to(start);
    const schedule = month % 12 === 0 ? SCHEDULES[month / 12 + 1] : undefined;
    if (schedule !== undefined) await decade.enforce(schedule);
    await EVENTS[month]?.(decade);
    if (month === 11) {
      const stays = decade.send(decade.session('Trading desk'), ANN);
      marked = { stays, goes: decade.send(decade.session('Walks'), BOB) };
    }
    decade.write(start, month);
    decade.to(start + 24 * DAY);
    expect(await decade.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    await decade.archiver.seal(true);
    await decade.archiver.lengthen();
    await store.look(emulator.now());
    await decade.carryOutHolds();
    decade.expectKept();
    await decade.dispose(isReviewed(month) ? 'Bo Cole' : null);
    decade.expectMessages(isReviewed(month));
    await decade.expectLogged();
    // All of it at the end of each year; each quarter as the daemon does it, what came since and some of the past.
    if (month % 3 === 2) {
      const news = month % 12 === 11 ? undefined : { since: head, past: 5 };
      const { findings, text } = await decade.archiver.verify(head === '' ? undefined : news);
      expect({ month, findings }).toEqual({ month, findings: [] });
      head = text;
    }
    if (month === 11 && marked !== undefined) await proveThem(decade, marked);
  }
  if (marked !== undefined) await expectProofsHold(decade, marked);
  // The years were not idle.
  const approved = decade.disposed.filter(({ approvedBy }) => approvedBy !== null);
  expect(approved.filter(({ key }) => key.includes('/class=trading/')).length).toBeGreaterThan(5);
  expect(decade.disposed.filter(({ key }) => key.startsWith('objects/')).length).toBeGreaterThan(20);
  expect(decade.interruptions).toBeGreaterThan(10);
  expect(decade.warnings).toEqual([]);
  expect(brokenRules(decade.fake)).toEqual([]);
});
