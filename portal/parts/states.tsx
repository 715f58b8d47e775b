/** What stands where an answer is not there yet, is empty, or failed. */
import type { ComponentChildren } from 'preact';
import { ApiError } from '../api/client.ts';
import type { Asked } from '../state/answer.ts';
import { Inert } from './inert.tsx';

/** An error with what to do about it. */
export function Problem({ problem, again }: { readonly problem: unknown; readonly again?: () => void }) {
  const said =
    problem instanceof ApiError
      ? problem
      : {
          code: 'page',
          message: 'This page made a mistake.',
          hint: 'Load it again.',
          detail: String(problem),
        };
  return (
    <div class="problem" role="alert">
      <p>
        <strong>{said.message}</strong> <code class="quiet">{said.code}</code>
      </p>
      {said.detail !== undefined && (
        <p class="detail">
          <Inert text={said.detail} plain />
        </p>
      )}
      {said.hint !== '' && <p>{said.hint}</p>}
      {again !== undefined && (
        <p>
          <button type="button" onClick={again}>
            Try again
          </button>
        </p>
      )}
    </div>
  );
}

interface AnswerProps<T> {
  readonly of: Asked<T>;
  /** Said to those who do not see the page change. */
  readonly loading: string;
  readonly children: (answer: T) => ComponentChildren;
}

/** An answer once it is there; until then that it is on its way, or why not. */
export function Answer<T>({ of: { answer, problem, isLoading, again }, loading, children }: AnswerProps<T>) {
  return (
    <>
      <p class="loading" role="status" hidden={!isLoading}>
        {isLoading ? `${loading}…` : ''}
      </p>
      {!isLoading && problem !== undefined && <Problem problem={problem} again={again} />}
      {answer !== undefined && (
        <div class={isLoading ? 'stale' : undefined} aria-busy={isLoading}>
          {children(answer)}
        </div>
      )}
    </>
  );
}

export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <div class="empty">{children}</div>;
}
