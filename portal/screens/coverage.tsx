import { useState } from 'preact/hooks';
import { Link, useLocation, useSearch } from 'wouter-preact';
import type { CalendarInput, CoverageCalendar, CoverageHole } from '../../src/query/calendar.ts';
import { post } from '../api/client.ts';
import { Choice } from '../parts/choice.tsx';
import { Field } from '../parts/field.tsx';
import { Inert } from '../parts/inert.tsx';
import { Moment } from '../parts/moment.tsx';
import { AnsweredFrom } from '../parts/read-at.tsx';
import { Scrolled } from '../parts/scrolled.tsx';
import { Answer, Empty } from '../parts/states.tsx';
import { SessionField } from '../parts/suggest.tsx';
import { address, conversationAddress } from '../state/address.ts';
import { useAnswer } from '../state/answer.ts';
import { may } from '../state/reader.ts';
import { counted, countText } from '../text/amount.ts';
import { Calendar, STATES, SYMBOLS } from './calendar.tsx';

/** Which days were looked at: what is missing is named, so that absence can be told from silence. */
export function CoverageScreen() {
  const [, navigate] = useLocation();
  const values = new URLSearchParams(useSearch());
  const question: CalendarInput = {};
  for (const name of ['stream', 'session', 'from', 'to'] as const) {
    const value = values.get(name);
    if (value) question[name] = value;
  }
  const calendar = useAnswer(JSON.stringify(question), (abort) =>
    post<CoverageCalendar>('/api/coverage', question, abort),
  );
  return (
    <>
      <h1>Coverage</h1>
      <form
        class="question inline"
        key={JSON.stringify(question)}
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          navigate(
            address('/coverage', Object.fromEntries([...form].map(([name, value]) => [name, String(value)]))),
          );
        }}
      >
        <Field label="Stream">
          {(attributes) => (
            <Choice
              {...attributes}
              name="stream"
              value={question.stream ?? 'messages'}
              options={(calendar.answer?.streams ?? [question.stream ?? 'messages']).map(
                (stream) => [stream, stream.replaceAll('_', ' ')] as const,
              )}
            />
          )}
        </Field>
        <SessionField label="Session" name="session" value={question.session ?? ''} />
        <Field label="From (UTC)">
          {(attributes) => (
            <input {...attributes} type="date" name="from" defaultValue={question.from ?? ''} />
          )}
        </Field>
        <Field label="To, included">
          {(attributes) => <input {...attributes} type="date" name="to" defaultValue={question.to ?? ''} />}
        </Field>
        <button type="submit">Show</button>
      </form>
      <Answer of={calendar} loading="Reading coverage">
        {(answer) => <Covered calendar={answer} />}
      </Answer>
    </>
  );
}

function Covered({ calendar }: { readonly calendar: CoverageCalendar }) {
  const { days, holes, covered, session, stream, at } = calendar;
  const outside = days.filter(({ state }) => state === 'outside').length;
  const years = [...new Set(days.map(({ day }) => day.slice(0, 4)))];
  const [chosen, setYear] = useState<string | undefined>(undefined);
  const year = chosen !== undefined && years.includes(chosen) ? chosen : years.at(-1);
  if (covered === null || year === undefined)
    return (
      <Empty>
        <p>
          <strong>The archive has no coverage of {stream.replaceAll('_', ' ')}</strong>
          {session !== null && ' of this session'}: nobody looked, or nothing is on record of it.
        </p>
        <AnsweredFrom at={at} />
      </Empty>
    );
  return (
    <>
      <p>
        {session === null ? (
          'The whole account'
        ) : (
          <>
            Session <Inert text={session} plain />
          </>
        )}
        , from <Moment at={covered.from} /> to <Moment at={covered.to} />.{' '}
        {holes.length === 0 ? (
          <strong class="good">No hole in it.</strong>
        ) : (
          <strong class="bad">{counted(holes.length, 'hole')}.</strong>
        )}
      </p>
      <Legend />
      {years.length > 1 && (
        <nav class="years" aria-label="Year">
          {years.map((each) => (
            <button key={each} type="button" aria-pressed={each === year} onClick={() => setYear(each)}>
              {each}
            </button>
          ))}
        </nav>
      )}
      <Calendar
        key={`${year} ${session} ${stream}`}
        year={year}
        days={days.filter(({ day }) => day.startsWith(year))}
        most={Math.max(1, ...days.map(({ records }) => records ?? 0))}
        holes={holes}
        session={session}
        isOfMessages={stream === 'messages'}
      />
      <h2>Holes</h2>
      {outside > 0 && (
        <p>
          <strong class="bad">{counted(outside, 'day')} shown here</strong> lie before or after all coverage:
          nobody looked at them.
        </p>
      )}
      {holes.length === 0 ? (
        <p>None in what is covered: every moment of it was looked at.</p>
      ) : (
        <Holes holes={holes} />
      )}
      <h2>By month</h2>
      <Months calendar={calendar} />
      <AnsweredFrom at={at} />
    </>
  );
}

