/** Inputs that suggest people and sessions of the archive; what is not among them can be typed all the same. */
import { useEffect, useId, useState } from 'preact/hooks';
import type { People } from '../../src/query/people.ts';
import type { Sessions } from '../../src/query/sessions.ts';
import { post } from '../api/client.ts';
import { plainText } from '../text/pieces.ts';
import { Field } from './field.tsx';

interface Suggestion {
  readonly value: string;
  readonly label: string;
}

/** Milliseconds of quiet before it is asked: every question is an entry in the access log. */
const QUIET = 250;

interface SuggestProps {
  readonly label: string;
  readonly hint?: string;
  readonly name: string;
  readonly value: string;
  readonly required?: boolean;
  readonly onInput?: (value: string) => void;
}

export function PersonField(props: SuggestProps) {
  return (
    <SuggestField
      {...props}
      ask={async (text, abort) => {
        const { people } = await post<People>('/api/people', { text, limit: 8 }, abort);
        return people.map(({ email, memberId, names }) => ({
          value: email || memberId || (names[0] ?? ''),
          label: names.join(', '),
        }));
      }}
    />
  );
}

export function SessionField(props: SuggestProps) {
  return (
    <SuggestField
      {...props}
      ask={async (text, abort) => {
        const { sessions } = await post<Sessions>('/api/sessions', { text, limit: 8 }, abort);
        return sessions.map(({ id, names, type }) => ({ value: id, label: names.join(', ') || type }));
      }}
    />
  );
}

function SuggestField({
  label,
  hint,
  name,
  value,
  required = false,
  onInput,
  ask,
}: SuggestProps & { readonly ask: (text: string, abort: AbortSignal) => Promise<readonly Suggestion[]> }) {
  const list = useId();
  const [typed, setTyped] = useState('');
  const [suggestions, setSuggestions] = useState<readonly Suggestion[]>([]);
  useEffect(() => {
    if (typed.trim().length < 2 || suggestions.some((each) => each.value === typed)) return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      // A suggestion that cannot be had is none; the field works without.
      ask(typed.trim(), abort.signal).then(setSuggestions, () => setSuggestions([]));
    }, QUIET);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [typed]);
  return (
    <Field label={label} {...(hint === undefined ? {} : { hint })}>
      {(attributes) => (
        <>
          <input
            {...attributes}
            name={name}
            defaultValue={value}
            list={list}
            required={required}
            autocomplete="off"
            spellcheck={false}
            onInput={({ currentTarget }) => {
              setTyped(currentTarget.value);
              onInput?.(currentTarget.value);
            }}
          />
          <datalist id={list}>
            {suggestions.map(({ value: id, label: named }) => (
              <option key={id} value={id}>
                {plainText(named)}
              </option>
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}
