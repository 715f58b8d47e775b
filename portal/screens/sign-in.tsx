import { useEffect, useState } from 'preact/hooks';
import { useSearch } from 'wouter-preact';
import { csrf, get, post } from '../api/client.ts';
import type { Me, SignInMethods } from '../api/contract.ts';
import { Field } from '../parts/field.tsx';
import { Answer, Problem } from '../parts/states.tsx';
import { address } from '../state/address.ts';
import { useAnswer } from '../state/answer.ts';
import { welcome } from '../state/reader.ts';

/** How a sign-in at the organisation's provider ended, as the server says it in the address. */
const FAILURES: Readonly<Record<string, string>> = {
  wrong: 'The sign-in was not completed. Try again.',
  'not-granted':
    'You are known to your organisation, but have no role here. Whoever runs the portal grants one.',
  unavailable: "Your organisation's sign-in does not answer. Try again later.",
};

export function SignIn() {
  const asked = new URLSearchParams(useSearch());
  const wanted = asked.get('return') ?? '/';
  const failure = FAILURES[asked.get('failed') ?? ''];
  const methods = useAnswer('sign-in', async (abort) => {
    const answer = await get<SignInMethods>('/api/sign-in', abort);
    csrf.value = answer.csrf;
    return answer;
  });
  useEffect(() => {
    document.title = 'Sign in · Chat archive';
  }, []);
  return (
    <main id="content" class="alone">
      <Answer of={methods} loading="Asking how to sign in">
        {({ title, methods: { oidc, password } }) => (
          <>
            <h1>{title}</h1>
            <p class="quiet">What you search, open and export here is written to the access log.</p>
            {failure !== undefined && (
              <p class="problem" role="alert">
                {failure}
              </p>
            )}
            {oidc && (
              <p>
                <a class="button" href={address('/auth/oidc', { return: wanted })}>
                  Sign in with your organisation
                </a>
              </p>
            )}
            {oidc && password && <p class="or">or</p>}
            {password && <PasswordForm />}
            {!oidc && !password && (
              <p>No way to sign in is set up. Whoever runs the portal has to name one.</p>
            )}
          </>
        )}
      </Answer>
    </main>
  );
}

function PasswordForm() {
  const [problem, setProblem] = useState<unknown>(undefined);
  const [isBusy, setBusy] = useState(false);
  const submit = async (form: HTMLFormElement): Promise<void> => {
    const values = new FormData(form);
    setBusy(true);
    setProblem(undefined);
    try {
      const answer = await post<Me>('/api/sign-in', {
        name: String(values.get('name') ?? ''),
        password: String(values.get('password') ?? ''),
      });
      // The frame then leads to where `return` says.
      welcome(answer);
    } catch (error) {
      setProblem(error);
      setBusy(false);
      form.querySelector<HTMLInputElement>('[name=password]')?.focus();
    }
  };
  return (
    <form
      class="sign-in"
      onSubmit={(event) => {
        event.preventDefault();
        void submit(event.currentTarget);
      }}
    >
      <Field label="Name" wide>
        {(attributes) => (
          <input {...attributes} name="name" autocomplete="username" required spellcheck={false} />
        )}
      </Field>
      <Field label="Password" wide>
        {(attributes) => (
          <input {...attributes} name="password" type="password" autocomplete="current-password" required />
        )}
      </Field>
      {problem !== undefined && <Problem problem={problem} />}
      <button type="submit" class="primary" disabled={isBusy}>
        Sign in
      </button>
    </form>
  );
}
