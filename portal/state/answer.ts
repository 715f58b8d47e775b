import { useEffect, useState } from 'preact/hooks';

/** How a question to the API stands. A new question keeps the old answer to look at until the new one is there. */
export interface Asked<T> {
  readonly answer: T | undefined;
  readonly problem: unknown;
  readonly isLoading: boolean;
  readonly again: () => void;
}

/**
 * Asks when first shown and whenever `question` changes, and gives up the question before.
 * @param question what is asked, as text; null asks nothing
 */
export function useAnswer<T>(question: string | null, ask: (abort: AbortSignal) => Promise<T>): Asked<T> {
  const [state, setState] = useState<Omit<Asked<T>, 'again'> & { readonly of: string | null }>({
    of: null,
    answer: undefined,
    problem: undefined,
    isLoading: question !== null,
  });
  const [round, setRound] = useState(0);
  // `question` says all that `ask` asks.
  useEffect(() => {
    if (question === null) {
      setState({ of: null, answer: undefined, problem: undefined, isLoading: false });
      return;
    }
    const abort = new AbortController();
    setState((before) => ({ ...before, isLoading: true }));
    ask(abort.signal).then(
      (answer) => {
        if (!abort.signal.aborted) setState({ of: question, answer, problem: undefined, isLoading: false });
      },
      (problem: unknown) => {
        if (!abort.signal.aborted) setState({ of: question, answer: undefined, problem, isLoading: false });
      },
    );
    return () => abort.abort();
  }, [question, round]);
  return {
    answer: question === null ? undefined : state.answer,
    problem: state.problem,
    // The first paint after a change comes before the effect.
    isLoading: state.isLoading || state.of !== question,
    again: () => setRound((count) => count + 1),
  };
}
