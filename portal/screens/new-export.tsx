import { useState } from 'preact/hooks';
import { useLocation, useSearch } from 'wouter-preact';
import type { ExportInput, Format } from '../../src/export/export.ts';
import type { SearchInput } from '../../src/query/search.ts';
import { post } from '../api/client.ts';
import { Field } from '../parts/field.tsx';
import { Inert } from '../parts/inert.tsx';
import { Problem } from '../parts/states.tsx';
import { PersonField, SessionField } from '../parts/suggest.tsx';
import { address, isAsked, questionOf } from '../state/address.ts';
import { useZoneOf, zone } from '../state/choices.ts';

type Kind = ExportInput['of']['kind'];

const FORMATS: readonly (readonly [Format, string])[] = [
  ['rsmf', 'RSMF 2.0, for review platforms such as Relativity'],
  ['eml', 'EML, a mail for each message'],
  ['html', 'HTML, a transcript to read and print'],
  ['csv', 'CSV, a table for spreadsheets'],
  ['ndjson', 'NDJSON, for programs'],
  ['dat', 'Concordance DAT with Bates numbers'],
];

/** Starts an export of a search, conversations, custodians or a matter; the address may say which. */
export function NewExport() {
  const [, navigate] = useLocation();
  const query = useSearch();
  useZoneOf(query);
  const values = new URLSearchParams(query);
  const question = questionOf(query, zone.value);
  const isOfSearch = values.get('of') === null && isAsked(question);
  const [kind, setKind] = useState<Kind>(isOfSearch ? 'search' : kindOf(values.get('of')));
  const [problem, setProblem] = useState<unknown>(undefined);
  const [isBusy, setBusy] = useState(false);
  const submit = async (form: HTMLFormElement): Promise<void> => {
    setBusy(true);
    setProblem(undefined);
    try {
      const { id } = await post<{ id: string }>('/api/exports', inputOf(new FormData(form), kind, question));
      navigate(address('/exports', { id }));
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };
  return (
    <>
      <h1>New export</h1>
      <form
        class="export-form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit(event.currentTarget);
        }}
      >
        <fieldset>
          <legend>What</legend>
          <div class="choices">
            {isOfSearch && (
              <KindChoice kind="search" label="What this search finds" chosen={kind} choose={setKind} />
            )}
            <KindChoice kind="conversations" label="A conversation" chosen={kind} choose={setKind} />
            <KindChoice kind="custodians" label="Custodians" chosen={kind} choose={setKind} />
            <KindChoice kind="matter" label="A matter" chosen={kind} choose={setKind} />
          </div>
          {kind === 'search' && <Question question={question} />}
          {kind === 'conversations' && (
            <SessionField
              label="Session"
              name="session"
              value={values.get('session') ?? ''}
              hint="Id, or part of a name to choose from"
              required
            />
          )}
          {kind === 'custodians' && (
            <PersonField
              label="Custodians"
              name="custodians"
              value={values.get('custodian') ?? ''}
              hint="E-mail addresses; several with commas"
              required
            />
          )}
          {kind === 'matter' && (
            <Field label="Matter" hint="What its holds cover">
              {(attributes) => (
                <input {...attributes} name="matter" defaultValue={values.get('matter') ?? ''} required />
              )}
            </Field>
          )}
          {(kind === 'conversations' || kind === 'custodians') && (
            <div class="fields">
              <Field label="From">
                {(attributes) => (
                  <input
                    {...attributes}
                    type="date"
                    name="from"
                    defaultValue={values.get('from')?.slice(0, 10) ?? ''}
                  />
                )}
              </Field>
              <Field label="To, included">
                {(attributes) => (
                  <input
                    {...attributes}
                    type="date"
                    name="to"
                    defaultValue={values.get('to')?.slice(0, 10) ?? ''}
                  />
                )}
              </Field>
            </div>
          )}
        </fieldset>
        <fieldset>
          <legend>As</legend>
          {FORMATS.map(([format, label]) => (
            <label key={format} class="check">
              <input type="checkbox" name="formats" value={format} defaultChecked={format === 'rsmf'} />
              {label}
            </label>
          ))}
          <label class="check">
            <input type="checkbox" name="proofs" value="true" defaultChecked />
            With a proof for each message
          </label>
          <p class="quiet">
            Days and times are those of <strong>{zone.value}</strong>.
          </p>
        </fieldset>
        <Field
          label="Reason (required)"
          wide
          hint="Stands in the manifest and in the access log, with your name"
        >
          {(attributes) => (
            <input {...attributes} name="reason" required maxLength={1000} autocomplete="off" />
          )}
        </Field>
        {problem !== undefined && <Problem problem={problem} />}
        <p class="bar">
          <button type="submit" class="primary" disabled={isBusy}>
            Start the export
          </button>
          <span role="status">{isBusy ? 'Starting…' : ''}</span>
        </p>
      </form>
    </>
  );
}

interface KindChoiceProps {
  readonly kind: Kind;
  readonly label: string;
  readonly chosen: Kind;
  readonly choose: (kind: Kind) => void;
}

function KindChoice({ kind, label, chosen, choose }: KindChoiceProps) {
  return (
    <label class="check">
      <input type="radio" name="kind" value={kind} checked={kind === chosen} onChange={() => choose(kind)} />
      {label}
    </label>
  );
}

/** As the form of the search calls them. */
const CONDITIONS: Readonly<Record<string, string>> = {
  text: 'Text',
  match: 'Find',
  person: 'Sender',
  participant: 'Somebody in the session',
  session: 'Session',
  channel: 'Channel',
  from: 'From',
  to: 'To, included',
  zone: 'Days of',
  kind: 'Versions',
  hasFiles: 'With files',
  external: 'External people',
  edited: 'Edited',
  deleted: 'Deleted',
  matter: 'Matter',
  custodian: 'Custodian',
  order: 'Order',
};

/** What the search asks for, in words, so that nobody exports something else than what he saw. */
function Question({ question: { after: _, limit: __, ...question } }: { readonly question: SearchInput }) {
  return (
    <dl class="facts-list">
      {Object.entries(question).map(([name, value]) => (
        <div key={name}>
          <dt>{CONDITIONS[name] ?? name}</dt>
          <dd>
            <Inert text={String(value)} plain />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function kindOf(named: string | null): Kind {
  return named === 'custodians' || named === 'matter' ? named : 'conversations';
}

function inputOf(form: FormData, kind: Kind, { after: _, ...question }: SearchInput): ExportInput {
  const text = (name: string): string => String(form.get(name) ?? '').trim();
  const time = {
    ...(text('from') === '' ? {} : { from: text('from') }),
    ...(text('to') === '' ? {} : { to: text('to') }),
  };
  const formats = FORMATS.map(([format]) => format).filter((format) =>
    form.getAll('formats').includes(format),
  );
  return {
    of: ((): ExportInput['of'] => {
      switch (kind) {
        case 'search':
          return { kind, query: question };
        case 'conversations':
          return { kind, sessions: [text('session')], ...time };
        case 'custodians':
          return { kind, custodians: listed(text('custodians')), ...time };
        case 'matter':
          return { kind, matter: text('matter') };
        default:
          return kind satisfies never;
      }
    })(),
    zone: zone.value,
    formats,
    proofs: form.get('proofs') === 'true',
    reason: text('reason'),
  };
}

function listed(text: string): string[] {
  return text.split(/[,;\s]+/).filter((each) => each !== '');
}
