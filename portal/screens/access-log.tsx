import { Link, useLocation, useSearch } from 'wouter-preact';
import type { AccessLogInput, AccessPage } from '../../src/access/read.ts';
import type { Action } from '../../src/query/reader.ts';
import { post } from '../api/client.ts';
import { Choice } from '../parts/choice.tsx';
import { Field } from '../parts/field.tsx';
import { Inert } from '../parts/inert.tsx';
import { Moment } from '../parts/moment.tsx';
import { Scrolled } from '../parts/scrolled.tsx';
import { Answer, Empty } from '../parts/states.tsx';
import { address } from '../state/address.ts';
import { useAnswer } from '../state/answer.ts';
import { countText } from '../text/amount.ts';
import { scopeText } from '../text/scope.ts';

const ACTIONS: readonly Action[] = [
  'search',
  'view',
  'export',
  'coverage',
  'retention',
  'verification',
  'access-log',
];

/** Who asked the archive for what. */
export function AccessLog() {
  const [, navigate] = useLocation();
  const values = new URLSearchParams(useSearch());
  const question: AccessLogInput = {};
  const name = values.get('name') ?? '';
  const action = ACTIONS.find((each) => each === values.get('action'));
  const after = values.get('after');
  if (name !== '') question.name = name;
  if (action !== undefined) question.action = action;
  if (after !== null) question.after = after;
  const page = useAnswer(JSON.stringify(question), (abort) =>
    post<AccessPage>('/api/access-log', question, abort),
  );
  return (
    <>
      <h1>Access log</h1>
      <p class="quiet">
        Every search, view and export, written down before it was answered, in a log of its own that only
        grows.
      </p>
      <form
        class="question inline"
        key={`${name} ${action}`}
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          navigate(
            address('/access-log', {
              name: String(form.get('name') ?? '').trim(),
              action: String(form.get('action') ?? ''),
            }),
          );
        }}
      >
        <Field label="Name">
          {(attributes) => (
            <input {...attributes} name="name" defaultValue={name} autocomplete="off" spellcheck={false} />
          )}
        </Field>
        <Field label="Deed">
          {(attributes) => (
            <Choice
              {...attributes}
              name="action"
              value={action ?? ''}
              options={[['', 'any'], ...ACTIONS.map((each) => [each, each] as const)]}
            />
          )}
        </Field>
        <button type="submit">Show</button>
      </form>
      <Answer of={page} loading="Reading the access log">
        {(answer) => <Entries page={answer} question={question} />}
      </Answer>
    </>
  );
}

function Entries({
  page: { entries, next, origin, size, root },
  question,
}: {
  readonly page: AccessPage;
  readonly question: AccessLogInput;
}) {
  return (
    <>
      {entries.length === 0 ? (
        <Empty>
          <p>
            <strong>No such deed</strong> in the log.
          </p>
        </Empty>
      ) : (
        <Scrolled label="Deeds">
          <table>
            <thead>
              <tr>
                <th scope="col" class="number">
                  Entry
                </th>
                <th scope="col">When</th>
                <th scope="col">Who</th>
                <th scope="col">Role and scope</th>
                <th scope="col">Deed</th>
                <th scope="col">What was asked</th>
              </tr>
            </thead>
            <tbody>
              {entries.map(({ index, at, name, role, scope, action, input }) => (
                <tr key={index}>
                  <td class="number">{countText(index)}</td>
                  <td>
                    <Moment at={at} seconds />
                  </td>
                  <th scope="row">
                    <Inert text={name} plain />
                  </th>
                  <td>
                    {role}
                    {scopeText(scope) !== '' && (
                      <span class="quiet">
                        {', '}
                        <Inert text={scopeText(scope)} plain />
                      </span>
                    )}
                  </td>
                  <td>{action}</td>
                  <td class="input">
                    <code class="long">
                      <Inert text={JSON.stringify(input)} plain />
                    </code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scrolled>
      )}
      {next !== null && (
        <nav class="pages" aria-label="Pages of the access log">
          <Link
            class="button"
            href={address('/access-log', { name: question.name, action: question.action, after: next })}
          >
            Older
          </Link>
        </nav>
      )}
      <p class="read-at">
        {countText(size)} entries of <code>{origin}</code>, root <code>{root}</code>.
      </p>
    </>
  );
}