function Legend() {
  return (
    <ul class="legend" aria-label="What the signs mean">
      {STATES.map(([state, meaning]) => (
        <li key={state}>
          <span class={`swatch day ${state}`} aria-hidden="true">
            {SYMBOLS[state]}
          </span>{' '}
          <strong>{state}</strong> <span class="quiet">{meaning}</span>
        </li>
      ))}
    </ul>
  );
}

const WHY = {
  'not-looked-at': 'nobody looked',
  failed: 'the attempts failed',
  lost: 'gone before it could be collected',
  refused: 'refused by Zoom',
} as const;

function Holes({ holes }: { readonly holes: readonly CoverageHole[] }) {
  return (
    <Scrolled label="Holes">
      <table>
        <thead>
          <tr>
            <th scope="col">From</th>
            <th scope="col">To</th>
            <th scope="col">Why</th>
            <th scope="col">Stream</th>
            <th scope="col">Session</th>
            <th scope="col">As the record says</th>
          </tr>
        </thead>
        <tbody>
          {holes.map(({ from, to, why, stream, session, reason }, index) => (
            <tr key={index}>
              <td>
                <Moment at={from} />
              </td>
              <td>
                <Moment at={to} />
              </td>
              <td>{WHY[why]}</td>
              <td>{stream.replaceAll('_', ' ')}</td>
              <td>
                {session === '' ? (
                  'all'
                ) : may('view') ? (
                  <Link href={conversationAddress(session)}>
                    <Inert text={session} plain />
                  </Link>
                ) : (
                  <Inert text={session} plain />
                )}
              </td>
              <td>
                <Inert text={reason} plain />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolled>
  );
}

/** The same as the calendar, for those who read tables. */
function Months({ calendar: { days } }: { readonly calendar: CoverageCalendar }) {
  const months = new Map<string, { counts: Record<string, number>; records: number | null }>();
  for (const { day, state, records } of days) {
    const month = months.get(day.slice(0, 7)) ?? { counts: {}, records: null };
    month.counts[state] = (month.counts[state] ?? 0) + 1;
    if (records !== null) month.records = (month.records ?? 0) + records;
    months.set(day.slice(0, 7), month);
  }
  return (
    <Scrolled label="Days of each month by state">
      <table>
        <thead>
          <tr>
            <th scope="col">Month (UTC)</th>
            {STATES.map(([state]) => (
              <th key={state} scope="col" class="number">
                {state}
              </th>
            ))}
            <th scope="col" class="number">
              Records
            </th>
          </tr>
        </thead>
        <tbody>
          {[...months].map(([month, { counts, records }]) => (
            <tr key={month}>
              <th scope="row">{month}</th>
              {STATES.map(([state]) => (
                <td key={state} class={`number ${(counts[state] ?? 0) > 0 ? '' : 'nought'}`}>
                  {countText(counts[state] ?? 0)}
                </td>
              ))}
              <td class="number">{records === null ? 'not told' : countText(records)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolled>
  );
}
