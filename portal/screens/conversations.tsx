import { Link, useLocation, useSearch } from 'wouter-preact';
import type { Sessions } from '../../src/query/sessions.ts';
import { post } from '../api/client.ts';
import { Field } from '../parts/field.tsx';
import { Inert, SessionName } from '../parts/inert.tsx';
import { Moment } from '../parts/moment.tsx';
import { Scrolled } from '../parts/scrolled.tsx';
import { Answer, Empty } from '../parts/states.tsx';
import { address, conversationAddress } from '../state/address.ts';
import { useAnswer } from '../state/answer.ts';
import { countText } from '../text/amount.ts';

/** Every session that the reader may see, by the names it ever had. */
export function Conversations() {
  const [, navigate] = useLocation();
  const values = new URLSearchParams(useSearch());
  const text = values.get('text') ?? '';
  const after = values.get('after');
  const question = { ...(text === '' ? {} : { text }), ...(after === null ? {} : { after }) };
  const sessions = useAnswer(JSON.stringify(question), (abort) =>
    post<Sessions>('/api/sessions', question, abort),
  );
  return (
    <>
      <h1>Conversations</h1>
      <search>
        <form
          class="question inline"
          key={text}
          onSubmit={(event) => {
            event.preventDefault();
            navigate(
              address('/conversations', {
                text: String(new FormData(event.currentTarget).get('text') ?? '').trim(),
              }),
            );
          }}
        >
          <Field label="Name or id" wide hint="A part of any name that it ever had">
            {(attributes) => <input {...attributes} type="search" name="text" defaultValue={text} />}
          </Field>
          <button type="submit">Show</button>
        </form>
      </search>
      <Answer of={sessions} loading="Reading sessions">
        {({ sessions: found, next }) =>
          found.length === 0 ? (
            <Empty>
              <p>
                <strong>No such session</strong> within what you may see.
              </p>
            </Empty>
          ) : (
            <>
              <Scrolled label="Sessions">
                <table>
                  <thead>
                    <tr>
                      <th scope="col">Session</th>
                      <th scope="col">Type</th>
                      <th scope="col">First message</th>
                      <th scope="col">Last message</th>
                      <th scope="col" class="number">
                        Versions
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {found.map((session) => (
                      <tr key={session.id}>
                        <th scope="row">
                          <Link href={conversationAddress(session.id)} data-item>
                            <SessionName session={session} />
                          </Link>
                          {session.external === true && <span class="badge external">external</span>}
                          {session.names.length > 1 && (
                            <span class="quiet formerly">
                              {' '}
                              formerly{' '}
                              {session.names
                                .filter((name) => name !== session.name)
                                .map((name, index) => (
                                  <span key={name}>
                                    {index > 0 && ', '}
                                    <Inert text={name} plain />
                                  </span>
                                ))}
                            </span>
                          )}
                        </th>
                        <td>{session.type === '1:1' ? 'Direct' : session.type}</td>
                        <td>{session.first !== null && <Moment at={session.first} />}</td>
                        <td>{session.last !== null && <Moment at={session.last} />}</td>
                        <td class="number">{countText(session.revisions)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </Scrolled>
              {next !== null && (
                <nav class="pages" aria-label="Pages of sessions">
                  <Link class="button" href={address('/conversations', { text, after: next })}>
                    Next page
                  </Link>
                </nav>
              )}
            </>
          )
        }
      </Answer>
    </>
  );
}
