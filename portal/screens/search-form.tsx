import type { SearchInput } from '../../src/query/search.ts';
import { Choice } from '../parts/choice.tsx';
import { Field } from '../parts/field.tsx';
import { PersonField, SessionField } from '../parts/suggest.tsx';
import { questionOf } from '../state/address.ts';

interface SearchFormProps {
  readonly question: SearchInput;
  readonly onAsk: (question: SearchInput) => void;
}

const FLAGS = [
  ['hasFiles', 'Files', 'with files', 'without files'],
  ['external', 'External people', 'with external people', 'within the account'],
  ['edited', 'Edits', 'edited', 'never edited'],
  ['deleted', 'Deletions', 'deleted', 'not deleted'],
] as const;

export function SearchForm({ question, onAsk }: SearchFormProps) {
  const hasMore = MORE.some((name) => question[name] !== undefined);
  return (
    <search>
      <form
        class="question"
        onSubmit={(event) => {
          event.preventDefault();
          const values = new URLSearchParams();
          for (const [name, value] of new FormData(event.currentTarget))
            if (typeof value === 'string') values.append(name, value);
          onAsk(questionOf(values.toString(), question.zone ?? 'UTC'));
        }}
      >
        <div class="fields">
          <Field label="Text" wide>
            {(attributes) => (
              <input
                {...attributes}
                type="search"
                name="text"
                defaultValue={question.text ?? ''}
                maxLength={1000}
              />
            )}
          </Field>
          <Field label="Find">
            {(attributes) => (
              <Choice
                {...attributes}
                name="match"
                value={question.match ?? 'words'}
                options={[
                  ['words', 'all of the words'],
                  ['phrase', 'the words in this order'],
                  ['substring', 'any part'],
                  ['regex', 'a regular expression'],
                ]}
              />
            )}
          </Field>
          <PersonField
            label="Sender"
            name="person"
            value={question.person ?? ''}
            hint="Address or any name, also a former one"
          />
          <SessionField
            label="Session"
            name="session"
            value={question.session ?? ''}
            hint="Id or part of a name"
          />
          <Field label="From">
            {(attributes) => <DayInput {...attributes} name="from" value={question.from} />}
          </Field>
          <Field label="To, included">
            {(attributes) => <DayInput {...attributes} name="to" value={question.to} />}
          </Field>
          <Field label="Order">
            {(attributes) => (
              <Choice
                {...attributes}
                name="order"
                value={question.order ?? 'oldest'}
                options={[
                  ['oldest', 'oldest first'],
                  ['newest', 'newest first'],
                ]}
              />
            )}
          </Field>
          <input type="hidden" name="zone" value={question.zone} />
        </div>
        <details open={hasMore}>
          <summary>More conditions</summary>
          <div class="fields">
            <PersonField
              label="Somebody in the session"
              name="participant"
              value={question.participant ?? ''}
            />
            <Field label="Channel" hint="Id, or a pattern like legal-*">
              {(attributes) => <input {...attributes} name="channel" defaultValue={question.channel ?? ''} />}
            </Field>
            <PersonField label="Custodian" name="custodian" value={question.custodian ?? ''} />
            <Field label="Matter">
              {(attributes) => <input {...attributes} name="matter" defaultValue={question.matter ?? ''} />}
            </Field>
            <Field label="Versions">
              {(attributes) => (
                <Choice
                  {...attributes}
                  name="kind"
                  value={question.kind ?? ''}
                  options={[
                    ['', 'of every kind'],
                    ['sent', 'as sent'],
                    ['edited', 'edits'],
                    ['deleted', 'deletions'],
                  ]}
                />
              )}
            </Field>
            {FLAGS.map(([name, label, yes, no]) => (
              <Field key={name} label={label}>
                {(attributes) => (
                  <Choice
                    {...attributes}
                    name={name}
                    value={question[name] === undefined ? '' : String(question[name])}
                    options={[
                      ['', 'with and without'],
                      ['true', yes],
                      ['false', no],
                    ]}
                  />
                )}
              </Field>
            ))}
          </div>
        </details>
        <div class="bar">
          <p class="quiet">
            Days are those of <strong>{question.zone}</strong>.
          </p>
          <button type="submit" class="primary">
            Search
          </button>
        </div>
      </form>
    </search>
  );
}

const MORE = [
  'participant',
  'channel',
  'custodian',
  'matter',
  'kind',
  'hasFiles',
  'external',
  'edited',
  'deleted',
] as const;

interface DayInputProps {
  readonly id: string;
  readonly 'aria-describedby': string | undefined;
  readonly name: string;
  readonly value: string | undefined;
}

/** A day; or an instant, where a link asks for one, which no picker of days could hold. */
function DayInput({ value = '', ...attributes }: DayInputProps) {
  return value.length > 10 ? (
    <input {...attributes} defaultValue={value} spellcheck={false} />
  ) : (
    <input {...attributes} type="date" defaultValue={value} />
  );
}
