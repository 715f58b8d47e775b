import type { DisposalSummary, Kept, KeptClass, KeptHold } from '../../src/query/kept.ts';
import { get } from '../api/client.ts';
import { Inert } from '../parts/inert.tsx';
import { Moment } from '../parts/moment.tsx';
import { AnsweredFrom } from '../parts/read-at.tsx';
import { Scrolled } from '../parts/scrolled.tsx';
import { Answer } from '../parts/states.tsx';
import { useAnswer } from '../state/answer.ts';
import { counted, countText, sizeText } from '../text/amount.ts';
import { plainText } from '../text/pieces.ts';

/** How long things are kept, what must stay, and what went. */
export function RetentionScreen() {
  const kept = useAnswer('retention', (abort) => get<Kept>('/api/retention', abort));
  return (
    <>
      <h1>Retention and holds</h1>
      <Answer of={kept} loading="Reading classes and holds">
        {({ classes, holds, disposals, at }) => (
          <>
            <h2>Classes</h2>
            <Classes classes={classes} />
            <h2>Legal holds</h2>
            {holds.length === 0 ? (
              <p>None was ever placed.</p>
            ) : (
              holds.map((hold) => <Hold key={hold.hold} hold={hold} />)
            )}
            <h2>Disposals</h2>
            {disposals.length === 0 ? (
              <p>Nothing was ever disposed of.</p>
            ) : (
              <Disposals disposals={disposals} />
            )}
            <AnsweredFrom at={at} />
          </>
        )}
      </Answer>
    </>
  );
}

function Classes({ classes }: { readonly classes: readonly KeptClass[] }) {
  return (
    <Scrolled label="Classes">
      <table>
        <thead>
          <tr>
            <th scope="col">Class</th>
            <th scope="col" class="number">
              Segments
            </th>
            <th scope="col" class="number">
              Files
            </th>
            <th scope="col" class="number">
              Records
            </th>
            <th scope="col" class="number">
              Size
            </th>
            <th scope="col">Days</th>
            <th scope="col">Locks</th>
            <th scope="col" class="number">
              Disposed of
            </th>
          </tr>
        </thead>
        <tbody>
          {classes.map(({ name, segments, objects, records, bytes, firstDay, lastDay, locks, disposed }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="number">{countText(segments)}</td>
              <td class="number">{countText(objects)}</td>
              <td class="number">{countText(records)}</td>
              <td class="number">{sizeText(bytes)}</td>
              <td>
                {firstDay === null || lastDay === null ? (
                  'none'
                ) : (
                  <>
                    <span class="whole">{firstDay}</span> to <span class="whole">{lastDay}</span>
                  </>
                )}
              </td>
              <td>
                {locks.map(({ mode, count, from, to }) => (
                  <div key={mode}>
                    {countText(count)} {mode === 'none' ? 'without lock' : mode}
                    {from !== null && to !== null && (
                      <>
                        , until <Moment at={from} />
                        {to !== from && (
                          <>
                            {' '}
                            to <Moment at={to} />
                          </>
                        )}
                      </>
                    )}
                  </div>
                ))}
              </td>
              <td class="number">{countText(disposed)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolled>
  );
}

const STEPS = {
  place: 'placed',
  change: 'changed',
  release: 'released',
  cancel: 'release cancelled',
  end: 'ended',
} as const;

function Hold({ hold: { hold, matter, source, state, scope, steps } }: { readonly hold: KeptHold }) {
  return (
    <section class="hold" aria-label={`Hold ${plainText(hold)}`}>
      <h3>
        <Inert text={matter} plain /> <span class={`badge ${state.replace(' ', '-')}`}>{state}</span>
      </h3>
      <p class="facts">
        <span>
          Hold{' '}
          <code>
            <Inert text={hold} plain />
          </code>
        </span>
        <span>{source === 'zoom' ? "from Zoom's legal hold" : 'placed here'}</span>
      </p>
      <p>
        <Inert text={scopeText(scope)} plain />
      </p>
      <ol class="deeds">
        {steps.map(({ action, at, by, reason, endsAt, entry }) => (
          <li key={entry}>
            <Moment at={at} /> <strong>{STEPS[action]}</strong> by <Inert text={by} plain />
            {reason !== '' && (
              <>
                : <Inert text={reason} plain />
              </>
            )}
            {endsAt !== null && (
              <>
                , ends <Moment at={endsAt} />
              </>
            )}{' '}
            <span class="quiet">(entry {countText(entry)})</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function scopeText({ custodians, channels, sessions, from, to }: KeptHold['scope']): string {
  const parts = [
    ...custodians.map((each) => `custodian ${each}`),
    ...channels.map((each) => `channel ${each}`),
    ...sessions.map((each) => `session ${each}`),
  ];
  const what = parts.length === 0 ? 'everything' : parts.join(', ');
  const when =
    from === null && to === null
      ? 'of all time'
      : `from ${from ?? 'the beginning'} to ${to ?? 'further notice'} (UTC)`;
  return `Covers ${what}, ${when}.`;
}

function Disposals({ disposals }: { readonly disposals: readonly DisposalSummary[] }) {
  return (
    <Scrolled label="Disposals">
      <table>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">Class</th>
            <th scope="col">By</th>
            <th scope="col">Approved by</th>
            <th scope="col">Reason</th>
            <th scope="col" class="number">
              What
            </th>
          </tr>
        </thead>
        <tbody>
          {disposals.map(({ at, by, approvedBy, class: name, reason, count, bytes }) => (
            <tr key={`${at} ${name} ${by} ${reason}`}>
              <td>
                <Moment at={at} />
              </td>
              <td>{name}</td>
              <td>
                <Inert text={by} plain />
              </td>
              <td>{approvedBy === null ? 'not asked for' : <Inert text={approvedBy} plain />}</td>
              <td>
                <Inert text={reason} plain />
              </td>
              <td class="number">
                {counted(count, 'object')}, {sizeText(bytes)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolled>
  );
}
