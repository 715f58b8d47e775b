import type { SearchInput } from '../../src/query/search.ts';
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
              <select {...attributes} name="match" defaultValue={question.match ?? 'words'}>
                <option value="words">all of the words</option>
                <option value="phrase">the words in this order</option>
                <option value="substring">any part</option>
                <option value="regex">a regular expression</option>
              </select>
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
              <select {...attributes} name="order" defaultValue={question.order ?? 'oldest'}>
                <option value="oldest">oldest first</option>
                <option value="newest">newest first</option>
              </select>
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
                <select {...attributes} name="kind" defaultValue={question.kind ?? ''}>
                  <option value="">of every kind</option>
                  <option value="sent">as sent</option>
                  <option value="edited">edits</option>
                  <option value="deleted">deletions</option>
                </select>
              )}
            </Field>
            {FLAGS.map(([name, label, yes, no]) => (
              <Field key={name} label={label}>
                {(attributes) => (
                  <select
                    {...attributes}
                    name={name}
                    defaultValue={question[name] === undefined ? '' : String(question[name])}
                  >
                    <option value="">with and without</option>
                    <option value="true">{yes}</option>
                    <option value="false">{no}</option>
                  </select>
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
