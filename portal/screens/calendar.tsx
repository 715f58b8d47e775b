/** A year as twelve small months, each day by sign and shade. One stop of the Tab key; arrows go from day to day. */
import { useRef, useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import type { CalendarDay, CoverageHole, DayState } from '../../src/query/calendar.ts';
import { Moment } from '../parts/moment.tsx';
import { address, conversationAddress } from '../state/address.ts';
import { may } from '../state/reader.ts';
import { counted } from '../text/amount.ts';
import { longDayText } from '../text/time.ts';

export const STATES: readonly (readonly [DayState, string])[] = [
  ['covered', 'looked at from begin to end; darker with more records'],
  ['partly', 'only a part was'],
  ['missing', 'nobody looked, or attempts failed'],
  ['lost', 'gone before it could be collected'],
  ['outside', 'before or after coverage'],
];

/** Shown on a day in place of its number's plainness: colour alone says nothing to some. */
export const SYMBOLS: Readonly<Record<DayState, string>> = {
  covered: '',
  partly: '◐',
  missing: '?',
  lost: '×',
  outside: '',
};

const WEEKDAYS = ['Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa', 'Su'];
const STEPS: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
const DAY = 86_400_000;

interface CalendarProps {
  readonly year: string;
  readonly days: readonly CalendarDay[];
  /** Records of the fullest day of all. */
  readonly most: number;
  readonly holes: readonly CoverageHole[];
  readonly session: string | null;
  readonly isOfMessages: boolean;
}

export function Calendar({ year, days, most, holes, session, isOfMessages }: CalendarProps) {
  const [chosen, choose] = useState(days[0]?.day ?? '');
  const root = useRef<HTMLDivElement>(null);
  const byDay = new Map(days.map((day) => [day.day, day]));
  const go = (to: string): void => {
    if (!byDay.has(to)) return;
    choose(to);
    root.current?.querySelector<HTMLElement>(`[data-day="${to}"]`)?.focus();
  };
  const onKey = (event: KeyboardEvent): void => {
    const step = STEPS[event.key];
    const edge = event.key === 'Home' ? days[0] : event.key === 'End' ? days.at(-1) : undefined;
    if (step === undefined && edge === undefined) return;
    event.preventDefault();
    go(edge?.day ?? dayAfter(chosen, step ?? 0));
  };
  const months = Array.from({ length: 12 }, (_, month) => `${year}-${String(month + 1).padStart(2, '0')}`);
  const shown = byDay.get(chosen);
  return (
    <>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the keys are those of the buttons within */}
      <div class="calendar" ref={root} onKeyDown={onKey}>
        {months
          .filter((month) => days.some(({ day }) => day.startsWith(month)))
          .map((month) => (
            <Month key={month} month={month} byDay={byDay} most={most} chosen={chosen} choose={choose} />
          ))}
      </div>
      {shown !== undefined && (
        <section class="chosen-day" aria-live="polite" aria-label="Chosen day">
          <p>
            <strong>{longDayText(`${shown.day}T12:00:00Z`, 'UTC')} (UTC)</strong>: {shown.state}
            {shown.records !== null && `, ${counted(shown.records, 'record')}`}.{' '}
            {isOfMessages && may('search') && (
              <Link
                href={
                  session === null
                    ? address('/search', { from: shown.day, to: shown.day, zone: 'UTC' })
                    : conversationAddress(session, { from: shown.day, to: shown.day, zone: 'UTC' })
                }
              >
                Messages of this day
              </Link>
            )}
          </p>
          {holesOf(shown.day, holes).map(({ from, to, reason, why }) => (
            <p key={`${from} ${why}`} class="quiet">
              Hole from <Moment at={from} /> to <Moment at={to} />
              {reason !== '' && `: ${reason}`}
            </p>
          ))}
        </section>
      )}
    </>
  );
}

interface MonthProps {
  readonly month: string;
  readonly byDay: ReadonlyMap<string, CalendarDay>;
  readonly most: number;
  readonly chosen: string;
  readonly choose: (day: string) => void;
}

function Month({ month, byDay, most, chosen, choose }: MonthProps) {
  const first = new Date(`${month}-01T00:00:00Z`);
  const name = new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(
    first,
  );
  return (
    <table class="month">
      <caption>{name}</caption>
      <thead>
        <tr>
          {WEEKDAYS.map((day) => (
            <th key={day} scope="col">
              {day}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {weeksOf(month).map((week) => (
          <tr key={week.find((day) => day !== '')}>
            {week.map((day, index) => {
              const told = byDay.get(day);
              if (told === undefined) return <td key={day || index} />;
              const number = Number(day.slice(8));
              const records = told.records === null ? '' : `, ${counted(told.records, 'record')}`;
              return (
                <td key={day}>
                  <button
                    type="button"
                    class={`day ${told.state} shade-${shadeOf(told, most)}`}
                    data-day={day}
                    tabIndex={day === chosen ? 0 : -1}
                    aria-pressed={day === chosen}
                    aria-label={`${number} ${name}: ${told.state}${records}`}
                    title={`${day}: ${told.state}${records}`}
                    onClick={() => choose(day)}
                  >
                    {SYMBOLS[told.state] || number}
                  </button>
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** 0 for none, 1 to 4 by powers, so that a quiet day can be told from a silent one beside a busy one. */
function shadeOf({ records }: CalendarDay, most: number): number {
  if (records === null || records === 0) return 0;
  return Math.min(4, 1 + Math.floor((3.999 * Math.log(records)) / Math.max(1, Math.log(most))));
}

/** Weeks from Monday; days of other months as empty text. */
function weeksOf(month: string): readonly (readonly string[])[] {
  const first = new Date(`${month}-01T00:00:00Z`);
  const ahead = (first.getUTCDay() + 6) % 7;
  const cells: string[] = Array.from({ length: ahead }, () => '');
  for (let day = `${month}-01`; day.startsWith(month); day = dayAfter(day, 1)) cells.push(day);
  while (cells.length % 7 !== 0) cells.push('');
  return Array.from({ length: cells.length / 7 }, (_, week) => cells.slice(week * 7, week * 7 + 7));
}

function dayAfter(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY).toISOString().slice(0, 10);
}

function holesOf(day: string, holes: readonly CoverageHole[]): readonly CoverageHole[] {
  const from = Date.parse(`${day}T00:00:00Z`);
  return holes.filter((hole) => Date.parse(hole.from) < from + DAY && Date.parse(hole.to) > from);
}
